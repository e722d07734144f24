"""Gated convolution: as two convolutions, as a gated linear unit, what its gates can do, and the claims of its page."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from snippets.convolutions.gated_convolution.from_scratch import gated_conv2d
from snippets.convolutions.gated_convolution.use import GatedConv2d
from snippets.convolutions.partial_convolution.use import PartialConv2d


def small() -> tuple[nn.Module, Tensor]:
    """Three layers, one with a stride and one with a dilation, for images of 16 by 16 with their mask."""
    layers = [GatedConv2d(4, 8, 5), GatedConv2d(8, 8, stride=2), GatedConv2d(8, 4, dilation=2)]
    return nn.Sequential(*layers), torch.randn(2, 4, 16, 16)


def same(x: Tensor) -> Tensor:
    return x


def test_equals_the_layer() -> None:
    """A hundred random settings: output, and gradients of input, weight and bias."""
    draw = random.Random(0)
    torch.manual_seed(0)
    for _ in range(100):
        k, stride, outputs = draw.choice([1, 3, 5]), draw.randint(1, 3), draw.randint(1, 4)
        layer = GatedConv2d(3, outputs, k, stride, activation=same, gate_bias=draw.uniform(-1, 2)).double()
        x = torch.randn(2, 3, draw.randint(2, 9), draw.randint(2, 9), dtype=torch.float64, requires_grad=True)
        weight, bias = layer.conv.weight, layer.conv.bias
        assert bias is not None
        y = layer(x)
        z = gated_conv2d(x, *weight.chunk(2), (bias[:outputs], bias[outputs:]), stride, k // 2)
        torch.testing.assert_close(y, z)
        grad = torch.randn_like(y)
        gradients = (torch.autograd.grad(each, [x, weight, bias], grad) for each in (y, z))
        for own, other in zip(*gradients, strict=True):
            torch.testing.assert_close(own, other)


@pytest.mark.parametrize(("stride", "dilation"), [(1, 1), (2, 1), (1, 3)])
def test_is_a_glu(stride: int, dilation: int) -> None:
    """Without an activation: F.glu of the layer's convolution."""
    torch.manual_seed(0)
    layer, x = GatedConv2d(3, 5, 3, stride, dilation, activation=same).double(), torch.randn(2, 3, 9, 9).double()
    torch.testing.assert_close(layer(x), F.glu(layer.conv(x), dim=1))


def test_saturated_gates() -> None:
    """A gate bias of 40: the ordinary convolution with its activation; of -40: nothing."""
    torch.manual_seed(0)
    x = torch.randn(2, 3, 9, 9)
    for activation in (F.elu, torch.relu, same):
        layer = GatedConv2d(3, 5, activation=activation, gate_bias=40.0)
        with torch.no_grad():
            plain = F.conv2d(x, layer.conv.weight[:5], layer.conv.bias[:5], padding=1)
            torch.testing.assert_close(layer(x), activation(plain), rtol=0, atol=1e-5)  # float32's roundings
            layer.conv.bias[5:] = -40
            assert layer(x).abs().max() < 1e-12


