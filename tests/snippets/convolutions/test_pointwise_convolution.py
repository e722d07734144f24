"""1 × 1 convolution: equal to nn.Linear, what it reads, with what it commutes, what it saves, and its pitfalls."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from snippets.convolutions.pointwise_convolution.evidence import SIZE, cost
from snippets.convolutions.pointwise_convolution.from_scratch import pointwise_conv
from snippets.convolutions.pointwise_convolution.use import reduced_conv

Evidence = Callable[..., Any]
CONVS: dict[int, type[nn.Conv1d | nn.Conv2d | nn.Conv3d]] = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}


def small() -> tuple[nn.Module, Tensor]:
    return reduced_conv(12, 4, 6, kernel_size=5), torch.rand(2, 12, 9, 9)


def test_equals_torch() -> None:
    """Outputs and gradients of 60 random layers with one to three axes of space, strides, with and without bias."""
    torch.manual_seed(0)
    draw = random.Random(0)
    for turn in range(60):
        axes, stride = 1 + turn % 3, draw.randint(1, 3)
        shape = (2, draw.randint(1, 5), *(draw.randint(1, 6) for _ in range(axes)))
        conv = CONVS[axes](shape[1], draw.randint(1, 5), 1, stride, bias=turn % 2 == 0).double()
        x = torch.randn(shape, dtype=torch.float64, requires_grad=True)
        sides = []
        for y in (pointwise_conv(x, conv.weight, conv.bias, stride), conv(x)):
            sides.append([y, *torch.autograd.grad(y.square().sum(), [x, *conv.parameters()])])
        for mine, its in zip(*sides, strict=True):
            torch.testing.assert_close(mine, its)


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_equals_linear(axes: int) -> None:
    """nn.Linear on channels-last data with the same numbers; with the same seed even their first weights are equal."""
    torch.manual_seed(0)
    conv = CONVS[axes](6, 4, 1)
    torch.manual_seed(0)
    linear = nn.Linear(6, 4)
    assert torch.equal(conv.weight.flatten(1), linear.weight)
    assert torch.equal(conv.bias, linear.bias)
    x = torch.randn(2, 6, *[5, 4, 3][:axes])
    torch.testing.assert_close(linear(x.movedim(1, -1)).movedim(-1, 1), conv(x))


def test_two_are_one() -> None:
    """Two in a row equal one whose matrix is the product; with a ReLU between, the sum rule of a linear map fails."""
    torch.manual_seed(0)
    first, second = nn.Conv2d(6, 3, 1).double(), nn.Conv2d(3, 8, 1).double()
    x = torch.randn(2, 6, 4, 4, dtype=torch.float64)
    weight = second.weight[:, :, 0, 0] @ first.weight[:, :, 0, 0]
    bias = second.weight[:, :, 0, 0] @ first.bias + second.bias
    torch.testing.assert_close(second(first(x)), pointwise_conv(x, weight, bias))
    assert torch.linalg.matrix_rank(weight) == 3

    def bent(y: Tensor) -> Tensor:
        return second(first(y).relu())

    zero = bent(torch.zeros_like(x))
    assert (bent(x) + bent(-x) - 2 * zero).abs().max() > 0.1  # a linear map plus a constant would give 0


def test_commutes_with_averages() -> None:
    """Mean pooling, bilinear and nearest upsampling before or after it are equal; padded means and max pooling not."""
    torch.manual_seed(0)
    conv, x = nn.Conv2d(6, 4, 1).double(), torch.randn(2, 6, 8, 8, dtype=torch.float64)
    moves: dict[str, Callable[[Tensor], Tensor]] = {
        "mean": lambda y: F.avg_pool2d(y, 2),
        "global mean": lambda y: F.adaptive_avg_pool2d(y, 1),
        "bilinear": lambda y: F.interpolate(y, scale_factor=2, mode="bilinear"),
        "nearest": lambda y: F.interpolate(y, scale_factor=2),
    }
    for move in moves.values():
        torch.testing.assert_close(move(conv(x)), conv(move(x)))

    def padded(y: Tensor) -> Tensor:
        return F.avg_pool2d(y, 3, 2, padding=1)  # counts zeros in, which the bias does not reach

    for move in (lambda y: F.max_pool2d(y, 2), padded):
        assert (move(conv(x)) - conv(move(x))).abs().max() > 0.01


def test_stride_skips_pixels(evidence: Evidence) -> None:
    """With stride 2 it reads one pixel in four; a mean of 2 × 2 before it, or a 3 × 3 kernel, reads all."""
    read = {name: torch.tensor(pixels, dtype=torch.bool) for name, pixels in evidence()["read"].items()}
    quarter = torch.zeros(SIZE, SIZE, dtype=torch.bool)
    quarter[::2, ::2] = True
    assert quarter.float().mean() == 0.25
    assert torch.equal(read["1×1, stride 2"], quarter)
    for name in ("1×1", "mean of 2×2, then 1×1", "3×3, stride 2"):
        assert read[name].all()


def test_saves_multiply_adds(evidence: Evidence) -> None:
    """GoogLeNet's branch needs 9.7 times fewer multiply-adds, ResNet-50's block 16.9 times fewer."""
    work = {name: row["multiply_adds"] for name, row in evidence()["costs"].items()}
    assert work["GoogLeNet: 5×5"] / work["GoogLeNet: 1×1, 5×5"] == pytest.approx(9.7, abs=0.05)
    assert work["ResNet-50: 3×3, 3×3"] / work["ResNet-50: 1×1, 3×3, 1×1"] == pytest.approx(16.9, abs=0.05)
    assert cost(28, nn.Conv2d(192, 32, 5, padding=2, device="meta"))["multiply_adds"] == 28**2 * 192 * 32 * 25


def test_cost_formula() -> None:
    """Counted by torch, too: C N weights and H W C N multiply-adds, a ninth of a 3 × 3 layer's; 30 random layers."""
    draw = random.Random(0)
    for _ in range(30):
        channels, outputs, size = (draw.randint(1, 40) for _ in range(3))
        layer, wide = nn.Conv2d(channels, outputs, 1, device="meta"), draw.randint(1, 40)
        assert cost(size, layer) == {"weights": channels * outputs, "multiply_adds": size**2 * channels * outputs}
        with FlopCounterMode(display=False) as counter:  # counts two operations for each multiply-add
            layer(torch.empty(1, channels, size, wide, device="meta"))
        assert counter.get_total_flops() == 2 * size * wide * channels * outputs
        three = nn.Conv2d(channels, outputs, 3, padding=1, device="meta")
        assert cost(size, three) == {name: 9 * value for name, value in cost(size, layer).items()}


