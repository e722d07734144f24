"""Depthwise separable convolution: equal to torch and timm, its cost, and which dense convolutions it is."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
import torch
from timm.layers import SeparableConv2d as TimmSeparableConv2d
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from snippets.convolutions.depthwise_separable_convolution.evidence import CHANNELS, PLACE, SIZE, costs
from snippets.convolutions.depthwise_separable_convolution.from_scratch import SeparableConv2d
from snippets.convolutions.depthwise_separable_convolution.use import separable_conv
from tests.support import oracles  # noqa: F401 - before torchvision

Evidence = Callable[..., Any]


def small() -> tuple[nn.Module, Tensor]:
    return separable_conv(6, 10, stride=2), torch.rand(2, 6, 9, 9)


def test_finds_depthwise_kernels() -> None:
    """The page's line finds the 17 depthwise kernels of MobileNetV2, no grouped, dense or one-channel one."""
    from torchvision import models

    def found(model: nn.Module) -> list[Tensor]:
        return [m.weight for m in model.modules() if isinstance(m, nn.Conv2d) and 1 < m.groups == m.in_channels]

    others = [nn.Conv2d(1, 6, 3), nn.Conv2d(6, 6, 1), nn.Conv2d(6, 6, 3, groups=3)]
    block = separable_conv(6, 10)
    depthwise = found(nn.Sequential(*others, block))
    assert len(depthwise) == 1
    assert depthwise[0] is block[0].weight
    with torch.device("meta"):
        kernels = found(models.mobilenet_v2())
    assert len(kernels) == 17
    assert all(kernel.shape[1:] == (1, 3, 3) for kernel in kernels)


def configurations(count: int) -> list[dict[str, int]]:
    """Random layers, the same in each run."""
    draw = random.Random(0)
    return [
        {
            "in_channels": draw.randint(1, 6),
            "out_channels": draw.randint(1, 7),
            "kernel_size": draw.randint(1, 4),
            "stride": draw.randint(1, 3),
            "padding": draw.randint(0, 2),
            "dilation": draw.randint(1, 2),
            "multiplier": draw.randint(1, 3),
        }
        for _ in range(count)
    ]


def test_equals_torch() -> None:
    """Output and gradients of input and weights equal two calls of conv2d in 100 random layers."""
    torch.manual_seed(0)
    for settings in configurations(100):
        ours = SeparableConv2d(**settings).double()
        x = torch.randn(2, settings["in_channels"], 9, 8, dtype=torch.float64, requires_grad=True)
        stride, padding, dilation = (settings[name] for name in ("stride", "padding", "dilation"))
        filtered = F.conv2d(x, ours.depthwise, None, stride, padding, dilation, groups=settings["in_channels"])
        sides = []
        for out in (ours(x), F.conv2d(filtered, ours.pointwise)):
            sides.append([out, *torch.autograd.grad(out.square().sum(), [x, *ours.parameters()])])
        for mine, its in zip(*sides, strict=True):
            torch.testing.assert_close(mine, its)


