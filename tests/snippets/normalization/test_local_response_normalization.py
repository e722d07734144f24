"""Local response normalization: equal to torch, the paper's formula, and the claims of its page."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor, nn

from snippets.experiment import PLACE, SHAPE, reach
from snippets.normalization.local_response_normalization.evidence import SEEDS
from snippets.normalization.local_response_normalization.from_scratch import LocalResponseNorm
from snippets.normalization.local_response_normalization.use import alexnet_norm


def noise(*shape: int) -> Tensor:
    """Values of standard deviation 20."""
    return 20 * torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("space", [(7,), (5, 4), (3, 4, 2)])
@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 6])
@pytest.mark.parametrize("settings", [{}, {"alpha": 0.1, "beta": 0.5, "k": 2.0}, {"alpha": 1.0, "beta": 1.0, "k": 0.5}])
def test_equals_torch(space: tuple[int, ...], size: int, settings: dict[str, float]) -> None:
    """Output and gradient, also with fewer channels than the size.

    In float64; with one dimension of space in bfloat16 and float16, too: for images torch has no kernel on a CPU.
    """
    for channels, dtype in itertools.product((8, 3), (torch.float64, torch.bfloat16, torch.float16)):
        results = []
        if dtype != torch.float64 and len(space) > 1:
            with pytest.raises(NotImplementedError, match='"avg_pool3d_out_frame" not implemented for'):
                nn.LocalResponseNorm(size, **settings)(noise(2, channels, *space).to(dtype))
            continue
        for layer in (LocalResponseNorm(channels, size, **settings), nn.LocalResponseNorm(size, **settings)):
            x = noise(2, channels, *space).to(dtype).requires_grad_()
            y = layer(x)
            (y * noise(*y.shape).to(dtype)).sum().backward()
            results.append((y, x.grad))
        for a, b in zip(*results, strict=True):
            assert a.dtype == dtype
            bound = 1e-10 if dtype == torch.float64 else 4 * torch.finfo(dtype).eps
            # torch rounds each step, and its gradient is a difference of two terms: this is the larger one
            term = max(b.abs().max().item(), (noise(*y.shape) * y / x).abs().max().item())
            assert (a.double() - b.double()).abs().max() <= bound * term


def papers(x: Tensor, size: int = 5, alpha: float = 1e-4, beta: float = 0.75, k: float = 2.0) -> Tensor:
    """The formula of section 3.3, channel by channel."""
    made = []
    for c in range(x.shape[1]):
        around = x[:, max(0, c - size // 2) : c + size // 2 + 1]
        made.append(x[:, c] / (k + alpha * around.square().sum(dim=1)) ** beta)
    return torch.stack(made, dim=1)


def test_alpha_times_size() -> None:
    """The paper's layer is torch's with alpha=5e-4 and k=2; with alpha=1e-4 it is not."""
    x = noise(2, 8, 5, 4)
    assert torch.allclose(alexnet_norm()(x), papers(x), rtol=1e-10)
    assert torch.allclose(nn.LocalResponseNorm(5, alpha=5e-4, k=2.0)(x), papers(x), rtol=1e-10)
    assert not torch.allclose(nn.LocalResponseNorm(5, alpha=1e-4, k=2.0)(x), papers(x), rtol=1e-3)


@pytest.mark.parametrize("size", [1, 3, 5, 7])
def test_cross_map_keeps_the_first_channel(size: int) -> None:
    """From channel (n + 3) / 2 on, counted from 1, the sum of CrossMapLRN2d also has the first channel's square."""
    x = noise(2, 8, 5, 4)
    cross = nn.CrossMapLRN2d(size, alpha=0.1, beta=0.5, k=2.0)
    right = nn.LocalResponseNorm(size, alpha=0.1, beta=0.5, k=2.0)(x)
    first = (size + 3) // 2 - 1  # counted from 0
    assert torch.allclose(cross(x)[:, :first], right[:, :first], rtol=1e-10)
    divisor = (x / right).square()  # beta is 0.5
    divisor[:, first:] += 0.1 / size * x[:, :1].square()
    assert torch.allclose(cross(x), x / divisor.sqrt(), rtol=1e-10)
    assert (cross(x)[:, first:].abs() < right[:, first:].abs()).all()
    with pytest.raises(ValueError, match="Expected input to be 4D"):
        cross(noise(2, 8, 5))


def test_mostly_a_factor() -> None:
    """Between -1 and 1 the ratio of output and input is 0.594 to 0.595; at 20 it differs from channel to channel."""
    x = torch.cat([2 * torch.rand(50, 8, 5, 4, dtype=torch.float64) - 1, torch.ones(1, 8, 5, 4, dtype=torch.float64)])
    ratio = alexnet_norm()(x) / x
    assert ratio.min() >= 0.5935
    assert ratio.max() < 0.595
    x = noise(2, 8, 5, 4)
    ratio = alexnet_norm()(x) / x
    assert ratio.max() / ratio.min() > 1.02


def test_wrong_k() -> None:
    """At inputs of 1, k=1 makes the output 1.7 times that of k=2."""
    x = torch.ones(1, 8, 2, 2)
    ratio = alexnet_norm(k=1.0)(x) / alexnet_norm()(x)
    assert ratio.mean().item() == pytest.approx(1.7, abs=0.03)


def test_needs_space() -> None:
    """A table is refused."""
    with pytest.raises(ValueError, match="Expected 3D or higher dimensionality"):
        nn.LocalResponseNorm(5)(torch.randn(2, 8))


def test_torchvision_has_none() -> None:
    """torchvision's AlexNet and GoogLeNet have neither of torch's two layers."""
    from torchvision import models  # late: it takes a second

    for model in (models.alexnet(), models.googlenet(init_weights=False)):
        assert not any(isinstance(part, nn.LocalResponseNorm | nn.CrossMapLRN2d) for part in model.modules())


def test_lowest_on_digits(evidence) -> None:
    """At 0.1 and 0.3 the mean of local response norm is the lowest, at random guessing."""
    mean = {name: [sum(runs) / SEEDS for runs in of_rate] for name, of_rate in evidence().items()}
    lrn = mean.pop("local response norm")
    for others in mean.values():
        assert all(low < other for low, other in zip(lrn, others, strict=True))
    assert max(lrn) < 0.15


def test_axes(evidence) -> None:
    """The figure: the middle pixels of channels 2, 3 and 4 in sample 2."""
    expected = torch.zeros(SHAPE, dtype=torch.bool)
    n, c, h, w = PLACE
    expected[n, c - 1 : c + 2, h, w] = True
    assert torch.equal(reach(nn.LocalResponseNorm(3, alpha=1.0)), expected)
    assert torch.equal(torch.tensor(evidence("axes")).bool(), expected)
