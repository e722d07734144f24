"""ScaleNorm: equal to F.normalize and to RMSNorm with one gain, and the claims of its page."""

from __future__ import annotations

import inspect

import pytest
import torch
from torch import Tensor, nn

from snippets.experiment import PLACE, SHAPE, reach
from snippets.normalization.scale_norm import use
from snippets.normalization.scale_norm.evidence import RATES, SEEDS
from snippets.normalization.scale_norm.evidence_axes import ScaleNorm2d
from snippets.normalization.scale_norm.from_scratch import ScaleNorm

both = pytest.mark.parametrize("layer_class", [ScaleNorm, use.ScaleNorm], ids=["from_scratch", "use"])


def noise(*shape: int, size: float = 1.0) -> Tensor:
    """Values of mean 0.5 and standard deviation 1, times a size."""
    return size * (torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) + 0.5)


@both
@pytest.mark.parametrize("shape", [(4, 8), (4, 6, 8), (2, 3, 4, 8)])
def test_equals_normalize(layer_class: type[nn.Module], shape: tuple[int, ...]) -> None:
    """Output and gradients of input and g."""
    layer = layer_class(8).double()
    nn.init.constant_(layer.g, 1.7)
    g = torch.tensor([1.7], dtype=torch.float64, requires_grad=True)
    results = []
    for function, scale in ((layer, layer.g), (lambda x: g * nn.functional.normalize(x, dim=-1), g)):
        x = noise(*shape).requires_grad_()
        y = function(x)
        (y * noise(*shape).flip(0)).sum().backward()
        results.append((y, x.grad, scale.grad))
    for a, b in zip(*results, strict=True):
        assert torch.allclose(a, b, rtol=1e-10)


@both
@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3])
def test_length_is_g(layer_class: type[nn.Module], size: float) -> None:
    """Every token has length g: 8 for 64 features, and what g is set to."""
    layer = layer_class(64).double()
    assert torch.allclose(layer(noise(4, 6, 64, size=size)).norm(dim=-1), torch.full((4, 6), 8.0, dtype=torch.float64))
    nn.init.constant_(layer.g, 3.0)
    assert torch.allclose(layer(noise(4, 6, 64, size=size)).norm(dim=-1), torch.full((4, 6), 3.0, dtype=torch.float64))


@both
def test_rms_norm_with_one_gain(layer_class: type[nn.Module]) -> None:
    """At its start it is RMSNorm with gains of 1, without eps."""
    for width in (8, 64, 512):
        x = noise(4, width)
        assert torch.allclose(layer_class(width).double()(x), nn.RMSNorm(width, eps=0.0).double()(x), rtol=1e-6)


def test_gradient_is_orthogonal() -> None:
    """The gradient of each token has no part along the token, and a token three times as long gives the same output."""
    x = noise(50, 8).requires_grad_()
    (ScaleNorm(8).double()(x) * noise(50, 8).flip(0)).sum().backward()
    assert x.grad is not None
    assert torch.allclose(ScaleNorm(8).double()(3 * x), ScaleNorm(8).double()(x))
    cosine = nn.functional.cosine_similarity(x.grad, x.detach(), dim=1)
    assert cosine.abs().max() < 1e-10
    assert x.grad.norm(dim=1).min() > 1e-3


def test_one_parameter() -> None:
    """1 against 1,024 for 512 features."""
    counts = [sum(p.numel() for p in layer.parameters()) for layer in (use.ScaleNorm(512), nn.LayerNorm(512))]
    assert counts == [1, 1024]


@both
def test_g_has_a_dimension(layer_class: type[nn.Module]) -> None:
    """g has the shape (1,); both forms of FSDP hold the refusal of scalars."""
    from torch.distributed.fsdp import _init_utils
    from torch.distributed.fsdp._fully_shard import _fsdp_init

    assert layer_class(8).g.shape == (1,)
    assert "FSDP doesn't support scalar parameters" in inspect.getsource(_init_utils)
    assert "fully_shard doesn't support scalar parameters" in inspect.getsource(_fsdp_init)


def test_start_at_the_root() -> None:
    """g = 1: mean square 1/64 for 64 features; g at the root of 64: 1."""
    layer, x = ScaleNorm(64).double(), noise(20, 64)
    assert layer(x).square().mean().item() == pytest.approx(1)
    nn.init.constant_(layer.g, 1.0)
    assert layer(x).square().mean().item() == pytest.approx(1 / 64)


def test_timm_means_another() -> None:
    """timm's Attention(scale_norm=True) has the given norm_layer at `norm`, over all features of the attention."""
    from timm.layers import Attention

    attention = Attention(32, num_heads=4, scale_norm=True, norm_layer=nn.LayerNorm)
    assert isinstance(attention.norm, nn.LayerNorm)
    assert attention.norm.normalized_shape == (32,)
    order = [name for name, _ in attention.named_children()]
    assert order.index("norm") < order.index("proj")


def test_as_good_as_layer_norm(evidence) -> None:
    """At each of two learning rates the means differ by less than 2 points, and the seeds by more than they."""
    mean = {name: [sum(runs) / SEEDS for runs in of_rate] for name, of_rate in evidence().items()}
    assert len(RATES) == 2
    for place, (scale, layer) in enumerate(zip(mean["ScaleNorm"], mean["LayerNorm"], strict=True)):
        assert scale == pytest.approx(layer, abs=0.02)
        for name in ("ScaleNorm", "LayerNorm"):
            assert max(evidence()[name][place]) - min(evidence()[name][place]) > abs(scale - layer)


def test_axes(evidence) -> None:
    """The figure: the middle pixels of all channels in sample 2."""
    expected = torch.zeros(SHAPE, dtype=torch.bool)
    n, _, h, w = PLACE
    expected[n, :, h, w] = True
    assert torch.equal(reach(ScaleNorm2d()), expected)
    assert torch.equal(torch.tensor(evidence("axes")).bool(), expected)
