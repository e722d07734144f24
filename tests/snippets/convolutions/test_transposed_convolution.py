"""Transposed convolution: equal to torch for random settings, equivalences, overlap, and the page's claims."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from snippets.convolutions.transposed_convolution import evidence_steps, from_scratch
from snippets.convolutions.transposed_convolution.evidence import painters
from snippets.convolutions.transposed_convolution.use import bilinear_, output_size, upsample2x

TRANSPOSED: dict[int, Any] = {1: nn.ConvTranspose1d, 2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}


def small() -> tuple[nn.Module, Tensor]:
    """Two layers that double the map, as a decoder has them."""
    return nn.Sequential(upsample2x(8, 6), nn.ReLU(), upsample2x(6, 3)), torch.randn(2, 8, 4, 4)


def settings(draw: random.Random) -> dict[str, int]:
    """Random kernel, stride, padding, dilation and an output padding that torch takes."""
    stride, dilation = draw.randint(1, 3), draw.randint(1, 3)
    return {
        "kernel_size": draw.randint(1, 4),
        "stride": stride,
        "padding": draw.randint(0, 2),
        "dilation": dilation,
        "output_padding": draw.randint(0, max(stride, dilation) - 1),
    }


def test_equals_torch() -> None:
    """A hundred random settings with groups: the output, and the gradients of input, weight and bias."""
    draw = random.Random(0)
    torch.manual_seed(0)
    for turn in range(100):
        chosen, groups = settings(draw), draw.choice([1, 2, 3])
        shape = (2 * groups, 3, chosen.pop("kernel_size"), draw.randint(1, 4))
        x = torch.randn(2, 2 * groups, 7, 6, dtype=torch.float64, requires_grad=True)
        weight = torch.randn(shape, dtype=torch.float64, requires_grad=True)
        bias = torch.randn(3 * groups, dtype=torch.float64, requires_grad=True) if turn % 3 else None
        sides = []
        for function in (from_scratch.conv_transpose2d, F.conv_transpose2d):
            y = function(x, weight, bias, groups=groups, **chosen)
            wanted = [each for each in (x, weight, bias) if each is not None]
            grad = torch.arange(y.numel(), dtype=torch.float64).sin().view_as(y)
            sides.append([y, *torch.autograd.grad(y, wanted, grad)])
        for mine, its in zip(*sides, strict=True):
            torch.testing.assert_close(mine, its, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_output_size(dims: int) -> None:
    """The formula is torch's size for a hundred random settings in 1, 2 and 3 dimensions."""
    draw = random.Random(dims)
    for _ in range(100):
        chosen, size = settings(draw), draw.randint(4, 12)
        layer = TRANSPOSED[dims](1, 1, **chosen, device="meta")
        y = layer(torch.empty(1, 1, *[size] * dims, device="meta"))
        assert y.shape[2:] == (output_size(size, **chosen),) * dims


def test_gradient_of_convolution() -> None:
    """A hundred random settings: conv_transpose2d is the input's gradient of conv2d, and its adjoint."""
    draw = random.Random(0)
    torch.manual_seed(0)
    for _ in range(100):
        chosen, groups = settings(draw), draw.choice([1, 2])
        kernel, _ = chosen.pop("kernel_size"), chosen.pop("output_padding")
        a = torch.randn(1, 2 * groups, 13, 12, dtype=torch.float64, requires_grad=True)
        weight = torch.randn(4 * groups, 2, kernel, kernel, dtype=torch.float64)
        y = F.conv2d(a, weight, groups=groups, **chosen)
        b = torch.randn_like(y)
        gradient = torch.autograd.grad(y, a, b)[0]
        s, p, d = chosen["stride"], chosen["padding"], chosen["dilation"]
        left = [(n + 2 * p - d * (kernel - 1) - 1) % s for n in (13, 12)]  # rows that the stride leaves over
        back = F.conv_transpose2d(b, weight, groups=groups, output_padding=left, **chosen)
        torch.testing.assert_close(back, gradient)
        torch.testing.assert_close((y * b).sum(), (a * back).sum())


def test_not_an_inverse() -> None:
    """Back from a convolution with stride 2: the size returns, and the values do not, for twenty random weights."""
    for seed in range(20):
        torch.manual_seed(seed)
        x, weight = torch.randn(1, 3, 8, 8), torch.randn(5, 3, 4, 4)
        back = F.conv_transpose2d(F.conv2d(x, weight, stride=2, padding=1), weight, stride=2, padding=1)
        assert back.shape == x.shape
        scale = (back * x).sum() / back.square().sum()  # the best one that a scalar could do
        assert (scale * back - x).norm() > 0.3 * x.norm()


