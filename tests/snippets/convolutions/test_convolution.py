"""Convolution: equal to torch for random settings, formulas of size, field and cost, and the claims of its page."""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from snippets.convolutions.convolution import evidence_steps, from_scratch
from snippets.convolutions.convolution.evidence import LAYERS, seen
from snippets.convolutions.convolution.evidence_field import width
from snippets.convolutions.convolution.use import conv3x3, output_size, receptive_field

MODES: dict[str, Any] = {"constant": "zeros", "reflect": "reflect", "replicate": "replicate", "circular": "circular"}
CONVS: dict[int, Any] = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}


def small() -> tuple[nn.Module, Tensor]:
    """A stack of the page's 3×3 convolutions, with each padding."""
    layers = [conv3x3(3, 8), nn.ReLU(), conv3x3(8, 8, 2, "reflect"), nn.ReLU(), conv3x3(8, 8, 2, "circular")]
    return nn.Sequential(*layers), torch.randn(2, 3, 12, 12)


def settings(draw: random.Random) -> dict[str, int]:
    """Random kernel, stride, padding and dilation."""
    return {
        "kernel_size": draw.randint(1, 4),
        "stride": draw.randint(1, 3),
        "padding": draw.randint(0, 3),
        "dilation": draw.randint(1, 3),
    }


