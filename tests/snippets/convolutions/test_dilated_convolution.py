"""Dilated convolution: equal to torch for random settings, equivalences, what it reads, and the claims of its page."""

from __future__ import annotations

import math
import random
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from snippets.convolutions.dilated_convolution import from_scratch
from snippets.convolutions.dilated_convolution.evidence import inside, read
from snippets.convolutions.dilated_convolution.use import dilated, without_strides
from tests.support import oracles  # noqa: F401 - before torchvision


def small() -> tuple[nn.Module, Tensor]:
    """Three layers with the dilations 1, 2 and 5, and one that has lost its stride."""
    strided = nn.Sequential(nn.Conv2d(6, 6, 3, 2, 1), nn.ReLU(), nn.Conv2d(6, 3, 3, padding=1))
    layers = [dilated(3, 6, 1), nn.ReLU(), dilated(6, 6, 2), nn.ReLU(), dilated(6, 6, 5), *without_strides(strided)]
    return nn.Sequential(*layers), torch.randn(2, 3, 16, 16)


def test_equals_torch() -> None:
    """A hundred random sizes, odd kernels, dilations and groups: output, and gradients of input, weight, bias."""
    draw = random.Random(0)
    torch.manual_seed(0)
    for turn in range(100):
        d, groups = draw.randint(1, 5), draw.choice([1, 2, 3])
        kernel = (draw.choice([1, 3, 5]), draw.choice([1, 3, 5]))
        size = (draw.randint(1, 14), draw.randint(1, 14))
        x = torch.randn(2, 2 * groups, *size, dtype=torch.float64, requires_grad=True)
        weight = torch.randn(3 * groups, 2, *kernel, dtype=torch.float64, requires_grad=True)
        bias = torch.randn(3 * groups, dtype=torch.float64, requires_grad=True) if turn % 3 else None
        wanted = [each for each in (x, weight, bias) if each is not None]
        ours = from_scratch.dilated_conv2d(x, weight, bias, d, groups)
        padding = [d * (k // 2) for k in kernel]
        theirs = F.conv2d(x, weight, bias, padding=padding, dilation=d, groups=groups)
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)
        grad = torch.randn_like(ours)
        gradients = (torch.autograd.grad(y, wanted, grad) for y in (ours, theirs))
        for mine, its in zip(*gradients, strict=True):
            torch.testing.assert_close(mine, its, rtol=1e-10, atol=1e-10)


def test_zeros_in_the_kernel() -> None:
    """A hundred random settings: an ordinary convolution with d (k - 1) + 1 pixels and zeros in the gaps."""
    draw = random.Random(0)
    torch.manual_seed(0)
    for turn in range(100):
        k, d, stride, padding, groups = draw.randint(1, 4), 1 + turn % 4, draw.randint(1, 3), draw.randint(0, 3), 2
        x, weight = torch.randn(1, 4, 15, 14).double(), torch.randn(6, 2, k, k).double()
        wide = weight.new_zeros(6, 2, d * (k - 1) + 1, d * (k - 1) + 1)
        wide[..., ::d, ::d] = weight
        as_ordinary = F.conv2d(x, wide, stride=stride, padding=padding, groups=groups)
        torch.testing.assert_close(F.conv2d(x, weight, None, stride, padding, d, groups), as_ordinary)
        if d == 1:
            assert torch.equal(wide, weight)


@pytest.mark.parametrize("kernel", [1, 3, 5, 7])
def test_padding_keeps_the_size(kernel: int) -> None:
    """Odd kernels and p = d (k - 1) / 2: the size stays, for dilations 1 to 8 and sizes 1 to 19."""
    for d in range(1, 9):
        layer = dilated(2, 3, d, kernel).to("meta")
        for size in range(1, 20):
            assert layer(torch.empty(1, 2, size, size + 1, device="meta")).shape == (1, 3, size, size + 1)


def test_same_cost_and_start() -> None:
    """Dilations 1 to 8: equally many weights, multiply-adds for 24 × 24 outputs, and the same numbers at the start."""
    costs, weights = set(), []
    for d in range(1, 9):
        torch.manual_seed(0)
        layer = dilated(8, 12, d)
        weights.append(layer.weight)
        with FlopCounterMode(display=False) as counter:
            layer(torch.zeros(1, 8, 24, 24))
        costs.add((sum(p.numel() for p in layer.parameters()), counter.get_total_flops() // 2))
    assert costs == {(8 * 12 * 9, 8 * 12 * 9 * 24 * 24)}
    assert all(torch.equal(weight, weights[0]) for weight in weights)


@pytest.mark.parametrize("depth", range(1, 6))
def test_field_doubles(depth: int) -> None:
    """Dilations 1, 2, 4, …: 2^(L+1) - 1 pixels and each is read; ordinary layers see 2 L + 1."""
    doubled, ordinary = read(tuple(2**i for i in range(depth))), read((1,) * depth)
    assert len(doubled) == 2 ** (depth + 1) - 1
    assert (doubled > 0).all()
    assert len(ordinary) == 2 * depth + 1


@pytest.mark.parametrize("d", [2, 3, 4])
def test_grids_never_meet(d: int) -> None:
    """A stack with one dilation: each of the d × d interleaved images alone gives its part of the output."""
    torch.manual_seed(0)
    stack = nn.Sequential(dilated(2, 4, d), nn.ReLU(), dilated(4, 4, d), nn.ReLU(), dilated(4, 3, d)).double()
    ordinary = nn.Sequential(dilated(2, 4, 1), nn.ReLU(), dilated(4, 4, 1), nn.ReLU(), dilated(4, 3, 1)).double()
    ordinary.load_state_dict(stack.state_dict())
    x = torch.randn(1, 2, 4 * d, 5 * d, dtype=torch.float64)
    y = stack(x)
    for i in range(d):
        for j in range(d):
            torch.testing.assert_close(y[..., i::d, j::d], ordinary(x[..., i::d, j::d]))


def test_mixed_dilations_read_all(evidence: Any) -> None:
    """1, 2, 5 read all of 17 × 17; 1, 2, 9 read 71%; 2, 2, 2 read 29%. The others are as the figure's text says."""
    shares = {name: (torch.tensor(w) > 0).float().mean().item() for name, w in evidence()["ways"].items()}
    for name in ("1, 1, 1", "1, 2, 4", "1, 2, 5"):
        assert shares[name] == 1
    assert shares["1, 2, 9"] == pytest.approx(0.71, abs=0.005)
    assert shares["2, 2, 2"] == pytest.approx(0.29, abs=0.005)
    assert shares["4, 4, 4"] == pytest.approx(49 / 625)
    assert torch.equal(torch.tensor(evidence()["ways"]["1, 2, 9"]), read((1, 2, 9)))
    assert len(read((1, 2, 5))) == 17


def strided_stack(draw: random.Random, keep: int) -> nn.Sequential:
    """A random stack with strides of 2, in float64; where four may stay, pooling at its front."""
    layers: list[nn.Module] = [nn.Conv2d(2, 2, 5, 2, 2), nn.MaxPool2d(3, 2, 1)] if keep == 4 else []
    for _ in range(draw.randint(2, 5)):
        kernel, stride = draw.choice([1, 3, 5]), draw.choice([1, 2, 2])
        d = draw.choice([1, 2])
        padding = d * (kernel // 2) + draw.randint(0, 1)
        layers += [nn.Conv2d(2, 2, kernel, stride, padding, d), nn.BatchNorm2d(2), nn.ReLU()]
    return nn.Sequential(*layers).double().eval()


def test_strides_become_dilations() -> None:
    """Sixty random stacks, keep 1, 2, 4: the strided values stand in the dense map; strides beyond keep are gone."""
    draw, grown = random.Random(0), 0
    torch.manual_seed(0)
    for turn in range(60):
        keep = (1, 2, 4)[turn % 3]
        strided = strided_stack(draw, keep)
        x = torch.randn(1, 2, draw.randint(60, 75), draw.randint(60, 75), dtype=torch.float64)
        dense = without_strides(strided, keep)
        few, many = strided(x), dense(x)
        jump, left = (math.prod(m.stride[0] for m in net if isinstance(m, nn.Conv2d)) for net in (strided, dense))
        pooled = 2 if keep == 4 else 1
        assert left * pooled <= keep
        torch.testing.assert_close(many[..., :: jump // left, :: jump // left], few)
        grown += many.numel() > few.numel()
    assert grown > 20
    pooled_late = nn.Sequential(nn.Conv2d(2, 2, 3, 2), nn.AvgPool2d(2))
    nested = nn.Sequential(nn.Sequential(nn.Conv2d(2, 2, 3, 2)))
    for model in (pooled_late, nested):
        with pytest.raises(ValueError, match="cannot take the strides out of"):
            without_strides(model, keep=2)


def test_torchvision_dilates_bottlenecks() -> None:
    """ResNet-50's values are every fourth one of the dense map; 101 and 152 take it, too; ResNet-18 and 34 refuse."""
    import torchvision

    build, exchanged = torchvision.models, [False, True, True]
    for make in (build.resnet101, build.resnet152):
        with torch.device("meta"):
            assert make(replace_stride_with_dilation=exchanged).layer4[-1].conv2.dilation == (4, 4)
    torch.manual_seed(0)
    strided = build.resnet50().eval()
    dense = build.resnet50(replace_stride_with_dilation=exchanged).eval()
    dense.load_state_dict(strided.state_dict())
    x = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        few, many = (nn.Sequential(*list(model.children())[:-2])(x) for model in (strided, dense))
    torch.testing.assert_close(many[..., ::4, ::4], few, rtol=1e-4, atol=1e-4)
    for make in (build.resnet18, build.resnet34):
        with pytest.raises(NotImplementedError, match="Dilation > 1 not supported in BasicBlock"):
            make(replace_stride_with_dilation=exchanged)


def test_dense_maps_cost_four_times() -> None:
    """Each stride that is taken out multiplies multiply-adds and outputs of the layers after it by four."""
    strided = nn.Sequential(*(nn.Conv2d(4, 4, 3, 2, 1) for _ in range(3)), nn.Conv2d(4, 4, 3, padding=1))
    costs = []
    for keep in (8, 4, 2, 1):
        model, x = without_strides(strided, keep), torch.zeros(1, 4, 64, 64)
        before = model[:-1](x)
        with FlopCounterMode(display=False) as counter:
            y = model[-1](before)
        costs.append((counter.get_total_flops(), y.numel()))
    for less, more in pairwise(costs):
        assert more == (4 * less[0], 4 * less[1])


def test_weights_fall_off_the_map(evidence: Any) -> None:
    """Shares of 65 × 65 outputs: all nine weights 94% at 1, 7% at 24, none at 36; the middle alone 94% at 64."""
    shares = evidence()["inside"]
    assert shares["1"][0] == pytest.approx(0.94, abs=0.005)
    assert shares["24"][0] == pytest.approx(0.07, abs=0.005)
    assert shares["36"][0] == 0
    assert shares["64"][-1] == pytest.approx(0.94, abs=0.005)
    for rate, row in shares.items():
        d, counts = int(rate), inside(int(rate))
        assert sum(row) == pytest.approx(1)
        assert row[0] == pytest.approx(max(0, 65 - 2 * d) ** 2 / 65**2)
        assert counts[65 * 32 + 32] == (9 if d <= 32 else 1)  # the middle of the map


def test_forgotten_padding() -> None:
    """Kernel 3 and padding 1 at dilation 4 takes 6 pixels away; in general 2 (d - 1), and padding d takes none."""
    for d in range(1, 6):
        x = torch.zeros(1, 1, 20, 20)
        assert nn.Conv2d(1, 1, 3, padding=1, dilation=d)(x).shape[-1] == 20 - 2 * (d - 1)
        assert nn.Conv2d(1, 1, 3, padding=d, dilation=d)(x).shape[-1] == 20
