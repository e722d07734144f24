"""Dynamic convolution: equal to the form from scratch, its gradients and cost in closed form, and its page's claims."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from snippets.convolutions.dynamic_convolution.from_scratch import attention, dynamic_conv2d
from snippets.convolutions.dynamic_convolution.use import DynamicConv2d, set_temperature


def small() -> tuple[nn.Module, Tensor]:
    """Two layers, one of them with a stride and groups."""
    layers = [DynamicConv2d(4, 8), nn.BatchNorm2d(8), nn.ReLU(), DynamicConv2d(8, 6, 5, stride=2, groups=2, kernels=3)]
    return nn.Sequential(*layers), torch.randn(3, 4, 9, 8)


def shares_of(layer: DynamicConv2d, x: Tensor) -> Tensor:
    first, second = (m for m in layer.attend if isinstance(m, nn.Linear))
    for linear in (first, second):
        nn.init.zeros_(linear.bias)
    return torch.stack([attention(s, first.weight, second.weight, layer.temperature.item()) for s in x])


@pytest.mark.parametrize("temperature", [1.0, 30.0])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_equals_from_scratch(kernel: int, stride: int, temperature: float) -> None:
    """The layer of use.py and the loop over samples: outputs and the gradients of kernels and biases."""
    torch.manual_seed(0)
    layer = DynamicConv2d(6, 5, kernel, stride, kernels=3, temperature=temperature).double()
    nn.init.normal_(layer.bias)
    x = torch.randn(4, 6, 9, 8, dtype=torch.float64)
    shares = shares_of(layer, x)
    y = dynamic_conv2d(x, shares, layer.weight.unflatten(1, layer.shape), layer.bias, stride)
    torch.testing.assert_close(layer(x), y)
    grad = torch.randn_like(y)
    wanted = [layer.weight, layer.bias, *layer.attend.parameters()]
    ours, theirs = (torch.autograd.grad(z, wanted[:2], grad) for z in (layer(x), y))
    torch.testing.assert_close(ours, theirs)
    assert all(torch.autograd.grad(layer(x), p, grad)[0].abs().sum() > 0 for p in wanted)


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("chosen", [0, 1, 2])
def test_one_hot_is_that_kernel(chosen: int, groups: int) -> None:
    """Where all attention is on one kernel, the layer is the ordinary convolution with it; for each of the kernels."""
    torch.manual_seed(0)
    layer = DynamicConv2d(4, 6, kernels=3, groups=groups, temperature=1.0)
    last = layer.attend[-1]
    assert isinstance(last, nn.Linear)
    nn.init.zeros_(last.weight)
    nn.init.normal_(layer.bias)
    with torch.no_grad():
        last.bias.copy_(200.0 * F.one_hot(torch.tensor(chosen), 3))
    x = torch.randn(5, 4, 7, 7)
    own = F.conv2d(x, layer.weight[chosen].view(layer.shape), layer.bias[chosen], padding=1, groups=groups)
    torch.testing.assert_close(layer(x), own)
    if groups == 1:
        shares = F.one_hot(torch.full((5,), chosen), 3).float()
        torch.testing.assert_close(dynamic_conv2d(x, shares, layer.weight.unflatten(1, layer.shape), layer.bias), own)


@pytest.mark.parametrize("kernels", [1, 2, 4, 8])
def test_shares_sum_to_one(kernels: int) -> None:
    """Equal kernels, equal biases: the ordinary convolution, whatever the attention, for the shares sum to 1."""
    torch.manual_seed(0)
    layer = DynamicConv2d(3, 4, kernels=kernels, temperature=0.1)
    with torch.no_grad():
        layer.weight.copy_(layer.weight[:1].expand_as(layer.weight))
        layer.bias.copy_(torch.randn(4).expand_as(layer.bias))
    x = torch.randn(6, 3, 7, 7)
    torch.testing.assert_close(layer(x), F.conv2d(x, layer.weight[0].view(layer.shape), layer.bias[0], padding=1))


def test_gradient_is_weighted_by_the_share() -> None:
    """A kernel's gradient is the sum over samples of its share times the gradient of the sample's own kernel."""
    torch.manual_seed(0)
    layer, x = DynamicConv2d(3, 4, temperature=1.0).double(), torch.randn(5, 3, 6, 6, dtype=torch.float64)
    shares = shares_of(layer, x).detach()
    own = (shares @ layer.weight.detach()).requires_grad_()
    y = torch.cat([F.conv2d(s[None], k.view(layer.shape), padding=1) for s, k in zip(x, own, strict=True)])
    grad = torch.randn_like(y)
    (of_own,) = torch.autograd.grad(y, own, grad)
    (of_kernels,) = torch.autograd.grad(layer(x), layer.weight, grad)
    torch.testing.assert_close(of_kernels, shares.T @ of_own)


@pytest.mark.parametrize("size", [1, 7, 14])
@pytest.mark.parametrize(("k", "stride"), [(1, 1), (3, 1), (5, 2)])
@pytest.mark.parametrize(("channels", "out", "kernels"), [(16, 16, 4), (34, 8, 2), (8, 24, 8)])
def test_cost_in_closed_form(channels: int, out: int, kernels: int, k: int, stride: int, size: int) -> None:
    """n (k² c c' + c') for averaging and c d + n d for the attention, d = max(4, c // 4), beside h w k² c c'."""
    with torch.device("meta"):
        layer = DynamicConv2d(channels, out, k, stride, kernels=kernels)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        y = layer(torch.empty(1, channels, size, size, device="meta"))
    hidden = max(4, channels // 4)
    mixing = kernels * (k**2 * channels * out + out) + channels * hidden + kernels * hidden
    assert counter.get_total_flops() // 2 == k**2 * channels * out * y.shape[2] * y.shape[3] + mixing


def test_high_temperature_trains_all_kernels(evidence: Any) -> None:
    """From temperature 1 to 30 the mean largest share falls from over a half to under 0.35 and the least gradient
    rises from under 10% to over 20%, and so they do in each of the five seeds from step to step."""
    means, seeds = evidence()["means"], evidence()["seeds"]
    assert means["1.0"]["largest"] > 0.5
    assert means["30.0"]["largest"] < 0.35
    assert means["1.0"]["least"] < 0.1
    assert means["30.0"]["least"] > 0.2
    assert list(seeds) == ["1.0", "3.0", "10.0", "30.0"]
    for seed in range(5):
        rows = [seeds[t][seed] for t in seeds]
        assert [r["largest"] for r in rows] == sorted((r["largest"] for r in rows), reverse=True)
        assert [r["least"] for r in rows] == sorted(r["least"] for r in rows)


@pytest.mark.parametrize("kernels", [1, 4, 16])
def test_size_at_the_start(kernels: int) -> None:
    """With an even attention, a new layer's outputs are 1 / √n times as large as an ordinary convolution's."""
    torch.manual_seed(0)
    layer = DynamicConv2d(64, 256, kernels=kernels, temperature=1e6)
    plain = nn.Conv2d(64, 256, 3, padding=1, bias=False)
    x = torch.randn(4, 64, 12, 12)
    assert (layer(x).std() / plain(x).std()).item() == pytest.approx(1 / math.sqrt(kernels), rel=0.05)


def test_annealing() -> None:
    """From 30 linearly to 1 in ten epochs, then 1, in every layer of the model; and it is saved with the weights."""
    model = nn.Sequential(DynamicConv2d(3, 4), nn.Sequential(DynamicConv2d(4, 4)))
    for epoch in range(30):
        value = set_temperature(model, epoch)
        assert value == pytest.approx(max(1, 30 - 2.9 * epoch))
        for module in model.modules():
            if isinstance(module, DynamicConv2d):
                assert module.temperature.item() == pytest.approx(value)
    other = nn.Sequential(DynamicConv2d(3, 4), nn.Sequential(DynamicConv2d(4, 4)))
    x = torch.randn(2, 3, 6, 6)
    other.load_state_dict(model.state_dict())
    torch.testing.assert_close(other(x), model(x))


def test_temperature_of_training_matters() -> None:
    """Outputs of a layer with sharp logits change by over a third when the temperature goes from 1 back to 30."""
    for seed in range(5):
        torch.manual_seed(seed)
        layer = DynamicConv2d(8, 8, temperature=1.0)
        last = layer.attend[-1]
        assert isinstance(last, nn.Linear)
        with torch.no_grad():
            last.weight.mul_(8)
            last.bias.mul_(8)
        x = torch.randn(32, 8, 8, 8) + torch.randn(32, 8, 1, 1)
        y = layer(x)
        set_temperature(layer, 0)
        assert (layer(x) - y).norm() > y.norm() / 3
