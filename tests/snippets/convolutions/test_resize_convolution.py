"""Resize-convolution: equal to torch's interpolate, to a tied transposed convolution, and the claims of its page."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from snippets.convolutions.resize_convolution.from_scratch import resize, weights
from snippets.convolutions.resize_convolution.use import resize_convolution


def small() -> tuple[nn.Module, Tensor]:
    """Two steps of a decoder, one of each mode."""
    layers = [resize_convolution(6, 6), nn.ReLU(), resize_convolution(6, 3, mode="bilinear")]
    return nn.Sequential(*layers), torch.randn(2, 6, 4, 4)


def test_equals_torch() -> None:
    """A hundred random sizes up and down: nearest, bilinear with and without align_corners; values and gradients."""
    draw = random.Random(0)
    torch.manual_seed(0)
    settings: list[dict[str, Any]] = [{"mode": "nearest"}]
    settings += [{"mode": "bilinear", "align_corners": corners} for corners in (False, True)]
    for turn in range(100):
        old, new = ((draw.randint(1, 12), draw.randint(1, 12)) for _ in range(2))
        x = torch.randn(2, 3, *old, dtype=torch.float64, requires_grad=True)
        ours, theirs = resize(x, new, **settings[turn % 3]), F.interpolate(x, new, **settings[turn % 3])
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)
        grad = torch.randn_like(ours)
        gradients = (torch.autograd.grad(y, x, grad)[0] for y in (ours, theirs))
        torch.testing.assert_close(*gradients, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kernel", [1, 3, 5])
@pytest.mark.parametrize("factor", [2, 3, 4])
def test_equals_a_tied_transposed_convolution(factor: int, kernel: int) -> None:
    """Nearest and odd kernel k: a transposed convolution with kernel k + r - 1 whose weight is summed over windows."""
    torch.manual_seed(0)
    x, weight = torch.randn(2, 4, 5, 6).double(), torch.randn(3, 4, kernel, kernel).double()
    pad = kernel // 2
    resized = F.conv2d(F.interpolate(x, scale_factor=factor), weight, padding=pad)
    edges = [factor - 1] * 4
    summed = F.avg_pool2d(F.pad(weight.flip(2, 3), edges), factor, stride=1) * factor**2
    assert summed.shape[-1] == kernel + factor - 1
    whole = F.conv_transpose2d(x, summed.transpose(0, 1), stride=factor)
    own = kernel - 1 - pad
    torch.testing.assert_close(whole[..., own : whole.shape[2] - own, own : whole.shape[3] - own], resized)


def test_align_corners_depends_on_the_size() -> None:
    """A ramp shows where new pixels lie: (n - 1) / (m - 1) apart with True, 0.5 at every size with False."""
    for n in range(2, 70):
        ramp = torch.arange(n, dtype=torch.float64).view(1, 1, 1, n).expand(1, 1, 2, n)
        for corners in (True, False):
            y = F.interpolate(ramp, (2, 2 * n), mode="bilinear", align_corners=corners)[0, 0, 0]
            steps = (y[1:] - y[:-1])[1:-1]  # at the ends False repeats the border
            expected = (n - 1) / (2 * n - 1) if corners else 0.5
            torch.testing.assert_close(steps, torch.full_like(steps, expected))
        assert torch.equal(F.interpolate(ramp, (2, 2 * n), mode="bilinear", align_corners=True)[..., -1], ramp[..., -1])
    assert pytest.approx(0.43, abs=0.002) == 3 / 7
    assert pytest.approx(0.496, abs=0.0005) == 63 / 127


def test_the_old_module_aligns() -> None:
    """UpsamplingBilinear2d is align_corners=True; Upsample and interpolate take False unless told."""
    x = torch.randn(1, 2, 5, 6)
    assert torch.equal(
        nn.UpsamplingBilinear2d(scale_factor=2)(x),
        F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True),
    )
    plain = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
    assert torch.equal(nn.Upsample(scale_factor=2, mode="bilinear")(x), plain)
    assert torch.equal(F.interpolate(x, scale_factor=2, mode="bilinear"), plain)
    assert not torch.allclose(nn.UpsamplingBilinear2d(scale_factor=2)(x), plain)


def test_shrinking_skips_pixels() -> None:
    """Bilinear to a quarter: gradients reach 4 of the 16 pixels of each window; with antialias, and pooling, all."""
    for antialias, reached in ((False, 4), (True, 16)):
        x = torch.zeros(1, 1, 16, 16, requires_grad=True)
        F.interpolate(x, (4, 4), mode="bilinear", antialias=antialias).sum().backward()
        assert x.grad is not None
        counts = F.avg_pool2d((x.grad != 0).float(), 4) * 16
        assert (counts == reached).all()
    x = torch.zeros(1, 1, 16, 16, requires_grad=True)
    F.avg_pool2d(x, 4).sum().backward()
    assert x.grad is not None
    assert (x.grad != 0).all()


@pytest.mark.parametrize("mode", ["nearest", "bilinear"])
def test_flat_stays_flat(mode: str) -> None:
    """A flat map stays flat up to the border, for ten seeds; with zero padding the border differs."""
    for seed in range(10):
        torch.manual_seed(seed)
        layer = resize_convolution(8, 4, mode=mode).double()
        flat = torch.full((1, 8, 5, 5), 0.6, dtype=torch.float64)
        assert layer(flat).std(dim=(2, 3)).max() < 1e-12
        convolution: Any = layer[1]
        zeros = F.conv2d(F.interpolate(flat, scale_factor=2), convolution.weight, convolution.bias, padding=1)
        assert (zeros[..., 0, :] - layer(flat)[..., 0, :]).abs().max() > 0.01


def test_period_two_at_the_start(evidence: Any) -> None:
    """On each of ten seeds over half of the variance has period 2 for three layers, and under 1% for two."""
    shares = evidence()
    for name in ("transposed, kernel 3", "transposed, kernel 4", "sub-pixel"):
        assert len(shares[name]) == 10
        assert min(shares[name]) > 0.5
    for name in ("nearest, then convolve", "bilinear, then convolve"):
        assert len(shares[name]) == 10
        assert max(shares[name]) < 0.01


def test_rows_add_up_to_one() -> None:
    """Each new pixel is a mean of old ones, in all modes and sizes."""
    for old in range(1, 9):
        for new in range(1, 17):
            for mode, corners in (("nearest", False), ("bilinear", False), ("bilinear", True)):
                torch.testing.assert_close(weights(old, new, mode, corners).sum(dim=1), torch.ones(new).double())