def test_equals_torch() -> None:
    """A hundred random settings with each padding mode and groups: output and the gradients of all three inputs."""
    draw = random.Random(0)
    torch.manual_seed(0)
    for turn in range(100):
        chosen, groups = settings(draw), draw.choice([1, 2, 3])
        mode = list(MODES)[turn % 4]
        kernel, pad = chosen.pop("kernel_size"), chosen.pop("padding")
        x = torch.randn(2, 2 * groups, 13, 11, dtype=torch.float64, requires_grad=True)
        shape = (3 * groups, 2, kernel, draw.randint(1, 4))
        weight = torch.randn(shape, dtype=torch.float64, requires_grad=True)
        bias = torch.randn(3 * groups, dtype=torch.float64, requires_grad=True) if turn % 3 else None
        ours = from_scratch.conv2d(x, weight, bias, padding=pad, groups=groups, mode=mode, **chosen)
        theirs = F.conv2d(F.pad(x, (pad,) * 4, mode), weight, bias, groups=groups, **chosen)
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)
        grad, wanted = torch.randn_like(ours), [each for each in (x, weight, bias) if each is not None]
        gradients = (torch.autograd.grad(y, wanted, grad) for y in (ours, theirs))
        for mine, its in zip(*gradients, strict=True):
            torch.testing.assert_close(mine, its, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("mode", MODES)
def test_layer_pads_as_f_pad(mode: str) -> None:
    """padding_mode of the layer is F.pad before it."""
    layer, x = nn.Conv2d(2, 3, 3, padding=2, padding_mode=MODES[mode]).double(), torch.randn(2, 2, 7, 6).double()
    torch.testing.assert_close(from_scratch.conv2d(x, layer.weight, layer.bias, padding=2, mode=mode), layer(x))


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_output_size(dims: int) -> None:
    """The formula is torch's size for a hundred random settings in 1, 2 and 3 dimensions; below 1, an error."""
    draw, refused = random.Random(dims), 0
    for _ in range(100):
        chosen, size = settings(draw), draw.randint(2, 20)
        expected = output_size(size, **chosen)
        layer, x = CONVS[dims](1, 1, **chosen, device="meta"), torch.empty(1, 1, *[size] * dims, device="meta")
        if expected < 1:
            refused += 1
            with pytest.raises(RuntimeError, match="greater than actual input size"):
                layer(x)
        else:
            assert layer(x).shape[2:] == (expected,) * dims
    assert refused


def test_kernel_is_not_mirrored() -> None:
    """torch's is numpy's correlate; numpy's convolve is it with a mirrored kernel."""
    torch.manual_seed(0)
    x, w = torch.randn(12, dtype=torch.float64), torch.randn(4, dtype=torch.float64)
    ours = F.conv1d(x.view(1, 1, -1), w.view(1, 1, -1)).flatten().numpy()
    np.testing.assert_allclose(ours, np.correlate(x.numpy(), w.numpy(), "valid"))
    mirrored = F.conv1d(x.view(1, 1, -1), w.flip(0).view(1, 1, -1)).flatten().numpy()
    np.testing.assert_allclose(mirrored, np.convolve(x.numpy(), w.numpy(), "valid"))
    assert abs(ours - mirrored).max() > 0.1


def test_even_sizes_leave_padding_unread(evidence) -> None:
    """Kernel 3, stride 2, padding 1: the right padding is read for odd sizes only, the left one for all; to size 40."""
    for size in range(2, 41):
        reached = seen(size, stride=2, padding=1).any(dim=0)
        assert reached[:-1].all()
        assert bool(reached[-1]) == (size % 2 == 1)
    for name, (size, chosen) in LAYERS.items():
        assert torch.equal(torch.tensor(evidence()[name], dtype=torch.bool), seen(size, **chosen))


def test_receptive_field_formula() -> None:
    """A hundred random stacks: field and jump by the formula are those of the gradients of two neighbouring outputs."""
    draw = random.Random(0)
    for _ in range(100):
        layers: list[nn.Module] = []
        for _ in range(draw.randint(1, 4)):
            chosen = settings(draw) | {"padding": 0}
            if draw.random() < 0.3:
                layers += [nn.AvgPool2d(chosen["kernel_size"], chosen["stride"]), nn.Softplus()]
            else:
                layers += [nn.Conv2d(1, 1, **chosen), nn.Softplus()]
        model = nn.Sequential(*layers).double()
        for p in model.parameters():
            nn.init.constant_(p, 0.1)  # no weight is 0, and Softplus lets every gradient pass
        field, jump = receptive_field(layers)
        assert receptive_field([nn.Sequential(nn.Sequential(*layers[:2]), *layers[2:])]) == (field, jump)
        x = torch.zeros(1, 1, field, field + jump, dtype=torch.float64, requires_grad=True)
        y = model(x)
        assert y.shape[2:] == (1, 2)
        spans = [torch.autograd.grad(y[0, 0, 0, i], x, retain_graph=True)[0][0, 0].nonzero() for i in (0, 1)]
        assert [int(s.max()) - int(s.min()) + 1 for s in (spans[0][:, 0], spans[0][:, 1])] == [field, field]
        assert int(spans[1][:, 1].min()) - int(spans[0][:, 1].min()) == jump
    for pool in (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d, nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d):
        assert receptive_field([pool(3, 2), pool(3, 2)]) == (7, 4)


def test_cost_formula() -> None:
    """Parameters, and multiply-adds as torch counts them (two operations each), for thirty random layers."""
    draw = random.Random(0)
    for _ in range(30):
        chosen, groups = settings(draw), draw.choice([1, 2, 4])
        layer = nn.Conv2d(8, 12, groups=groups, device="meta", **chosen)
        weights = 12 * 8 * chosen["kernel_size"] ** 2 // groups
        assert sum(p.numel() for p in layer.parameters()) == weights + 12
        with FlopCounterMode(display=False) as counter:
            y = layer(torch.empty(1, 8, 24, 24, device="meta"))
        assert counter.get_total_flops() == 2 * weights * y.shape[2] * y.shape[3]
        assert layer.weight[0].numel() == 8 // groups * chosen["kernel_size"] ** 2  # for each output channel


def test_unfold_is_a_matrix_product() -> None:
    """Unfold, product, reshape is the convolution; Fold is Unfold's transpose, and adds up what overlaps."""
    draw = random.Random(0)
    torch.manual_seed(0)
    for _ in range(20):
        chosen = settings(draw)
        x = torch.randn(2, 3, 12, 12, dtype=torch.float64)
        weight = torch.randn(5, 3, chosen["kernel_size"], chosen["kernel_size"], dtype=torch.float64)
        columns = nn.Unfold(**chosen)(x)  # (batch, channels * kernel * kernel, places)
        y = F.conv2d(x, weight, stride=chosen["stride"], padding=chosen["padding"], dilation=chosen["dilation"])
        torch.testing.assert_close((weight.flatten(1) @ columns).view_as(y), y)
        other = torch.randn_like(columns)
        fold = nn.Fold((12, 12), **chosen)
        torch.testing.assert_close((columns * other).sum(), (x * fold(other)).sum())  # <Ux, o> = <x, U'o>
    ones = torch.ones(1, 1, 5, 5)
    assert F.fold(F.unfold(ones, 3), (5, 5), 3)[0, 0, 2, 2] == 9


@pytest.mark.parametrize("mode", MODES)
def test_zeros_show_the_border(mode: str) -> None:
    """One colour in: zeros give other outputs at the whole border, the three other modes the same everywhere."""
    torch.manual_seed(0)
    layer = nn.Conv2d(2, 4, 3, padding=1, padding_mode=MODES[mode]).double()
    y = layer(torch.full((1, 2, 8, 8), 0.7, dtype=torch.float64))
    inside = y[..., 1:-1, 1:-1]
    assert inside.flatten(2).std(dim=-1).max() < 1e-12
    off = (y - inside[..., :1, :1]).abs().amax(dim=(0, 1))
    off[1:-1, 1:-1] = torch.nan
    border = off[~off.isnan()]
    assert border.min() > 1e-3 if mode == "constant" else border.max() < 1e-12


def test_shifts() -> None:
    """Circular padding: stride 1 follows each shift; stride 2 each even one of an even size, by half, and no other."""
    torch.manual_seed(0)
    for size in (12, 11):
        x = torch.randn(2, 3, size, size, dtype=torch.float64)
        for stride in (1, 2):
            layer = conv3x3(3, 5, stride, "circular").double()
            for axis in (-1, -2):
                for shift in range(1, size):
                    shifted, y = layer(x.roll(shift, dims=axis)), layer(x)
                    if stride == 1 or (shift % 2 == 0 and size % 2 == 0):
                        torch.testing.assert_close(shifted, y.roll(shift // stride, dims=axis))
                    else:
                        assert min((shifted - y.roll(s, dims=axis)).abs().max() for s in range(6)) > 0.1


@pytest.mark.parametrize("groups", [1, 2, 8])
@pytest.mark.parametrize("dims", [1, 2, 3])
def test_default_start(dims: int, groups: int) -> None:
    """Uniform within 1 / sqrt(fan in), weights and bias."""
    torch.manual_seed(0)
    layer = CONVS[dims](16, 64, 3, groups=groups)
    bound = 1 / math.sqrt(3**dims * 16 / groups)
    assert 0.98 * bound < layer.weight.abs().max() <= bound * (1 + 1e-6)
    assert layer.weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.06)
    assert layer.bias.abs().max() <= bound * (1 + 1e-6)


@pytest.mark.parametrize(("groups", "stride"), [(1, 1), (4, 1), (32, 1), (1, 2), (1, 3), (4, 2)])
def test_fan_out_counts_no_groups(groups: int, stride: int) -> None:
    """The variance of the input's gradient is that of the output's times weight variance and fan out / groups / s²."""
    torch.manual_seed(0)
    layer = nn.Conv2d(32, 64, 6, stride, groups=groups, bias=False)
    fan_out = nn.init._calculate_fan_in_and_fan_out(layer.weight)[1]
    assert fan_out == 64 * 36
    nn.init.normal_(layer.weight)
    x = torch.randn(2, 32, 12, 12, requires_grad=True)
    more = 6 - stride  # a circle: every pixel is read by equally many outputs
    y = layer(F.pad(x, (more, 0, more, 0), "circular"))
    gradient = torch.autograd.grad(y, x, torch.randn_like(y))[0]
    assert gradient.var().item() == pytest.approx(fan_out / groups / stride**2, rel=0.1)


def test_effective_field_is_smaller(evidence) -> None:
    """40 layers: 81 pixels, of which under half hold 95%; from 10 to 40 the span grows by 3.9, the width by under 3."""
    energies = {int(depth): torch.tensor(e) for depth, e in evidence("field").items()}
    assert len(energies[40]) == 81
    assert width(energies[40]) < 81 / 2
    assert len(energies[40]) / len(energies[10]) == pytest.approx(3.86, abs=0.01)
    assert width(energies[40]) < 3 * width(energies[10])
    assert all(e.sum().item() == pytest.approx(1, abs=1e-5) and (e > 0).all() for e in energies.values())


def test_channel_errors() -> None:
    """Channels last, and greyscale without a channel axis: the texts of the page; permute and unsqueeze cure them."""
    layer, grey = nn.Conv2d(3, 8, 3), nn.Conv2d(1, 8, 3)
    with pytest.raises(RuntimeError, match=r"expected input\[2, 8, 8, 3\] to have 3 channels, but got 8 channels"):
        layer(torch.rand(2, 8, 8, 3))
    assert layer(torch.rand(2, 8, 8, 3).permute(0, 3, 1, 2)).shape == (2, 8, 6, 6)
    with pytest.raises(RuntimeError, match=r"expected input\[1, 16, 8, 8\] to have 1 channels, but got 16 channels"):
        grey(torch.rand(16, 8, 8))
    assert grey(torch.rand(16, 8, 8).unsqueeze(1)).shape == (16, 8, 6, 6)


def test_map_too_small() -> None:
    """A map below the kernel is refused with the page's text."""
    text = r"padded input size per channel: \(2 x 2\)\. Kernel size: \(3 x 3\)\. Kernel size can't be greater than"
    with pytest.raises(RuntimeError, match=text):
        nn.Conv2d(3, 8, 3)(torch.rand(2, 3, 2, 2))


def test_same_padding_with_stride() -> None:
    """torch refuses it; k // 2 gives ⌈n/s⌉ for odd kernels. TensorFlow pads the right alone for even n, k 3, s 2."""
    with pytest.raises(ValueError, match="padding='same' is not supported for strided convolutions"):
        nn.Conv2d(3, 8, 3, stride=2, padding="same")
    for n in range(1, 40):
        for stride in (2, 3, 4):
            for kernel in (1, 3, 5, 7):
                assert output_size(n, kernel, stride, kernel // 2) == math.ceil(n / stride)
        total = max((math.ceil(n / 2) - 1) * 2 + 3 - n, 0)  # TensorFlow: left is total // 2, right the rest
        if n % 2 == 0:
            assert (total // 2, total - total // 2) == (0, 1)
            layer, x = nn.Conv1d(1, 1, 3, stride=2), torch.randn(1, 1, n)
            assert layer(F.pad(x, (0, 1))).shape[-1] == math.ceil(n / 2)


@pytest.mark.parametrize("size", [2, 3, 4, 5, 8])
def test_reflection_needs_pixels(size: int) -> None:
    """Reflection by p needs more than p pixels; replication and zeros take any size."""
    x = torch.rand(1, 1, size, size)
    for padding in range(1, 8):
        for mode in ("replicate", "constant"):
            assert F.pad(x, (padding,) * 4, mode).shape[-1] == size + 2 * padding
        if padding < size:
            assert F.pad(x, (padding,) * 4, "reflect").shape[-1] == size + 2 * padding
        else:
            with pytest.raises(RuntimeError, match="Padding size should be less than the corresponding"):
                F.pad(x, (padding,) * 4, "reflect")


def test_window_moves_by_the_stride(evidence: Any) -> None:
    """Of the figure, measured anew, and of 30 random layers: what an output sees, in the image's pixels."""
    for step in evidence("steps"):
        row, column = step["output"]
        assert step["seen"] == evidence_steps.seen(row, column).int().tolist()
    draw = random.Random(0)
    for _ in range(30):
        kernel, stride, padding = draw.randint(1, 4), draw.randint(1, 3), draw.randint(0, 2)
        size = draw.randint(kernel, 7)
        padded = torch.zeros(1, 1, size + 2 * padding, size + 2 * padding, requires_grad=True)
        y = F.conv2d(padded, torch.ones(1, 1, kernel, kernel), stride=stride)[0, 0]
        for row in range(y.shape[0]):
            for column in range(y.shape[1]):
                moved = torch.autograd.grad(y[row, column], padded, retain_graph=True)[0][0, 0]
                top, left = (moved.nonzero().amin(dim=0) - padding).tolist()
                assert (top, left) == (row * stride - padding, column * stride - padding)
                assert int(moved.count_nonzero()) == kernel**2
