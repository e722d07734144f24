"""Sub-pixel convolution: bit for bit torch's, equal to a transposed convolution, its start, and its page's claims."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from snippets.convolutions.sub_pixel_convolution.evidence import cost, network
from snippets.convolutions.sub_pixel_convolution.from_scratch import pixel_shuffle, pixel_unshuffle
from snippets.convolutions.sub_pixel_convolution.use import sub_pixel


def small() -> tuple[nn.Module, Tensor]:
    """An enlarging layer between two convolutions, and a PixelUnshuffle after it."""
    layers = [nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), sub_pixel(8, 3), nn.PixelUnshuffle(2), nn.Conv2d(12, 2, 1)]
    return nn.Sequential(*layers), torch.randn(2, 3, 6, 6)


@pytest.mark.parametrize("factor", [1, 2, 3, 4])
@pytest.mark.parametrize("batch", [(), (2,), (2, 3)])
def test_equals_torch(batch: tuple[int, ...], factor: int) -> None:
    """Both functions, bit for bit, outputs and gradients."""
    torch.manual_seed(0)
    low = torch.randn(*batch, 5 * factor**2, 3, 4, requires_grad=True)
    high = torch.randn(*batch, 5, 3 * factor, 4 * factor, requires_grad=True)
    for ours, theirs, x in ((pixel_shuffle, F.pixel_shuffle, low), (pixel_unshuffle, F.pixel_unshuffle, high)):
        y, z = ours(x, factor), theirs(x, factor)
        assert torch.equal(y, z)
        grad = torch.randn_like(y)
        assert torch.equal(torch.autograd.grad(y, x, grad)[0], torch.autograd.grad(z, x, grad)[0])


@pytest.mark.parametrize("factor", [1, 2, 3, 4])
def test_unshuffle_is_the_inverse(factor: int) -> None:
    """Both ways round, bit for bit, with all values kept; and the formula of the page, element by element."""
    x = torch.arange(2 * 3 * factor**2 * 2 * 2.0).view(2, 3 * factor**2, 2, 2)
    y = nn.PixelShuffle(factor)(x)
    assert torch.equal(nn.PixelUnshuffle(factor)(y), x)
    assert torch.equal(nn.PixelShuffle(factor)(nn.PixelUnshuffle(factor)(y)), y)
    assert torch.equal(y.flatten().sort().values, x.flatten())
    for c in range(3):
        for i in range(factor):
            for j in range(factor):
                assert torch.equal(y[:, c, i::factor, j::factor], x[:, c * factor**2 + factor * i + j])


@pytest.mark.parametrize("kernel", [1, 3, 5])
@pytest.mark.parametrize("factor", [2, 3, 4])
def test_equals_a_transposed_convolution(factor: int, kernel: int) -> None:
    """Kernel k and shuffle: a transposed convolution with kernel k r, stride r and rearranged weights."""
    torch.manual_seed(0)
    conv = nn.Conv2d(4, 3 * factor**2, kernel, padding=kernel // 2, bias=False).double()
    x = torch.randn(2, 4, 5, 6, dtype=torch.float64)
    places = conv.weight.flip(2, 3).unflatten(0, (3, factor, factor))  # (outputs, i, j, inputs, kernel, kernel)
    wide = places.permute(3, 0, 4, 1, 5, 2).flatten(4, 5).flatten(2, 3)  # (inputs, outputs, k r, k r)
    transposed = F.conv_transpose2d(x, wide, stride=factor, padding=factor * (kernel // 2))
    torch.testing.assert_close(F.pixel_shuffle(conv(x), factor), transposed)


def test_order_of_tensorflow() -> None:
    """depth_to_space on channels last: channel C (r i + j) + c; for one output channel it is PixelShuffle."""
    for factor in (2, 3):
        for channels in (1, 2, 3):
            x = torch.randn(2, channels * factor**2, 4, 5)
            rows = x.permute(0, 2, 3, 1).reshape(2, 4, 5, factor, factor, channels)  # as documented for NHWC
            tensorflow = rows.permute(0, 5, 1, 3, 2, 4).reshape(2, channels, 4 * factor, 5 * factor)
            assert torch.equal(F.pixel_shuffle(x, factor), tensorflow) == (channels == 1)
            order = torch.arange(channels * factor**2).view(factor**2, channels).T.flatten()
            assert torch.equal(F.pixel_shuffle(x[:, order], factor), tensorflow)


@pytest.mark.parametrize("factor", [2, 3, 4])
def test_begins_flat(factor: int) -> None:
    """The layer starts as a convolution with one of the kernels, and nearest-neighbour upsampling."""
    torch.manual_seed(0)
    layer, x = sub_pixel(5, 3, factor).double(), torch.randn(2, 5, 4, 6, dtype=torch.float64)
    conv: Any = layer[0]
    small = F.conv2d(x, conv.weight[:: factor**2], padding=1)
    torch.testing.assert_close(layer(x), F.interpolate(small, scale_factor=factor))


def test_default_start_has_a_pattern() -> None:
    """Ten seeds: weights differ in a cell on a flat map; with equal weights torch's bias alone makes a pattern."""
    for seed in range(10):
        torch.manual_seed(seed)
        conv = nn.Conv2d(16, 4, 3, padding=1)
        flat = torch.ones(1, 16, 6, 6)
        assert F.pixel_shuffle(conv(flat), 2)[0, 0, 4:6, 4:6].std() > 0.02
        nn.init.constant_(conv.weight, 0.1)
        assert F.pixel_shuffle(conv(flat), 2)[0, 0, 4:6, 4:6].std() > 0.01
        nn.init.zeros_(conv.bias)
        assert F.pixel_shuffle(conv(flat), 2)[0, 0, 4:6, 4:6].std() < 1e-5


