"""Pixel normalization: equal to torch's RMS normalization over channels, closed forms, and the claims of its page."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from snippets.normalization.pixel_normalization import from_scratch, use

SHAPES = [(4, 6), (4, 6, 5), (4, 6, 5, 3), (2, 6, 3, 4, 5)]


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("shape", SHAPES)
def test_equals_rms_norm(shape: tuple[int, ...], dtype: torch.dtype) -> None:
    """Both classes equal nn.RMSNorm over channels without a weight, with gradients, for 0 to 3 axes, in four dtypes."""
    torch.manual_seed(0)
    x, grad = (3 * torch.randn(shape)).to(dtype).requires_grad_(), torch.randn(shape).to(dtype)
    reference = nn.RMSNorm(6, eps=1e-8, elementwise_affine=False)(x.movedim(1, -1)).movedim(-1, 1)
    (expected,) = torch.autograd.grad(reference, x, grad)
    tolerance = {torch.float64: 1e-12, torch.float32: 1e-5, torch.bfloat16: 2e-2, torch.float16: 4e-3}[dtype]
    for layer in (from_scratch.PixelNorm(6), use.PixelNorm()):
        out = layer(x)
        torch.testing.assert_close(out, reference, rtol=tolerance, atol=tolerance)
        (found,) = torch.autograd.grad(out, x, grad)
        torch.testing.assert_close(found, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("channels", [1, 16, 512])
def test_no_feature_is_larger_than_the_root(channels: int) -> None:
    """The vector of a pixel has length sqrt(C), so that no feature exceeds sqrt(C); it is F.normalize times sqrt(C)."""
    torch.manual_seed(0)
    x = 1e3 * torch.randn(4, channels, 5, 5, dtype=torch.float64)
    x[0, :, 0, 0] = 0
    x[0, 0, 0, 0] = 1e6
    out = from_scratch.PixelNorm(channels)(x)
    torch.testing.assert_close(out.norm(dim=1), torch.full((4, 5, 5), math.sqrt(channels)).double())
    assert out.abs().max() <= math.sqrt(channels) * (1 + 1e-12)
    assert out[0, 0, 0, 0].item() == pytest.approx(math.sqrt(channels))
    torch.testing.assert_close(out, F.normalize(x, dim=1) * math.sqrt(channels))


@pytest.mark.parametrize("channels", [4, 7])
def test_local_response_with_a_window_over_all(channels: int) -> None:
    """nn.LocalResponseNorm with a window of 2 C - 1, alpha window / C, beta 0.5 and k = eps is pixel normalization."""
    x = torch.randn(3, channels, 5, 4, dtype=torch.float64)
    window = 2 * channels - 1
    layer = nn.LocalResponseNorm(window, alpha=window / channels, beta=0.5, k=1e-8)
    torch.testing.assert_close(layer(x), from_scratch.PixelNorm(channels)(x), rtol=1e-10, atol=1e-12)


def test_scale_is_forgotten() -> None:
    """1,000 times the input gives the same output, also where each pixel has a factor of its own."""
    x = torch.randn(4, 8, 5, 5, dtype=torch.float64)
    layer, factors = from_scratch.PixelNorm(8, eps=0.0), 10 ** (3 * torch.rand(4, 1, 5, 5, dtype=torch.float64))
    torch.testing.assert_close(layer(1000 * x), layer(x))
    torch.testing.assert_close(layer(factors * x), layer(x))


def test_missing_square_is_nan() -> None:
    """Without the square, x / sqrt(mean(x)) is NaN at each pixel whose mean is below 0, and nowhere else."""
    x = torch.randn(4, 8, 5, 5)
    mean = x.mean(dim=1, keepdim=True)
    wrong = x / mean.sqrt()
    assert torch.equal(wrong.isnan(), (mean < 0).expand_as(x))
    assert (mean < 0).any()
    assert not use.PixelNorm()(x).isnan().any()


def test_eps_in_half_precision() -> None:
    """In float16 an eps of 1e-8 is 0, and a pixel of zeros becomes NaN; 1e-4 keeps it at 0, and so do both classes."""
    x = torch.zeros(2, 8, 3, 3, dtype=torch.float16)

    def plain(x: Tensor, eps: float) -> Tensor:
        return x * torch.rsqrt(x.square().mean(dim=1, keepdim=True) + eps)

    assert plain(x, 1e-8).isnan().all()
    assert torch.equal(plain(x, 1e-4), x)
    for layer in (from_scratch.PixelNorm(8), use.PixelNorm()):
        assert torch.equal(layer(x), x)


def test_wrong_axis() -> None:
    """Over height and width in place of channels it is another layer: pixels no longer have length sqrt(C)."""
    x = torch.randn(4, 8, 5, 5)
    wrong = x * torch.rsqrt(x.square().mean(dim=(2, 3), keepdim=True) + 1e-8)
    assert not torch.allclose(wrong.norm(dim=1), torch.full((4, 5, 5), math.sqrt(8)), rtol=0.1)
    torch.testing.assert_close(use.PixelNorm()(x).norm(dim=1), torch.full((4, 5, 5), math.sqrt(8)))


def test_block() -> None:
    """The block doubles the image, and each pixel that it returns has mean square 1."""
    out = use.generator_block(6, 4)(torch.randn(2, 6, 5, 5))
    assert out.shape == (2, 4, 10, 10)
    torch.testing.assert_close(out.square().mean(dim=1), torch.ones(2, 10, 10), rtol=1e-4, atol=1e-4)


def test_what_shares_statistics(evidence: Any) -> None:
    """The framed element moves with the same pixel in all six channels of its own sample, and with nothing else."""
    reached = torch.tensor(evidence("axes")).bool()
    expected = torch.zeros_like(reached)
    expected[1, :, 1, 1] = True
    assert torch.equal(reached, expected)


def numbers(evidence: Any, name: str) -> tuple[Tensor, Tensor]:
    """Error and largest feature, (rates, seeds) each."""
    error, largest = torch.tensor(evidence()[name]).unbind(dim=-1)
    return error, largest


def test_features_stay_bounded(evidence: Any) -> None:
    """With it no feature exceeds sqrt(16) = 4 at any of the three rates; without it they exceed 50 at 0.1."""
    assert numbers(evidence, "pixel normalization")[1].max() <= 4
    assert numbers(evidence, "without")[1][2].min() > 50


def test_pays_at_the_highest_rate(evidence: Any) -> None:
    """The mean error is lower with it at 0.1 and higher at 0.01."""
    plain, normalized = numbers(evidence, "without")[0], numbers(evidence, "pixel normalization")[0]
    assert normalized[2].mean() < plain[2].mean()
    assert normalized[0].mean() > plain[0].mean()
