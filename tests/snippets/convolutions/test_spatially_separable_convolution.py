"""Pairs of thin kernels: equal to whole ones, their cost, start and reach, and the claims of the page."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from snippets.convolutions.spatially_separable_convolution.evidence import known_kernels, seen
from snippets.convolutions.spatially_separable_convolution.from_scratch import separate
from snippets.convolutions.spatially_separable_convolution.use import factorized, strip_pair


def small() -> tuple[nn.Module, Tensor]:
    """A pair, and a strided convolution that became one."""
    pair = factorized(nn.Conv2d(8, 6, 3, stride=2, padding=1), rank=5)
    return nn.Sequential(strip_pair(3, 8, 5), nn.ReLU(), pair), torch.randn(2, 3, 16, 16)


def test_outer_product() -> None:
    """A hundred random sizes, strides, paddings, dilations, per channel: column then row is their product."""
    draw = random.Random(0)
    torch.manual_seed(0)
    for _ in range(100):
        h, w = draw.randint(1, 6), draw.randint(1, 6)
        stride, pad, d = ([draw.randint(low, low + 2) for _ in "hw"] for low in (1, 0, 1))
        x = torch.randn(1, 3, 18, 20, dtype=torch.float64)
        column, row = torch.randn(3, 1, h, 1).double(), torch.randn(3, 1, 1, w).double()
        whole = F.conv2d(x, column * row, None, stride, pad, d, groups=3)
        tall = F.conv2d(x, column, None, (stride[0], 1), (pad[0], 0), (d[0], 1), groups=3)
        torch.testing.assert_close(F.conv2d(tall, row, None, (1, stride[1]), (0, pad[1]), (1, d[1]), groups=3), whole)


def random_conv(draw: random.Random) -> nn.Conv2d:
    channels, outputs = draw.randint(1, 5), draw.randint(1, 5)
    kernel, stride = (draw.randint(1, 5), draw.randint(1, 5)), (draw.randint(1, 3), draw.randint(1, 3))
    pad, d = (draw.randint(0, 3), draw.randint(0, 3)), (draw.randint(1, 3), draw.randint(1, 3))
    return nn.Conv2d(channels, outputs, kernel, stride, pad, d, bias=draw.random() < 0.5).double()


def test_exact_at_full_rank() -> None:
    """A hundred random convolutions, with and without bias, and "same" padding: min(C h, O w) channels between."""
    draw = random.Random(0)
    torch.manual_seed(0)
    for turn in range(100):
        conv = random_conv(draw)
        if turn % 10 == 0:
            conv = nn.Conv2d(2, 3, (3, 5), padding="same", dilation=1 + turn % 3).double()
        x = torch.randn(2, conv.in_channels, 19, 21, dtype=torch.float64)
        full = min(conv.in_channels * conv.kernel_size[0], conv.out_channels * conv.kernel_size[1])
        pair = factorized(conv, full)
        torch.testing.assert_close(pair(x), conv(x), rtol=1e-9, atol=1e-9)
        assert (pair[1].bias is None) == (conv.bias is None)
    for refused in (nn.Conv2d(4, 4, 3, groups=2), nn.Conv2d(4, 4, 3, padding=1, padding_mode="reflect")):
        with pytest.raises(ValueError, match="only convolutions without groups"):
            factorized(refused, 2)


def kernel_of(pair: nn.Sequential) -> Tensor:
    """The kernel (outputs, channels, height, width) that a pair makes."""
    return torch.einsum("rci,orj->ocij", pair[0].weight[..., 0], pair[1].weight[:, :, 0])


def test_error_is_what_was_left_out() -> None:
    """For forty kernels and each rank: the error is the root of the sum of the squared singular values left out."""
    draw = random.Random(1)
    torch.manual_seed(0)
    for _ in range(40):
        conv = random_conv(draw)
        o, c, h, w = conv.weight.shape
        s = torch.linalg.svdvals(conv.weight.permute(1, 2, 0, 3).reshape(c * h, o * w))
        for rank in range(1, len(s) + 1):
            error = (kernel_of(factorized(conv, rank)) - conv.weight).norm()
            torch.testing.assert_close(error, s[rank:].norm(), rtol=1e-6, atol=1e-9)


def test_found_one_by_one() -> None:
    """25 kernels: the error within 1% of the SVD's; sums of R pairs are found whole, full rank leaves nothing."""
    draw = random.Random(2)
    torch.manual_seed(0)
    for _ in range(25):
        weight = random_conv(draw).weight.detach()
        o, c, h, w = weight.shape
        full = min(c * h, o * w)
        rank = draw.randint(1, full)
        known = torch.einsum("rci,orj->ocij", torch.randn(rank, c, h).double(), torch.randn(o, rank, w).double())
        for kernel, count in ((weight, rank), (weight, full), (known, rank)):
            column, row = separate(kernel, count)
            near = torch.einsum("rci,orj->ocij", column[..., 0], row[:, :, 0])
            left = torch.linalg.svdvals(kernel.permute(1, 2, 0, 3).reshape(c * h, o * w))[count:].norm()
            assert (near - kernel).norm() <= 1.01 * left + 1e-9


