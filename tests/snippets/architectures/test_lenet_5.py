"""LeNet-5: a second implementation of both forms, counted parameters and connections, and the claims of its page."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from snippets.architectures.lenet_5.from_scratch import TABLE, Subsampling, squash
from snippets.architectures.lenet_5.from_scratch import LeNet5 as Paper
from snippets.architectures.lenet_5.use import LeNet5
from tests.support.networks import filled, numbers, parameters_of


def small() -> tuple[nn.Module, Tensor]:
    return LeNet5(padding=2), torch.randn(2, 1, 28, 28)


@pytest.mark.parametrize(("padding", "size"), [(0, 32), (2, 28)])
def test_form_of_today_equals_functions(padding: int, size: int) -> None:
    """Outputs of the usual form equal its layers written out with functions."""
    model = filled(lambda: LeNet5(padding=padding))
    w = model.state_dict()
    x = image = numbers((3, 1, size, size), 1)
    x = F.max_pool2d(F.conv2d(x, w["c1.0.weight"], w["c1.0.bias"], padding=padding).clamp(min=0), 2)
    x = F.max_pool2d(F.conv2d(x, w["c3.0.weight"], w["c3.0.bias"]).clamp(min=0), 2)
    x = (x.flatten(1) @ w["c5.0.weight"].flatten(1).T + w["c5.0.bias"]).clamp(min=0)
    x = (x @ w["f6.0.weight"].T + w["f6.0.bias"]).clamp(min=0) @ w["out.weight"].T + w["out.bias"]
    with torch.no_grad():
        torch.testing.assert_close(model(image), x, rtol=1e-4, atol=1e-5)


def test_form_of_the_paper_equals_a_masked_convolution() -> None:
    """Outputs equal one convolution whose weights are zero outside of the table, and distances by torch.cdist."""
    torch.manual_seed(0)
    model = Paper()
    x = image = torch.randn(3, 1, 32, 32)
    weight = torch.zeros(16, 6, 5, 5)
    state = model.state_dict()
    for out, chosen in enumerate(TABLE):
        weight[out, [int(c) for c in chosen]] = state[f"c3.{out}.weight"][0]
    bias = torch.cat([state[f"c3.{out}.bias"] for out in range(16)])
    with torch.no_grad():
        x = squash(F.conv2d(x, model.c1.weight, model.c1.bias))
        x = squash(F.conv2d(x, model.s2.weight.repeat(1, 1, 2, 2).view(6, 1, 2, 2), stride=2, groups=6) + model.s2.bias)
        x = squash(F.conv2d(x, weight, bias))
        x = squash(
            F.unfold(x.flatten(0, 1).unsqueeze(1), 2, stride=2).sum(dim=1).view(3, 16, 5, 5) * model.s4.weight
            + model.s4.bias
        )
        x = squash(model.f6(squash(model.c5(x)).flatten(1)))
        torch.testing.assert_close(model(image), torch.cdist(x, model.codes).square(), rtol=1e-3, atol=1e-3)


def test_counts_of_the_form_of_today() -> None:
    """61,706 parameters: 156, 2,416, 48,120, 10,164 and 850."""
    counts = [sum(p.numel() for p in layer.parameters()) for layer in LeNet5().children()]
    assert counts == [156, 2416, 48120, 10164, 850]
    assert sum(counts) == parameters_of(LeNet5) == parameters_of(lambda: LeNet5(padding=2)) == 61_706


def test_counts_of_the_paper() -> None:
    """60,000 trained parameters and 340,908 connections; the table has 60 pairs of maps of the 96."""
    model = Paper()
    parts = (model.c1, model.s2, model.c3, model.s4, model.c5, model.f6)
    counts = [sum(p.numel() for p in part.parameters()) for part in parts]
    assert counts == [156, 12, 1516, 32, 48120, 10164]
    assert sum(counts) == sum(p.numel() for p in model.parameters()) == 60_000
    pixels = [28**2, 14**2, 10**2, 5**2, 1, 1]
    per_pixel = [156, 6 * 5, 1516, 16 * 5, 48120, 10164]  # subsampling: four pixels and a bias for each output
    assert sum(a * b for a, b in zip(pixels, per_pixel, strict=True)) + model.codes.numel() == 340_908
    assert sum(map(len, TABLE)) == 60
    assert len(set(TABLE)) == 16
    assert set(map(len, TABLE)) == {3, 4, 6}


def test_squash_keeps_one() -> None:
    """1.7159 tanh(2/3 x) takes 1 to 1 and -1 to -1, to 1e-4."""
    x = torch.tensor([-1.0, 1.0], dtype=torch.float64)
    torch.testing.assert_close(squash(x), x, rtol=0, atol=1e-4)


def test_subsampling_is_a_trained_average() -> None:
    """The average of four pixels times a number of the channel plus another, squashed; both get gradients."""
    torch.manual_seed(0)
    layer, x = Subsampling(2), torch.randn(1, 2, 4, 4)
    torch.testing.assert_close(layer(x), squash(F.avg_pool2d(x, 2)))
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([0.5, -1.0]).view(2, 1, 1))
        layer.bias.copy_(torch.tensor([0.1, 0.2]).view(2, 1, 1))
    average = F.avg_pool2d(x, 2)
    expected = torch.stack([squash(2 * average[:, 0] + 0.1), squash(-4 * average[:, 1] + 0.2)], dim=1)
    torch.testing.assert_close(layer(x), expected)
    layer(x).sum().backward()
    assert all(p.grad is not None and (p.grad != 0).all() for p in layer.parameters())


def test_cost(evidence: Any) -> None:
    """0.42 M multiply-adds, 86% of them in the first two convolutions; the third holds 78% of the parameters."""
    kept = evidence()
    rows = kept["stages"]
    assert kept["multiply_adds"] == 416_520
    assert (rows["c1"]["multiply_adds"] + rows["c3"]["multiply_adds"]) / 416_520 == pytest.approx(0.86, abs=0.005)
    assert rows["c5"]["parameters"] / kept["parameters"] == pytest.approx(0.78, abs=0.005)
    assert [rows[name]["field"] for name in ("c1", "c3", "c5")] == [6, 16, 32]


def test_moves_with_the_digit(evidence: Any) -> None:
    """Exact at even shifts after one pooling and at multiples of 4 after two; over 5% away at all other shifts."""
    for name, jump in (("after the first pooling", 2), ("after the second pooling", 4)):
        for shift, distance in enumerate(evidence()["shifted"][name]):
            assert distance < 1e-5 if shift % jump == 0 else distance > 0.05


def test_size_of_mnist() -> None:
    """28 pixels without padding end in the error that the page quotes; with padding 2 they fit."""
    with pytest.raises(RuntimeError, match="Kernel size can't be greater than actual input size"):
        LeNet5()(torch.zeros(1, 1, 28, 28))
    assert LeNet5(padding=2)(torch.zeros(1, 1, 28, 28)).shape == (1, 10)


def test_smallest_distance_is_the_answer() -> None:
    """For units that are a class's code, the paper's output is 0 there and larger elsewhere; argmax picks another."""
    torch.manual_seed(0)
    model = Paper()
    distances = (model.codes.unsqueeze(1) - model.codes).square().sum(dim=2)
    assert torch.equal(distances.argmin(dim=1), torch.arange(10))
    assert not (distances.argmax(dim=1) == torch.arange(10)).any()
    nn.init.zeros_(model.f6.weight)
    for digit in range(10):
        model.f6.bias.data = torch.atanh(model.codes[digit] / 1.7159) * 1.5
        assert model(torch.zeros(1, 1, 32, 32)).argmin().item() == digit
