"""Ghost batch normalization: equal to torch's layer part by part, its noise and statistics, and its page's claims."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from snippets.experiment import PLACE, SHAPE
from snippets.normalization.ghost_batch_normalization.evidence import GHOSTS, SIZES
from snippets.normalization.ghost_batch_normalization.from_scratch import GhostBatchNorm
from snippets.normalization.ghost_batch_normalization.use import GhostBatchNorm2d

KINDS = {0: nn.BatchNorm1d, 1: nn.BatchNorm1d, 2: nn.BatchNorm2d, 3: nn.BatchNorm3d}


@pytest.mark.parametrize("axes", KINDS)
@pytest.mark.parametrize(
    ("samples", "size", "parts"), [(8, 4, 2), (9, 4, 2), (11, 4, 2), (12, 4, 3), (7, 2, 3), (3, 8, 1)]
)
def test_equals_torch_part_by_part(samples: int, size: int, parts: int, axes: int) -> None:
    """Output, gradients and running statistics equal torch's layer, called on one part after another."""
    torch.manual_seed(0)
    ours, torchs = GhostBatchNorm(5, size).double(), KINDS[axes](5).double()
    layers = [ours, torchs]
    if axes == 2:
        layers.append(GhostBatchNorm2d(5, size).double())
    for layer in layers:
        layer.load_state_dict(torchs.state_dict())
    x = torch.randn(samples, 5, *[2] * axes, dtype=torch.float64) + torch.arange(samples).view(-1, *[1] * (axes + 1))
    sides = []
    for layer in layers:
        own = x.clone().requires_grad_()
        out = layer(own) if layer is not torchs else torch.cat([torchs(part) for part in own.tensor_split(parts)])
        (out * torch.arange(out.numel()).view(out.shape).sin()).sum().backward()
        sides.append([out, own.grad, *(p.grad for p in layer.parameters()), *layer.buffers()])
    for side in sides[1:]:
        torch.testing.assert_close(sides[0], side)


@pytest.mark.parametrize("size", [6, 10, 100])
def test_one_part_is_batch_norm(size: int) -> None:
    """A ghost size over half the batch of 10, and eval mode with any size, give batch normalization."""
    torch.manual_seed(0)
    plain, x = nn.BatchNorm2d(4), torch.randn(10, 4, 3, 3)
    for mode in (True, False):
        for ghost_size in (size, 2) if not mode else (size,):
            ghost = GhostBatchNorm2d(4, ghost_size)
            ghost.load_state_dict(plain.state_dict())
            torch.testing.assert_close(ghost.train(mode)(x), copy.deepcopy(plain).train(mode)(x))
        plain.train()(x)


def test_parts_are_large_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """For all batches up to 24 and sizes up to 12: the parts are the batch, and none is smaller than size or batch."""
    seen: list[int] = []
    monkeypatch.setattr(nn.BatchNorm2d, "forward", lambda self, x: (seen.append(len(x)), x)[1])
    for samples in range(1, 25):
        for size in range(1, 13):
            seen.clear()
            GhostBatchNorm2d(1, size)(torch.rand(samples, 1, 1, 2))
            assert sum(seen) == samples
            assert min(seen) >= min(size, samples)


@pytest.mark.parametrize(("parts", "momentum", "replaced"), [(8, 0.1, 0.57), (4, 0.02, 0.078), (1, 0.1, 0.1)])
def test_a_step_moves_them_k_times(parts: int, momentum: float, replaced: float) -> None:
    """One step replaces 1 - (1 - momentum)^k of the running statistics; 57% for 8 parts and 0.1."""
    assert 1 - (1 - momentum) ** parts == pytest.approx(replaced, abs=0.002)
    layer = GhostBatchNorm2d(1, 2, momentum=momentum).double()
    layer(torch.tensor([4.0, 6.0], dtype=torch.float64).repeat(parts).view(-1, 1, 1, 1))
    assert layer.running_mean.item() == pytest.approx(5 * (1 - (1 - momentum) ** parts))


def test_noise_falls_as_the_root(evidence) -> None:
    """From 4 to 128 samples the noise is proportional to 1/sqrt(m) to within 20%."""
    noise = torch.tensor(evidence()["noise"])
    scaled = noise * torch.tensor(SIZES).sqrt()
    assert (SIZES[0], SIZES[-1]) == (4, 128)
    assert scaled.max() / scaled.min() < 1.2


def test_no_gain_on_digits(evidence) -> None:
    """Means of three seeds. Parts of 4: worse than the whole batch of 64; parts of 16: within three points of it."""
    four, sixteen, whole = (torch.tensor(row) for row in evidence()["accuracy"])
    assert GHOSTS == [4, 16, 64]
    assert four.mean() < whole.mean()
    assert (sixteen.mean() - whole.mean()).abs() < 0.03


def test_parts_of_two_are_signs() -> None:
    """Two values in a part become +1 and -1, whatever they are, but for eps."""
    torch.manual_seed(0)
    out = GhostBatchNorm(6, 2).double()(torch.randn(8, 6, dtype=torch.float64) * 10)
    assert (out.abs() - 1).abs().max() < 0.01
    assert (out.view(4, 2, 6).sum(dim=1)).abs().max() < 1e-9


def test_figure_shows_the_part(evidence) -> None:
    """The framed channel in the first two samples, nothing else."""
    reached = torch.tensor(evidence("axes"), dtype=torch.bool)
    expected = torch.zeros(SHAPE, dtype=torch.bool)
    expected[:2, PLACE[1]] = True
    assert torch.equal(reached, expected)