def test_zeros_between_pixels() -> None:
    """A hundred random settings: zeros between the pixels, a mirrored kernel, stride 1."""
    draw = random.Random(0)
    torch.manual_seed(0)
    for _ in range(100):
        chosen = settings(draw)
        k, s, p, d = (chosen[name] for name in ("kernel_size", "stride", "padding", "dilation"))
        x, weight = torch.randn(1, 2, 6, 5).double(), torch.randn(2, 3, k, k).double()
        spread = x.new_zeros(1, 2, 5 * s + 1, 4 * s + 1)
        spread[..., ::s, ::s] = x
        margin, more = d * (k - 1) - p, chosen["output_padding"]
        padded = F.pad(spread, (margin, margin + more, margin, margin + more))  # a negative margin cuts off
        as_convolution = F.conv2d(padded, weight.flip(2, 3).transpose(0, 1), dilation=d)
        transposed = F.conv_transpose2d(x, weight, stride=s, padding=p, dilation=d, output_padding=more)
        torch.testing.assert_close(as_convolution, transposed)


@pytest.mark.parametrize("stride", [1, 2, 3, 4])
def test_kernel_is_stride(stride: int) -> None:
    """Kernel = stride: a 1 × 1 convolution with the kernel's places as channels, and PixelShuffle."""
    torch.manual_seed(0)
    layer, x = nn.ConvTranspose2d(5, 3, stride, stride).double(), torch.randn(2, 5, 4, 6, dtype=torch.float64)
    pointwise = layer.weight.permute(1, 2, 3, 0).reshape(-1, 5, 1, 1)  # (outputs * s * s, inputs, 1, 1)
    shuffled = F.pixel_shuffle(F.conv2d(x, pointwise, layer.bias.repeat_interleave(stride**2)), stride)
    torch.testing.assert_close(shuffled, layer(x))


