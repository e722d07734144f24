"""Involution: both forms are one, constant kernels are a convolution, what it sees and costs, and its page's claims."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from snippets.convolutions.involution.from_scratch import involution2d
from snippets.convolutions.involution.use import Involution


def small() -> tuple[nn.Module, Tensor]:
    """Two layers, one of them with a stride, on a map with an odd side."""
    layers = [nn.Conv2d(3, 8, 1), Involution(8, 3, group_channels=4), nn.ReLU(), Involution(8, 5, 2, 2, 2)]
    return nn.Sequential(*layers), torch.randn(3, 3, 9, 8)


def kernels_of(layer: Involution, x: Tensor) -> Tensor:
    return layer.span(layer.reduce(layer.pool(x))).unflatten(1, (layer.groups, -1))


def test_both_forms_are_one() -> None:
    """A hundred random settings: the layer and the sum over shifted maps, outputs and gradients of the input."""
    draw = random.Random(0)
    torch.manual_seed(0)
    for _ in range(100):
        groups, width = draw.randint(1, 3), draw.choice([2, 4])
        settings = (draw.choice([1, 3, 5]), draw.choice([1, 2]), width, 2)
        layer = Involution(groups * width, *settings).double().train(draw.random() < 0.5)
        x = torch.randn(2, groups * width, draw.randint(5, 9), draw.randint(5, 9), dtype=torch.float64)
        x.requires_grad_()
        with torch.random.fork_rng():
            ys = [layer(x), involution2d(x, kernels_of(layer, x), layer.stride)]
        torch.testing.assert_close(ys[0], ys[1])
        grad = torch.randn_like(ys[0])
        first, second = (torch.autograd.grad(y, x, grad)[0] for y in ys)
        torch.testing.assert_close(first, second)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("size", [1, 3, 5, 7])
@pytest.mark.parametrize(("groups", "width"), [(1, 4), (2, 3), (6, 1)])
def test_constant_kernels_are_a_convolution(groups: int, width: int, size: int, stride: int) -> None:
    """With the same kernels at all places: a depthwise convolution whose channels in a group share a kernel."""
    torch.manual_seed(0)
    x = torch.randn(2, groups * width, 10, 8, dtype=torch.float64)
    kernels = torch.randn(groups, size**2, dtype=torch.float64)
    everywhere = kernels[None, :, :, None, None].expand(2, -1, -1, -(-10 // stride), -(-8 // stride))
    weight = kernels.view(groups, 1, size, size).repeat_interleave(width, dim=0)
    expected = F.conv2d(x, weight, stride=stride, padding=size // 2, groups=groups * width)
    torch.testing.assert_close(involution2d(x, everywhere, stride), expected)
    if size > 1:
        layer = Involution(groups * width, size, stride, width, 1).double().eval()
        nn.init.zeros_(layer.span.weight)
        with torch.no_grad():
            assert layer.span.bias is not None
            layer.span.bias.copy_(kernels.flatten())
        torch.testing.assert_close(layer(x), expected)


def test_what_an_output_sees(evidence: Any) -> None:
    """A 5 by 5 kernel: 25 pixels of its own channel and one of each other channel; a convolution 25 of each, a
    depthwise one 25 and none."""
    assert evidence()["seen"]["convolution"] == [25] * 8
    assert evidence()["seen"]["depthwise"] == [0, 0, 25, 0, 0, 0, 0, 0]
    assert evidence()["seen"]["involution"] == [1, 1, 25, 1, 1, 1, 1, 1]


def test_kernel_comes_from_one_pixel() -> None:
    """In eval mode the kernel that the layer computes for a place depends on all channels of the pixel there and on no
    other pixel; in train mode it depends on others too."""
    torch.manual_seed(0)
    layer, made = Involution(8, 5, group_channels=4, reduction=1).double(), []
    layer.span.register_forward_hook(lambda _module, _given, out: made.append(out))
    for mode in (False, True):
        for i, j in ((0, 0), (3, 4), (6, 6)):
            x = torch.randn(1, 8, 7, 7, dtype=torch.float64, requires_grad=True)
            layer.train(mode)(x)
            gradient = torch.autograd.grad(made[-1][0, :, i, j].square().sum(), x)[0].abs() > 1e-12
            assert gradient[0, :, i, j].all()
            assert bool(gradient.sum() == 8) is not mode


def test_moves_with_the_image() -> None:
    """In eval mode a shifted image gives the shifted output, away from the border; in train mode it does not."""
    torch.manual_seed(0)
    layer, x = Involution(8, 5, group_channels=4).double(), torch.randn(1, 8, 23, 22, dtype=torch.float64)
    for mode in (False, True):
        ys = [layer.train(mode)(part) for part in (x[:, :, 3:, 2:], x[:, :, :20, :20])]
        difference = (ys[0][:, :, 2:15, 2:16] - ys[1][:, :, 5:18, 4:18]).abs().max().item()
        assert (difference < 1e-12) is not mode


@pytest.mark.parametrize("channels", [64, 256])
def test_costs(channels: int, evidence: Any) -> None:
    """Multiply-adds: c²/r + k² c G / r + k² c a pixel, against k² c² of a convolution; the numbers of the page."""
    rows, groups = evidence()["costs"][str(channels)], channels // 16
    assert rows["convolution 3×3"]["multiply_adds"] == 9 * channels**2
    assert rows["convolution 7×7"]["multiply_adds"] == 49 * channels**2
    span = channels // 4 * 49 * groups
    assert rows["involution 7×7"]["multiply_adds"] == channels**2 // 4 + span + 49 * channels
    assert rows["involution 7×7"]["parameters"] == channels**2 // 4 + channels // 2 + span + 49 * groups
    assert rows["involution 7×7"]["numbers"] == 49 * channels


def test_cheaper_than_a_small_convolution(evidence: Any) -> None:
    """At 64 channels 20% of the multiply-adds and 12% of the parameters of a 3x3 convolution, at 256 13% and 11%."""
    for channels, adds, parameters in (("64", 0.20, 0.12), ("256", 0.13, 0.11)):
        rows = evidence()["costs"][channels]
        for key, share in (("multiply_adds", adds), ("parameters", parameters)):
            ratio = rows["involution 7×7"][key] / rows["convolution 3×3"][key]
            assert ratio == pytest.approx(share, abs=0.005)


def test_unfolding_makes_copies() -> None:
    """Unfolding keeps k² numbers for each of the input, 49 at 7 by 7, for backward too; the other form one map."""
    for size in (3, 5, 7):
        x = torch.zeros(2, 16, 12, 12)
        assert F.unfold(x, size, padding=size // 2).numel() == size**2 * x.numel()
    largest = []

    class Sizes(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
            out = func(*args, **(kwargs or {}))
            largest.append(out.numel() if isinstance(out, Tensor) else 0)
            return out

    kernels = torch.zeros(2, 1, 49, 12, 12)
    with Sizes():
        involution2d(x, kernels)
    padded = (12 + 6) ** 2 * 2 * 16
    assert max(largest) <= padded
    kept: dict[int, Tensor] = {}

    def keep(saved: Tensor) -> Tensor:
        return kept.setdefault(saved.untyped_storage().data_ptr(), saved)  # one for each piece of memory

    x.requires_grad_()
    kernels.requires_grad_()
    layer, counts = Involution(16), []
    for forward in (lambda: involution2d(x, kernels), lambda: layer(x)):
        kept.clear()
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda saved: saved):
            forward()
        counts.append(sum(saved.untyped_storage().nbytes() // 4 for saved in kept.values()))
    assert counts[0] <= padded + kernels.numel()
    assert counts[1] >= 49 * x.numel()


@pytest.mark.parametrize(("channels", "kernel"), [(16, 7), (32, 3), (256, 5)])
def test_size_at_the_start(channels: int, kernel: int) -> None:
    """With torch's default start, outputs are about k times √(1/6 + 4/(3 c)) as large as independent inputs; in eval
    mode they are smaller, for the hidden channels are not normalized yet."""
    squares: dict[bool, list[float]] = {True: [], False: []}
    for seed in range(10):
        torch.manual_seed(seed)
        layer, x = Involution(channels, kernel), torch.randn(2, channels, 24, 24)
        for mode in (False, True):  # eval first: the running statistics are those of a new layer
            y = layer.train(mode)(x)[:, :, 4:-4, 4:-4]
            squares[mode].append(y.square().mean().item())
    expected = kernel * math.sqrt(1 / 6 + 4 / (3 * channels))
    assert math.sqrt(sum(squares[True]) / 10) == pytest.approx(expected, rel=0.06)
    assert math.sqrt(sum(squares[False]) / 10) < 0.9 * expected


@pytest.mark.parametrize("size", [7, 8, 9])
def test_odd_sizes(size: int) -> None:
    """A mean that rounds down does not fit the patches of an odd side; with ceil_mode both have the same places."""
    layer, x = Involution(8, 3, 2, 4).eval(), torch.randn(2, 8, size, size)
    assert layer(x).shape[2:] == ((size + 1) // 2,) * 2
    layer.pool = nn.AvgPool2d(2, 2)
    if size % 2:
        with pytest.raises(RuntimeError, match=r"unflatten: Provided sizes \[\d+, \d+\] don't multiply up to the size"):
            layer(x)
    else:
        layer(x)


@pytest.mark.parametrize(("channels", "group_channels"), [(24, 16), (10, 5)])
def test_channels_must_divide(channels: int, group_channels: int) -> None:
    """Channels that are no multiple of both divisors are refused when the layer is made."""
    with pytest.raises(ValueError, match=f"{channels} channels cannot be divided by {group_channels} and by 4"):
        Involution(channels, group_channels=group_channels)
