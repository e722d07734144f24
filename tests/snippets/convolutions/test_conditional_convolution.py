"""CondConv: both forms are one, equal to timm, its cost in closed form, its start, and the claims of its page."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from snippets.convolutions.conditional_convolution.from_scratch import mix_kernels, mix_outputs
from snippets.convolutions.conditional_convolution.use import CondConv2d
from tests.support import oracles  # noqa: F401 - before timm


def small() -> tuple[nn.Module, Tensor]:
    """Two layers, one of them with a stride and groups."""
    layers = [CondConv2d(4, 8), nn.BatchNorm2d(8), nn.ReLU(), CondConv2d(8, 6, 5, stride=2, groups=2, experts=3)]
    return nn.Sequential(*layers), torch.randn(3, 4, 9, 8)


def test_both_forms_are_one() -> None:
    """A hundred random settings: mixing outputs and mixing kernels agree, in outputs and in all gradients."""
    draw = random.Random(0)
    torch.manual_seed(0)
    for _ in range(100):
        groups, experts, batch = draw.choice([1, 2, 3]), draw.randint(1, 5), draw.randint(1, 4)
        kernel, size = (draw.choice([1, 3, 5]), draw.choice([1, 2, 3])), (draw.randint(6, 9), draw.randint(6, 9))
        settings = {
            "stride": draw.randint(1, 3),
            "padding": draw.randint(0, 2),
            "dilation": draw.randint(1, 2) if max(kernel) < 5 else 1,
            "groups": groups,
        }
        x = torch.randn(batch, 2 * groups, *size, dtype=torch.float64, requires_grad=True)
        kernels = torch.randn(experts, 3 * groups, 2, *kernel, dtype=torch.float64, requires_grad=True)
        share = torch.randn(batch, experts, dtype=torch.float64, requires_grad=True)
        ys = [mix(x, share, kernels, **settings) for mix in (mix_outputs, mix_kernels)]
        grad = torch.randn_like(ys[0])
        torch.testing.assert_close(ys[0], ys[1])
        gradients = [torch.autograd.grad(y, (x, share, kernels), grad) for y in ys]
        for one, other in zip(*gradients, strict=True):
            torch.testing.assert_close(one, other)


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_equals_timm(kernel: int, stride: int, groups: int) -> None:
    """The layer of use.py, timm's CondConv2d with its weights and routing, and both forms from scratch."""
    from timm.layers import CondConv2d as Theirs

    torch.manual_seed(0)
    ours = CondConv2d(4, 6, kernel, stride, groups, experts=3)
    theirs = Theirs(4, 6, kernel, stride, padding=kernel // 2, groups=groups, num_experts=3)
    theirs.load_state_dict({"weight": ours.weight.detach()})
    x = torch.randn(5, 4, 9, 8)
    share = ours.routing(x.mean(dim=(2, 3))).sigmoid()
    expected = theirs(x, share)
    kernels, settings = ours.weight.unflatten(1, ours.shape), {"stride": stride, "padding": kernel // 2}
    for y in (ours(x), *(mix(x, share, kernels, groups=groups, **settings) for mix in (mix_outputs, mix_kernels))):
        torch.testing.assert_close(y, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("channels", "out", "kernel", "stride", "experts"), [(8, 24, 5, 1, 3), (16, 4, 1, 2, 1), (6, 10, 3, 2, 7)]
)
def test_cost_in_closed_form(channels: int, out: int, kernel: int, stride: int, experts: int) -> None:
    """n c_in k² c_out for the mixture, n c_in for the routing, h w k² c_in c_out for h by w outputs; odd maps too."""
    for size in ((7, 7), (9, 4)):
        with torch.device("meta"), FlopCounterMode(display=False) as counter, torch.no_grad():
            y = CondConv2d(channels, out, kernel, stride, experts=experts)(torch.empty(1, channels, *size))
        weights = kernel**2 * channels * out
        expected = y.shape[2] * y.shape[3] * weights + experts * (weights + channels)
        assert counter.get_total_flops() // 2 == expected


@pytest.mark.parametrize("experts", [2, 4, 8])
def test_cost_of_the_experiment(experts: int, evidence: Any) -> None:
    """The same in the table of the page, at each size of the map, and the number of parameters."""
    weights = 32 * 32 * 9
    assert evidence()["parameters"][str(experts)] == experts * weights + experts * 33
    assert list(evidence()["ordinary"]) == ["1", "2", "4", "7", "14", "28", "56"]
    for size, ordinary in evidence()["ordinary"].items():
        assert ordinary == int(size) ** 2 * weights
        assert evidence()["counts"][str(experts)][size] == ordinary + experts * weights + experts * 32


def test_cheap_on_large_maps(evidence: Any) -> None:
    """8 experts take 4% more on 14 by 14 places, 16% more on 7 by 7, 9 times as many on one place; 0.3% on 56."""
    ratios = {size: evidence()["counts"]["8"][size] / count for size, count in evidence()["ordinary"].items()}
    assert ratios["14"] == pytest.approx(1.04, abs=0.005)
    assert ratios["7"] == pytest.approx(1.16, abs=0.005)
    assert ratios["1"] == pytest.approx(9, abs=0.05)
    assert ratios["56"] == pytest.approx(1.003, abs=0.001)


@pytest.mark.parametrize("experts", [1, 2, 5])
def test_equal_experts_are_one_kernel(experts: int) -> None:
    """If all experts hold the same kernel, a sample's output is the ordinary one times the sum of its shares."""
    torch.manual_seed(0)
    layer = CondConv2d(3, 4, experts=experts)
    with torch.no_grad():
        layer.weight.copy_(layer.weight[:1].expand_as(layer.weight))
    x = torch.randn(6, 3, 7, 7)
    factor = layer.routing(x.mean(dim=(2, 3))).sigmoid().sum(dim=1)[:, None, None, None]
    torch.testing.assert_close(layer(x), factor * F.conv2d(x, layer.weight[0].view(layer.shape), padding=1))


@pytest.mark.parametrize("experts", [1, 4, 16])
def test_size_at_the_start(experts: int) -> None:
    """With shares of a half, a new layer's outputs are √n / 2 times as large as an ordinary convolution's."""
    torch.manual_seed(0)
    layer, plain = CondConv2d(64, 256, experts=experts), nn.Conv2d(64, 256, 3, padding=1, bias=False)
    nn.init.zeros_(layer.routing.weight)
    nn.init.zeros_(layer.routing.bias)
    x = torch.randn(4, 64, 12, 12)
    assert (layer(x).std() / plain(x).std()).item() == pytest.approx(math.sqrt(experts) / 2, rel=0.05)


@pytest.mark.parametrize("out", [16, 64, 256])
def test_stack_has_another_fan_in(out: int) -> None:
    """kaiming_uniform_ on the whole stack makes weights 1 / √c_out times as large; one by one they are Conv2d's."""
    torch.manual_seed(0)
    layer, plain = CondConv2d(32, out, experts=4), nn.Conv2d(32, out, 3)
    bound = 1 / math.sqrt(32 * 9)
    assert layer.weight.abs().max().item() == pytest.approx(bound, rel=0.01)
    assert plain.weight.abs().max().item() == pytest.approx(bound, rel=0.01)
    for stack in (layer.weight, torch.empty(4, out, 32, 3, 3)):
        nn.init.kaiming_uniform_(stack, a=math.sqrt(5))
        assert stack.abs().max().item() == pytest.approx(bound / math.sqrt(out), rel=0.01)


def test_needs_a_batch_axis() -> None:
    """An image without a batch axis is taken for other things, and refused; with one it passes."""
    layer, image = CondConv2d(3, 4), torch.randn(3, 8, 8)
    with pytest.raises(IndexError, match="Dimension out of range"):
        layer(image)
    assert layer(image[None]).shape == (1, 4, 8, 8)


@pytest.mark.parametrize("experts", [2, 8])
def test_averaged_kernels_are_another_network(experts: int) -> None:
    """Replacing the routing by its mean over the data changes the outputs: the layer is no ordinary convolution."""
    torch.manual_seed(0)
    layer, x = CondConv2d(4, 4, experts=experts), 3 * torch.randn(32, 4, 1, 1) + torch.randn(32, 4, 8, 8)
    share = layer.routing(x.mean(dim=(2, 3))).sigmoid().mean(dim=0)
    average = F.conv2d(x, (share @ layer.weight).view(layer.shape), padding=1)
    assert (layer(x) - average).norm() > 0.1 * layer(x).norm()
    doubled = layer(2 * x)
    assert (doubled - 2 * layer(x)).norm() > 0.05 * doubled.norm()


def test_five_axes_and_channels_last() -> None:
    """A module with a weight of five axes raises that error in channels last; the layer of use.py does not."""
    model = nn.Conv2d(1, 1, 1)
    model.register_parameter("experts", nn.Parameter(torch.zeros(4, 8, 3, 3, 3)))
    with pytest.raises(RuntimeError, match="required rank 4 tensor to use channels_last format"):
        model.to(memory_format=torch.channels_last)
    CondConv2d(3, 8).to(memory_format=torch.channels_last)


def balance(logits: Tensor) -> float:
    """The auxiliary loss of top-2 routing: experts times the sum of shares chosen and mean probabilities."""
    shares = logits.softmax(dim=1)
    chosen = F.one_hot(shares.topk(2, dim=1).indices, logits.shape[1]).sum(dim=1).float()
    return logits.shape[1] * (chosen.mean(dim=0) * shares.mean(dim=0)).sum().item()


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_pooled_balance(seed: int) -> None:
    """Four layers, each with two experts of its own: 2.0 pooled, as where all are used alike, and 8.0 in each."""
    torch.manual_seed(seed)
    layers = torch.randn(4, 4000, 8)
    even = balance(layers.flatten(0, 1))
    for layer in range(4):
        layers[layer, :, 2 * layer : 2 * layer + 2] += 20
    assert even == pytest.approx(2, abs=0.01)
    assert balance(layers.flatten(0, 1)) == pytest.approx(2, abs=0.02)
    assert [balance(layer) for layer in layers] == pytest.approx([8] * 4, abs=0.02)