def test_output_padding_chooses_the_size() -> None:
    """Strides 1 to 4: s neighbouring sizes have one size after the convolution; o gives each back."""
    for s in range(1, 5):
        for kernel in range(1, 6):
            for out in range(3, 6):
                sizes = [n for n in range(1, 40) if (n - kernel) // s + 1 == out and n >= kernel]
                assert len(sizes) == s
                assert sizes == [output_size(out, kernel, s, output_padding=o) for o in range(s)]
                for o, n in enumerate(sizes):
                    layer = nn.ConvTranspose1d(1, 1, kernel, s)
                    y = layer(torch.ones(1, 1, out), output_size=[n])
                    assert y.shape[-1] == n
                    if o:  # without padding nothing was cut off, and the added ones are the bias
                        torch.testing.assert_close(y[0, 0, -o:], layer.bias.expand(o))
                    for p in range(o, min(3, output_size(out, kernel, s) // 2)):  # with it, they are what was cut off
                        x, whole = torch.randn(1, 1, out), F.conv_transpose1d
                        cut = whole(x, layer.weight, layer.bias, s)[..., p:]
                        cut = cut[..., : cut.shape[-1] - p + o]
                        torch.testing.assert_close(whole(x, layer.weight, layer.bias, s, p, o), cut)


@pytest.mark.parametrize("stride", [1, 2, 3, 4])
@pytest.mark.parametrize("kernel", range(1, 9))
def test_even_overlap(kernel: int, stride: int) -> None:
    """Away from the border: equally many inputs paint each output if and only if stride divides the kernel size."""
    y = F.conv_transpose2d(torch.ones(1, 1, 12, 12), torch.ones(1, 1, kernel, kernel), stride=stride)[0, 0]
    middle = y[kernel:-kernel, kernel:-kernel]
    assert (middle.min() == middle.max()) == (kernel % stride == 0)


def test_figure_counts(evidence) -> None:
    """The counts of the figure are measured anew, and those of the alternative text stand in it."""
    for kernel, counts in evidence()["painters"].items():
        assert counts == painters(int(kernel)).tolist()
    inner = {k: {c for row in counts[4:] for c in row[4:]} for k, counts in evidence()["painters"].items()}
    assert inner == {"2": {1}, "3": {1, 2, 4}, "4": {4}, "5": {4, 6, 9}}


def test_begins_as_bilinear() -> None:
    """Sizes 2 to 9: doubled; filled by bilinear_, equal to interpolate inside, and smaller at the border."""
    torch.manual_seed(0)
    for height, width in [(2, 9), (5, 5), (8, 3)]:
        layer, x = upsample2x(4, 4).double(), torch.rand(2, 4, height, width, dtype=torch.float64)
        assert layer(x).shape == (2, 4, 2 * height, 2 * width)
        assert bilinear_(layer.weight) is layer.weight
        wanted = F.interpolate(x, scale_factor=2, mode="bilinear")
        torch.testing.assert_close(layer(x)[..., 1:-1, 1:-1], wanted[..., 1:-1, 1:-1])
        assert (layer(x)[..., 0, :] < wanted[..., 0, :]).all()
    for shape in [(4, 3, 4, 4), (4, 4, 3, 3), (4, 4, 4, 2)]:
        with pytest.raises(ValueError, match="with an even k, got"):
            bilinear_(torch.empty(shape))


@pytest.mark.parametrize(("stride", "groups"), [(1, 1), (2, 1), (3, 1), (6, 1), (2, 4), (3, 8)])
def test_fan_in_is_swapped(stride: int, groups: int) -> None:
    """torch's fan in is outputs k² / groups. Outputs have the variance of inputs k² / (s² groups) numbers."""
    torch.manual_seed(0)
    layer = nn.ConvTranspose2d(64, 32, 6, stride, groups=groups, bias=False)
    assert nn.init._calculate_fan_in_and_fan_out(layer.weight)[0] == 32 * 36 / groups
    assert layer.weight.abs().max().item() == pytest.approx((32 * 36 / groups) ** -0.5, rel=0.01)
    nn.init.normal_(layer.weight)
    with torch.no_grad():
        y = layer(torch.randn(2, 64, 12, 12))[..., 12:-12, 12:-12] if stride > 2 else layer(torch.randn(2, 64, 20, 20))
        y = y[..., 6:-6, 6:-6] if stride <= 2 else y
        assert y.var().item() == pytest.approx(64 * 36 / (stride**2 * groups), rel=0.1)


@pytest.mark.parametrize(("kernel", "stride"), [(2, 2), (4, 2), (6, 1), (6, 2), (6, 3), (6, 6)])
def test_start_keeps_the_variance(kernel: int, stride: int) -> None:
    """One group: linear, from variance 1 to variance 1; with torch's gain, the same from what enters a ReLU."""
    torch.manual_seed(0)
    layer = nn.ConvTranspose2d(64, 64, kernel, stride, bias=False)
    x = torch.randn(4, 64, 20, 20)
    with torch.no_grad():
        nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="linear")
        layer.weight.mul_(stride)
        assert layer(x)[..., 6:-6, 6:-6].var().item() == pytest.approx(1, rel=0.1)
        nn.init.kaiming_normal_(layer.weight, mode="fan_out")
        layer.weight.mul_(stride)
        assert layer(x.relu())[..., 6:-6, 6:-6].var().item() == pytest.approx(1, rel=0.1)


def test_pattern_at_the_start(evidence) -> None:
    """Equal weights: kernels 3 and 5 draw a pattern, 2 and 4 none. Random: each of 20 seeds 0.5 to 1. Enlarged: 0."""
    equal, drawn = evidence()["equal"], evidence()["random"]
    names = [f"transposed, kernel {k}" for k in (2, 3, 4, 5)]
    assert max(equal[names[0]], equal[names[2]]) < 1e-6
    assert min(equal[names[1]], equal[names[3]]) > 0.2
    for name in names:
        assert len(drawn[name]) == 20
        assert 0.5 < min(drawn[name]) < max(drawn[name]) < 1
    assert max([equal["enlarge, then convolve"], *drawn["enlarge, then convolve"]]) < 1e-6


def test_odd_sizes_do_not_come_back() -> None:
    """7 is halved to 4 and doubled to 8, which fits when cut; output_size gives 7 with kernel 3, not with 2 and 4."""
    skip = torch.rand(1, 3, 7, 7)
    halved = nn.Conv2d(3, 8, 3, 2, 1)(skip)
    assert halved.shape[2:] == (4, 4)
    with pytest.raises(RuntimeError, match=r"The size of tensor a \(7\) must match the size of tensor b \(8\)"):
        skip + upsample2x(8, 3)(halved)
    layer = nn.ConvTranspose2d(8, 3, 3, stride=2, padding=1)
    assert (skip + layer(halved, output_size=skip.shape[-2:])).shape == skip.shape
    assert layer(halved, output_size=(8, 8)).shape[2:] == (8, 8)
    for even in (upsample2x(8, 3), nn.ConvTranspose2d(8, 3, 2, stride=2)):
        y = even(halved)
        with pytest.raises(RuntimeError, match="Sizes of tensors must match except in dimension 1"):
            torch.cat([skip, y], dim=1)
        assert torch.cat([skip, y[..., :7, :7]], dim=1).shape == (1, 6, 7, 7)
        with pytest.raises(ValueError, match=r"requested an output size of torch.Size\(\[7, 7\]\)"):
            even(halved, output_size=skip.shape[-2:])


def test_output_padding_is_limited() -> None:
    """Output padding of the stride and more is refused; below it, it is taken."""
    for stride in (1, 2, 3):
        for more in range(4):
            layer, x = nn.ConvTranspose2d(2, 2, 3, stride, output_padding=more), torch.rand(1, 2, 4, 4)
            if more < stride:
                assert layer(x).shape[-1] == 3 * stride + 3 + more
            else:
                with pytest.raises(RuntimeError, match="output padding must be smaller than either stride or dilation"):
                    layer(x)


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
def test_no_padding_modes(mode: Any) -> None:
    """All modes but zeros are refused."""
    with pytest.raises(ValueError, match='Only "zeros" padding mode is supported for ConvTranspose2d'):
        nn.ConvTranspose2d(2, 2, 3, padding_mode=mode)


def test_neighbours_see_unequally_many(evidence: Any) -> None:
    """The figure's four outputs, measured anew, and all 25: one, two or four inputs, by parity of row and column."""
    for step in evidence("steps"):
        assert step["seen"] == evidence_steps.seen(*step["output"]).int().tolist()
    assert [sum(map(sum, step["seen"])) for step in evidence("steps")] == [1, 2, 2, 4]
    for row in range(5):
        for column in range(5):
            assert evidence_steps.seen(row, column).sum() == (1 + row % 2) * (1 + column % 2)