def test_cost_at_both_resolutions(evidence: Any) -> None:
    """Factor 3: 22,624 and 182,880 multiply-adds for a pixel, 8.1 times as many; all factors by the formula."""
    assert evidence()["3"][:2] == [22_624, 182_880]
    assert pytest.approx(8.1, abs=0.02) == 182_880 / 22_624
    for r in (2, 3, 4):
        low, high, few, many = evidence()[str(r)]
        body = 25 * 64 + 9 * 64 * 32
        assert (low, high) == (body + 9 * 32 * r**2, r**2 * (body + 9 * 32))
        assert (few, many) == (96 + r**2, r**2 * 97)
        assert cost(network(r, low=True)) == (low, few)
        x = torch.zeros(1, 1, 4, 4)
        assert network(r, low=True)(x).shape == network(r, low=False)(x).shape == (1, 1, 4 * r, 4 * r)
    shuffled = evidence()["shuffled"]
    assert shuffled == 2 * [[0, 1, 0, 1], [2, 3, 2, 3]]


def test_channels_must_divide() -> None:
    """Channels that are no multiple of the square are refused with the page's text, others taken."""
    for factor in (2, 3):
        for channels in range(1, 20):
            x = torch.zeros(1, channels, 2, 2)
            if channels % factor**2:
                with pytest.raises(RuntimeError, match="'channel' dimension to be divisible by the square of upscale"):
                    F.pixel_shuffle(x, factor)
            else:
                assert F.pixel_shuffle(x, factor).shape[1] == channels // factor**2


def test_sizes_must_divide() -> None:
    """An odd height is refused with the page's text; padded, it is taken."""
    x = torch.zeros(1, 3, 7, 8)
    with pytest.raises(RuntimeError, match="pixel_unshuffle expects height to be divisible by downscale_factor"):
        F.pixel_unshuffle(x, 2)
    assert F.pixel_unshuffle(F.pad(x, (0, 0, 0, 1), mode="reflect"), 2).shape == (1, 12, 4, 4)