@pytest.mark.parametrize(
    ("kernel_size", "stride", "dilation", "multiplier"), [(3, 1, 1, 1), (5, 2, 1, 2), (3, 2, 2, 3)]
)
def test_equals_timm(kernel_size: int, stride: int, dilation: int, multiplier: int) -> None:
    """timm's SeparableConv2d with the same weights; it pads so that the map keeps its size at stride 1."""
    torch.manual_seed(0)
    padding = dilation * (kernel_size // 2)
    ours = SeparableConv2d(6, 10, kernel_size, stride, padding, dilation, multiplier)
    timms = TimmSeparableConv2d(6, 10, kernel_size, stride, dilation, channel_multiplier=multiplier)
    timms.load_state_dict({"conv_dw.weight": ours.depthwise, "conv_pw.weight": ours.pointwise})
    x = torch.randn(2, 6, 11, 9)
    torch.testing.assert_close(ours(x), timms(x), rtol=1e-4, atol=1e-5)


def test_cost_ratio() -> None:
    """Counted weights and multiply-adds of 100 random pairs have the ratio 1/N + 1/k², at any stride."""
    draw = random.Random(0)
    for _ in range(100):
        channels, wide, k, stride = draw.randint(1, 64), draw.randint(1, 64), draw.randint(1, 7), draw.randint(1, 3)
        x = torch.empty(1, channels, 24, 24, device="meta")
        with torch.device("meta"):
            separable = [nn.Conv2d(channels, channels, k, stride, groups=channels), nn.Conv2d(channels, wide, 1)]
            dense = [nn.Conv2d(channels, wide, k, stride)]
        weights, multiply_adds = [0, 0], [0, 0]
        for side, layers in enumerate((separable, dense)):
            y = x
            for layer in layers:
                with FlopCounterMode(display=False) as counter:
                    y = layer(y)
                weights[side] += layer.weight.numel()
                multiply_adds[side] += counter.get_total_flops() // 2
        assert weights[0] / weights[1] == pytest.approx(1 / wide + 1 / k**2)
        assert multiply_adds[0] / multiply_adds[1] == pytest.approx(1 / wide + 1 / k**2)


def test_is_a_dense_convolution() -> None:
    """One dense convolution with the kernel p[n, c] d[c] gives the same, in 30 random layers without multiplier."""
    torch.manual_seed(0)
    for settings in configurations(30):
        ours = SeparableConv2d(**(settings | {"multiplier": 1})).double()
        kernel = ours.pointwise * ours.depthwise[:, 0]  # (out, in, 1, 1) times (in, k, k)
        x = torch.randn(2, settings["in_channels"], 9, 9, dtype=torch.float64)
        geometry = {name: settings[name] for name in ("stride", "padding", "dilation")}
        torch.testing.assert_close(ours(x), F.conv2d(x, kernel, **geometry))
        for c in range(settings["in_channels"]):  # one picture for each input channel, whatever the output
            assert torch.linalg.matrix_rank(kernel[:, c].flatten(1)) == 1


@pytest.mark.parametrize(("k", "wide"), [(3, 12), (3, 5), (2, 7), (5, 8)])
def test_multiplier_makes_any_dense_convolution(k: int, wide: int) -> None:
    """With the multiplier min(k², N) any dense kernel is reached, by its singular vectors; with one less it is not."""
    torch.manual_seed(0)
    kernel = torch.randn(wide, 4, k, k, dtype=torch.float64)
    x = torch.randn(2, 4, 8, 8, dtype=torch.float64)
    left, sizes, right = torch.linalg.svd(kernel.transpose(0, 1).flatten(2), full_matrices=False)  # of each input
    for multiplier in (min(k**2, wide), min(k**2, wide) - 1):
        ours = SeparableConv2d(4, wide, k, multiplier=multiplier).double()
        with torch.no_grad():
            ours.depthwise.copy_(right[:, :multiplier].reshape_as(ours.depthwise))
            mixed = left[:, :, :multiplier] * sizes[:, None, :multiplier]  # (in, out, multiplier)
            ours.pointwise.copy_(mixed.transpose(0, 1).reshape_as(ours.pointwise))
        error = (ours(x) - F.conv2d(x, kernel)).abs().max().item()
        assert (error < 1e-9) == (multiplier == min(k**2, wide))


def test_sees_all_channels_after_the_pointwise_one(evidence: Evidence) -> None:
    """Depthwise: 3 × 3 pixels of its channel; pointwise: one pixel of all; both: 3 × 3 of all, as a dense one."""
    reached = {name: torch.tensor(seen, dtype=torch.bool) for name, seen in evidence()["reach"].items()}
    window = torch.zeros(CHANNELS, SIZE, SIZE, dtype=torch.bool)
    window[:, 1:4, 1:4] = True
    own = torch.zeros_like(window)
    own[PLACE[1]] = window[PLACE[1]]
    pixel = torch.zeros_like(window)
    pixel[:, 2, 2] = True
    assert torch.equal(reached["dense"], window)
    assert torch.equal(reached["depthwise"], own)
    assert torch.equal(reached["pointwise"], pixel)
    assert torch.equal(reached["depthwise, then pointwise"], window)


def test_few_multiply_adds_per_number(evidence: Evidence) -> None:
    """3 × 3: 8.4 times fewer multiply-adds, but 1.7 times as many numbers moved: 34 for each number, against 487."""
    dense, separable = (evidence()["costs"][f"3×3, {name}"] for name in ("dense", "separable"))
    assert dense["multiply_adds"] / separable["multiply_adds"] == pytest.approx(8.4, abs=0.05)
    assert separable["moved"] / dense["moved"] == pytest.approx(1.7, abs=0.05)
    assert round(dense["multiply_adds"] / dense["moved"]) == 487
    assert round(separable["multiply_adds"] / separable["moved"]) == 34
    again = costs(nn.Sequential(nn.Conv2d(128, 128, 3, padding=1, device="meta")))
    assert again == dense


def test_large_kernels_cost_little(evidence: Evidence) -> None:
    """From 3 × 3 to 7 × 7 the separable pair needs 29% more multiply-adds, the dense one 5.4 times as many."""
    cost = {name: row["multiply_adds"] for name, row in evidence()["costs"].items()}
    assert cost["7×7, separable"] / cost["3×3, separable"] == pytest.approx(1.29, abs=0.005)
    assert cost["7×7, dense"] / cost["3×3, dense"] == pytest.approx(5.4, abs=0.05)


@pytest.mark.parametrize("channels", [16, 64, 256])
def test_fan_out_is_too_small(channels: int) -> None:
    """fan_out divides the weights by the root of the channels, and the signal's second moment by their number."""
    torch.manual_seed(0)
    x = torch.randn(4, channels, 12, 12).relu()
    moments, spreads = {}, {}
    for mode in ("fan_in", "fan_out"):
        weights = []
        for _ in range(2048 // channels):  # as many weights for each number of channels
            layer = nn.Conv2d(channels, channels, 3, groups=channels, bias=False)
            nn.init.kaiming_normal_(layer.weight, mode=mode)
            weights.append(layer.weight.detach())
            moments[mode] = moments.get(mode, 0) + layer(x).relu().square().mean().item() / (2048 // channels)
        spreads[mode] = torch.stack(weights).std().item()
    assert spreads["fan_in"] / spreads["fan_out"] == pytest.approx(channels**0.5, rel=0.05)
    assert moments["fan_in"] == pytest.approx(x.square().mean().item(), rel=0.15)
    assert moments["fan_in"] / moments["fan_out"] == pytest.approx(channels, rel=0.25)
    ours = separable_conv(channels, channels)[0].weight.std().item()
    assert ours == pytest.approx((2 / 9) ** 0.5, rel=0.15)


def test_out_channels_must_be_a_multiple() -> None:
    """192 outputs of 128 groups are refused; 256 give each channel two filters, and nothing warns."""
    with pytest.raises(ValueError, match="out_channels must be divisible by groups"):
        nn.Conv2d(128, 192, 3, groups=128)
    torch.manual_seed(0)
    layer, x = nn.Conv2d(128, 256, 3, groups=128), torch.randn(1, 128, 5, 5, requires_grad=True)
    for output in (0, 7, 255):
        (seen,) = torch.autograd.grad(layer(x)[0, output].sum(), x)
        assert seen[0].flatten(1).abs().sum(dim=1).nonzero().flatten().tolist() == [output // 2]