def test_costs_twice() -> None:
    """Twice the weights, biases and multiply-adds of a convolution with the same channels, kernel and stride."""
    for channels, outputs, kernel, stride in [(4, 8, 3, 1), (16, 32, 3, 2), (8, 8, 5, 1)]:
        gated, plain = GatedConv2d(channels, outputs, kernel, stride), nn.Conv2d(channels, outputs, kernel, stride, 2)
        x, costs = torch.rand(1, channels, 16, 16), []
        for layer in (gated.conv, nn.Conv2d(channels, outputs, kernel, stride, kernel // 2)):
            with FlopCounterMode(display=False) as counter:
                layer(x)
            costs.append(counter.get_total_flops())
        assert costs[0] == 2 * costs[1] > 0
        assert sum(p.numel() for p in gated.parameters()) == 2 * sum(p.numel() for p in plain.parameters())


def test_gate_can_be_the_mask() -> None:
    """A gate with weights of 100 on the mask and a bias of -50 is partial convolution's new mask."""
    torch.manual_seed(0)
    layer = GatedConv2d(4, 3).double()
    with torch.no_grad():
        layer.conv.weight[3:] = 0
        layer.conv.weight[3:, 3] = 100
        layer.conv.bias[3:] = -50
        for share in (0.3, 0.8, 0.95):
            mask = (torch.rand(2, 1, 12, 12) > share).double()
            x = torch.cat([torch.randn(2, 3, 12, 12).double(), mask], dim=1)
            _, reached = PartialConv2d(1, 1, 3, padding=1).double()(mask, mask)
            gates = torch.sigmoid(layer.conv(x)[:, 3:])
            torch.testing.assert_close(gates, reached.expand_as(gates), rtol=0, atol=1e-12)
            assert 0 < reached.mean() < 1 or share == 0.3


def test_gates_depend_on_the_image() -> None:
    """Each gate has a slope to all channels of its window, the mask's among them; channels and places differ."""
    torch.manual_seed(0)
    layer, x = GatedConv2d(4, 3).double(), torch.randn(1, 4, 7, 7).double().requires_grad_()
    gates = torch.sigmoid(layer.conv(x)[:, 3:])
    for channel in range(3):
        (slope,) = torch.autograd.grad(gates[0, channel, 3, 3], x, retain_graph=True)
        assert ((slope != 0).sum(dim=(2, 3)) == 9).all()
    assert gates.detach().flatten().unique().numel() == gates.numel()


def test_gates_at_the_start() -> None:
    """Inputs of variance 1: gates have a mean of 0.50 with a bias of 0, and of 0.85 with 2; spread 0.2 with 0."""
    torch.manual_seed(0)
    x = torch.randn(4, 32, 24, 24)
    for bias, mean in ((0.0, 0.50), (2.0, 0.85)):
        gates = torch.sigmoid(GatedConv2d(32, 64, gate_bias=bias).conv(x)[:, 64:])
        assert gates.mean().item() == pytest.approx(mean, abs=0.01)
        assert bias or gates.std().item() == pytest.approx(0.2, abs=0.01)


def test_start_of_both_halves() -> None:
    """Features have Kaiming's standard deviation for ReLU, gates that for a linear layer, of their own fan-in."""
    torch.manual_seed(0)
    weight = GatedConv2d(64, 64).conv.weight
    features, gates = (half.std().item() for half in weight.chunk(2))
    assert features == pytest.approx((2 / (64 * 9)) ** 0.5, rel=0.02)
    assert gates == pytest.approx((1 / (64 * 9)) ** 0.5, rel=0.02)


def test_signal_shrinks(evidence: Any) -> None:
    """Gates with bias 0 leave 50% to 80% a layer, under 0.3% after 16; with bias 2 40% to 70%; none over 100%."""
    found = evidence()
    closed = found["gates with bias 0"]
    assert all(0.5 < after / before < 0.8 for before, after in pairwise(closed))
    assert closed[-1] / closed[0] < 0.003
    assert 0.4 < found["gates with bias 2"][-1] / found["gates with bias 2"][0] < 0.7
    assert found["without gates"][-1] > 1


def test_known_pixels_stay() -> None:
    """The composite has the known pixels bit by bit, and the painted ones in the hole."""
    torch.manual_seed(0)
    image, painted = torch.rand(2, 3, 16, 16), torch.rand(2, 3, 16, 16)
    mask = (torch.rand(2, 1, 16, 16) > 0.5).float().expand_as(image)
    whole = image * mask + painted * (1 - mask)
    assert torch.equal(whole[mask > 0], image[mask > 0])
    assert torch.equal(whole[mask == 0], painted[mask == 0])


def test_mask_is_a_channel() -> None:
    """An image without its mask is refused, in torch's words."""
    with pytest.raises(RuntimeError, match=r"expected input\[2, 3, 32, 32\] to have 4 channels, but got 3 channels"):
        GatedConv2d(4, 8)(torch.rand(2, 3, 32, 32))
