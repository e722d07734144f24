"""Network in Network: equal to a small network on each patch, counts, and the claims of its page."""

from __future__ import annotations

import random
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from snippets.architectures.network_in_network.from_scratch import NetworkInNetwork, mlpconv
from snippets.architectures.network_in_network.use import SmallNetwork
from tests.support.networks import parameters_of


def small() -> tuple[nn.Module, Tensor]:
    """A twelfth of the width."""
    return NetworkInNetwork(width=24, dropout=0.0), torch.randn(2, 3, 32, 32)


def test_a_network_on_each_patch() -> None:
    """Layers of random widths, kernels and sizes equal three linear layers with ReLU on each patch."""
    chance = random.Random(0)
    torch.manual_seed(0)
    for _ in range(20):
        channels, size, kernel = chance.randint(1, 5), chance.randint(3, 9), chance.choice((1, 3, 5))
        widths = (chance.randint(1, 6), chance.randint(1, 6), chance.randint(1, 6))
        layer, x = mlpconv(channels, widths, kernel).double(), torch.randn(2, channels, size, size, dtype=torch.float64)
        patches = F.unfold(x, kernel, padding=kernel // 2).transpose(1, 2)
        for part in layer:
            if isinstance(part, nn.Conv2d):
                patches = F.linear(patches, part.weight.flatten(1), part.bias).relu()
        torch.testing.assert_close(layer(x).flatten(2), patches.transpose(1, 2))


def test_logits_are_means() -> None:
    """Of both networks, for images of several sizes; each class has its own map."""
    torch.manual_seed(0)
    published, own = NetworkInNetwork(width=24).eval(), SmallNetwork(7, width=8).eval()
    for size in ((32, 32), (40, 24), (17, 65)):
        x = torch.rand(2, 3, *size)
        maps = nn.Sequential(*list(published.children())[:-1])(x)
        torch.testing.assert_close(published(x), maps.mean(dim=(2, 3)))
        assert maps.shape[1] == 10
        torch.testing.assert_close(own(x), own.class_maps(x).mean(dim=(2, 3)))
        assert own(x).shape == (2, 7)


def test_parameters() -> None:
    """966,986: nine convolutions with biases, added up by hand."""
    layers = [(75, 192), (192, 160), (160, 96), (2400, 192), (192, 192), (192, 192), (1728, 192), (192, 192), (192, 10)]
    assert parameters_of(NetworkInNetwork) == sum((inputs + 1) * out for inputs, out in layers) == 966_986


def test_small_head() -> None:
    """The last 1 x 1 convolution against a linear layer on the flattened maps that it reads."""
    with torch.device("meta"):
        model = NetworkInNetwork()
    *before, layer, _ = model.part3
    x = model.part2(model.part1(torch.empty(1, 3, 32, 32, device="meta")))
    maps = nn.Sequential(*before)(x)
    assert maps.shape[1:] == (192, 8, 8)
    assert sum(p.numel() for p in layer.parameters()) == 1_930
    assert parameters_of(partial(nn.Linear, maps[0].numel(), 10)) == 122_890


def test_share_of_large_kernels(evidence: Any) -> None:
    """84% of the parameters and 69% of 222 million multiply-adds lie in the three convolutions with large kernels."""
    found = evidence()
    assert round(found["multiply_adds"] / 1e6) == 222
    sides = {"part1": 32, "part2": 16, "part3": 8}
    with torch.device("meta"):
        model = NetworkInNetwork()
    large = [
        (sides[name], m)
        for name in sides
        for m in model.get_submodule(name).modules()
        if isinstance(m, nn.Conv2d) and m.kernel_size != (1, 1)
    ]
    assert len(large) == 3
    weights = sum(p.numel() for _, m in large for p in m.parameters())
    assert weights / found["parameters"] == pytest.approx(0.84, abs=0.005)
    work = sum(side**2 * m.weight.numel() for side, m in large)
    assert work / found["multiply_adds"] == pytest.approx(0.69, abs=0.005)


def test_relu_on_class_maps() -> None:
    """Logits are not negative; a class that is negative everywhere before the ReLU has logit 0 and no gradient."""
    torch.manual_seed(0)
    model, x = NetworkInNetwork(width=24).eval(), torch.rand(8, 3, 32, 32)
    assert (model(x) >= 0).all()
    assert isinstance(model.part3[-1], nn.ReLU)
    layer = model.part3[-2]
    assert isinstance(layer, nn.Conv2d)
    assert layer.bias is not None
    with torch.no_grad():
        layer.bias[3] = -100
        layer.bias[4] = 1
    logits = model(x)
    assert (logits[:, 3] == 0).all()
    weight, bias = torch.autograd.grad(F.cross_entropy(logits, torch.full((8,), 3)), [layer.weight, layer.bias])
    assert (weight[3] == 0).all()
    assert bias[3] == 0
    assert bias[4] != 0
    kinds = [type(m) for m in SmallNetwork(10).children()]
    assert kinds[-1] is nn.Conv2d


def test_caffe_rounds_up() -> None:
    """A pooling of 3 with stride 2 on 32 pixels: 16 with ceil_mode, 15 without."""
    x = torch.rand(1, 1, 32, 32)
    assert nn.MaxPool2d(3, 2, ceil_mode=True)(x).shape[-1] == 16
    assert nn.MaxPool2d(3, 2)(x).shape[-1] == 15
    with torch.device("meta"):
        assert NetworkInNetwork().part1(x.expand(1, 3, 32, 32).to("meta")).shape[-1] == 16