def test_padding_adds_a_border_of_bias() -> None:
    """padding=1 makes a map of 7 × 7 one of 9 × 9, whose border is the bias, whatever the input."""
    torch.manual_seed(0)
    conv = nn.Conv2d(6, 4, 1, padding=1)
    for x in (torch.randn(2, 6, 7, 7), 100 * torch.rand(2, 6, 7, 7)):
        y = conv(x)
        assert y.shape == (2, 4, 9, 9)
        for border in (y[:, :, 0], y[:, :, -1], y[:, :, :, 0], y[:, :, :, -1]):
            torch.testing.assert_close(border, conv.bias[None, :, None].expand_as(border))


def test_linear_takes_the_last_axis() -> None:
    """On (2, 8, 5, 6) Linear(8, 4) raises; on a map 8 pixels wide it runs, and mixes pixels instead of channels."""
    torch.manual_seed(0)
    linear = nn.Linear(8, 4)
    with pytest.raises(RuntimeError, match=r"mat1 and mat2 shapes cannot be multiplied \(80x6 and 8x4\)"):
        linear(torch.rand(2, 8, 5, 6))
    x = torch.rand(2, 8, 8, 8, requires_grad=True)
    y = linear(x)
    assert y.shape == (2, 8, 8, 4)
    (grad,) = torch.autograd.grad(y[0, 3, 2, 1], x)
    assert [set(axis.tolist()) for axis in grad.nonzero(as_tuple=True)] == [{0}, {3}, {2}, set(range(8))]