def multiply_adds(layer: nn.Module, x: Tensor) -> int:
    with FlopCounterMode(display=False) as counter:
        layer(x)
    return counter.get_total_flops() // 2


def test_cost() -> None:
    """k R (C + O) weights and multiply-adds a pixel, for 24 shapes; at C = O = R 67%, 40%, 29% of a square kernel's."""
    for c, o in ((4, 4), (3, 8)):
        for r in (2, 4, 9):
            for k in (3, 5, 7, 9):
                pair = strip_pair(c, o, k, r).to("meta")
                assert pair[0].weight.numel() + pair[1].weight.numel() == k * r * (c + o)
                assert multiply_adds(pair, torch.empty(1, c, 10, 12, device="meta")) == k * r * (c + o) * 120
    for k, share in ((3, 0.67), (5, 0.40), (7, 0.29)):
        x, whole = torch.empty(1, 6, 10, 10, device="meta"), nn.Conv2d(6, 6, k, padding=k // 2, device="meta")
        ratio = multiply_adds(strip_pair(6, 6, k).to("meta"), x) / multiply_adds(whole, x)
        assert ratio == pytest.approx(2 / k)
        assert round(ratio, 2) == share


def test_in_a_row_and_beside(evidence: Any) -> None:
    """In a row all of 5 × 5, once each; side by side the 9 pixels of a cross. For 3 and 7 likewise."""
    reach = {name: torch.tensor(ways) for name, ways in evidence()["reach"].items()}
    assert int((reach["5 × 1, then 1 × 5"] > 0).sum()) == 25
    assert int((reach["5 × 1 beside 1 × 5"] > 0).sum()) == 9
    for k in (3, 5, 7):
        assert int((seen((k, 1), (1, k)) > 0).sum()) == k * k
        assert int((seen((k, 1), (1, k), beside=True) > 0).sum()) == 2 * k - 1


def test_three_kernels_fuse() -> None:
    """3 × 3, 3 × 1 and 1 × 3 side by side are one 3 × 3 kernel, for forty random shapes and strides."""
    draw = random.Random(0)
    torch.manual_seed(0)
    for _ in range(40):
        c, o, stride = draw.randint(1, 4), draw.randint(1, 4), draw.randint(1, 3)
        x = torch.randn(2, c, 11, 9, dtype=torch.float64)
        square, tall, wide = (torch.randn(o, c, h, w).double() for h, w in ((3, 3), (3, 1), (1, 3)))
        beside = F.conv2d(x, square, None, stride, 1) + F.conv2d(x, tall, None, stride, (1, 0))
        beside += F.conv2d(x, wide, None, stride, (0, 1))
        fused = square + F.pad(tall, (1, 1)) + F.pad(wide, (0, 0, 1, 1))
        torch.testing.assert_close(F.conv2d(x, fused, None, stride, 1), beside)


def growth(layer: nn.Module) -> float:
    """Variance of the outputs divided by that of normal inputs, away from the padding."""
    x = torch.randn(4, 96, 20, 20)
    with torch.no_grad():
        return (layer(x)[..., 4:-4, 4:-4].var() / x.var()).item()


@pytest.mark.parametrize("k", [3, 7])
def test_start(k: int) -> None:
    """A pair: strip_pair 2, ReLU's gain in both 4, torch's default 1/9. One layer: ReLU's gain 2, default 1/3."""
    torch.manual_seed(0)
    assert growth(strip_pair(96, 96, k)) == pytest.approx(2, rel=0.15)
    twice = strip_pair(96, 96, k)
    for layer in twice:
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    assert growth(twice) == pytest.approx(4, rel=0.15)
    shapes = ((k, 1), (1, k))
    default = nn.Sequential(
        *(nn.Conv2d(96, 96, shape, padding=[s // 2 for s in shape], bias=False) for shape in shapes)
    )
    assert growth(default) == pytest.approx(1 / 9, rel=0.15)
    one = nn.Conv2d(96, 96, k, padding=k // 2, bias=False)
    assert growth(one) == pytest.approx(1 / 3, rel=0.15)
    nn.init.kaiming_normal_(one.weight, nonlinearity="relu")
    assert growth(one) == pytest.approx(2, rel=0.15)


def test_bias_between() -> None:
    """With a bias in the first layer the merged kernel and bias give the inner outputs, but not those at the sides."""
    torch.manual_seed(0)
    for k in (3, 5):
        pad, b = k // 2, torch.randn(4).double()
        x, column, row = (
            torch.randn(1, 2, 12, 12).double(),
            torch.randn(4, 2, k, 1).double(),
            torch.randn(3, 4, 1, k).double(),
        )
        pair = F.conv2d(F.conv2d(x, column, b, padding=(pad, 0)), row, padding=(0, pad))
        kernel = torch.einsum("rci,orj->ocij", column[..., 0], row[:, :, 0])
        merged = F.conv2d(x, kernel, torch.einsum("orj,r->o", row[:, :, 0], b), padding=pad)
        torch.testing.assert_close(pair[..., pad:-pad], merged[..., pad:-pad])
        assert (pair[..., 0] - merged[..., 0]).abs().max() > 0.1
        assert (pair[..., -1] - merged[..., -1]).abs().max() > 0.1


def test_known_kernels(evidence: Any) -> None:
    """Mean, Gaussian, Sobel are one pair; the Laplacian two, the disc three, the diagonal five, its first with 20%."""
    ranks = evidence()["ranks"]
    assert [rank for rank, _ in ranks.values()] == [1, 1, 1, 2, 3, 5]
    assert ranks["diagonal line, 5 × 5"][1] == pytest.approx(0.2)
    for name, kernel in known_kernels().items():
        column, row = separate(kernel[None, None].double(), ranks[name][0])
        near = torch.einsum("rci,orj->ocij", column[..., 0], row[:, :, 0])[0, 0]
        torch.testing.assert_close(near, kernel.double(), rtol=0, atol=1e-5)


def test_trained_layer(evidence: Any) -> None:
    """Means. 24 pairs, 60% of the multiply-adds, lose under two points; 4 pairs, 10%: 2 to 25; 1: over 15, and more."""
    results = evidence()
    assert [results["costs"][results["pairs"].index(n)] for n in (24, 4, 1)] == pytest.approx([0.6, 0.1, 0.025])
    scores = torch.tensor(results["accuracy"])
    lost = (scores[:, -1:] - scores).mean(dim=0)
    at = {n: lost[results["pairs"].index(n)] for n in (24, 4, 1)}
    assert at[24] < 0.02 < at[4] < 0.25
    assert at[1] > max(0.15, at[4])


def test_trained_kernels_need_fewer(evidence: Any) -> None:
    """At each number of pairs below the full 80, and for each seed, the trained kernel's error is the smaller one."""
    after, before = torch.tensor(evidence()["after"]), torch.tensor(evidence()["before"])
    assert (after[:, :-1] < before[:, :-1]).all()
