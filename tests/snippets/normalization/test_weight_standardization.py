"""Weight standardization: against timm's layers, closed forms, and the claims of its page."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import tests.support.oracles  # noqa: F401  timm imports torchvision
from snippets.normalization.weight_standardization.evidence import KINDS, SEEDS
from snippets.normalization.weight_standardization.from_scratch import (
    ScaledStandardizedConv2d,
    StandardizedConv2d,
    standardize,
)
from snippets.normalization.weight_standardization.use import fold_, standardize_weights_

SETTINGS = [
    {},
    {"stride": 2, "padding": 1},
    {"groups": 2, "dilation": 2},
    {"kernel_size": 1, "bias": True},
]


def timm_layers() -> Any:
    """timm.layers; imported late, since it takes a second."""
    return importlib.import_module("timm.layers")


def conv(kind: type[nn.Conv2d], settings: dict[str, Any]) -> nn.Conv2d:
    torch.manual_seed(0)
    return kind(6, 4, **({"kernel_size": 3, "padding": 0, "bias": False} | settings)).double()


def outcome(layer: nn.Conv2d, x: Tensor) -> list[Tensor]:
    """Output, gradient of the input and of the weight."""
    x = x.clone().requires_grad_()
    y = layer(x)
    return [y, *torch.autograd.grad((y * torch.arange(y.numel()).view_as(y)).sum(), [x, layer.weight])]


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("scaled", [False, True])
def test_equals_timm(settings: dict[str, Any], scaled: bool) -> None:
    """Outputs and gradients equal timm's StdConv2d and ScaledStdConv2d at strides, groups, dilations and sizes."""
    ours = conv(ScaledStandardizedConv2d if scaled else StandardizedConv2d, settings)
    layers = timm_layers()
    theirs = conv(layers.ScaledStdConv2d if scaled else layers.StdConv2d, settings)
    theirs.load_state_dict(ours.state_dict(), strict=False)  # timm's scaled form has gains of 1 besides
    x = torch.randn(2, 6, 9, 8, dtype=torch.float64)
    for a, b in zip(outcome(ours, x), outcome(theirs, x), strict=True):
        assert torch.allclose(a, b, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("size", [1e-3, 1.0, 7.0])
@pytest.mark.parametrize("dimensions", [1, 2, 3])
def test_filters_have_moments(dimensions: int, size: float) -> None:
    """Each filter has mean 0 and variance v / (v + eps), which is 1 for v far above eps, in 1 to 3 dimensions."""
    kind = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}[dimensions]
    model = nn.Sequential(kind(3, 5, 3), kind(5, 4, 2, groups=1)).double()
    with torch.no_grad():
        for p in model.parameters():
            p.mul_(size).add_(3)
    variances = [layer.weight.detach().flatten(1).var(dim=1, correction=0) for layer in model]
    plain = [standardize(layer.weight) for layer in model]
    standardize_weights_(model)
    for layer, expected, variance in zip(model, plain, variances, strict=True):
        filters = layer.weight.flatten(1)
        found = filters.var(dim=1, correction=0)
        assert filters.mean(dim=1).abs().max() < 1e-10
        assert torch.allclose(found, variance / (variance + 1e-6))
        assert ((found - 1).abs() < 1e-3).all() == (size >= 1)
        assert torch.allclose(layer.weight, expected)


@pytest.mark.parametrize("factor", [0.1, 10.0])
def test_mean_and_size_do_not_matter(factor: float) -> None:
    """Weights times a plus b give the same output; their gradient is orthogonal to them and sums to zero."""
    torch.manual_seed(0)
    layer = conv(StandardizedConv2d, {})
    layer.eps = 1e-14
    x = torch.randn(2, 6, 7, 7, dtype=torch.float64)
    before, _, gradient = outcome(layer, x)
    size = gradient.flatten(1).norm(dim=1)
    assert (gradient.flatten(1).sum(dim=1).abs() < 1e-9 * size).all()
    assert ((gradient * layer.weight).flatten(1).sum(dim=1).abs() < 1e-8 * size).all()
    with torch.no_grad():
        layer.weight.mul_(factor).add_(0.7)
    assert torch.allclose(layer(x), before, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(("inputs", "kernel", "growth"), [(64, 3, 24.0), (16, 3, 12.0), (64, 1, 8.0)])
def test_output_grows(inputs: int, kernel: int, growth: float) -> None:
    """On independent inputs the output is larger by the root of the filter's size; scaled, as large as the input."""
    torch.manual_seed(0)
    x = torch.randn(8, inputs, 24, 24)
    assert StandardizedConv2d(inputs, 64, kernel)(x).std().item() == pytest.approx(growth, rel=0.03)
    assert ScaledStandardizedConv2d(inputs, 64, kernel)(x).std().item() == pytest.approx(1, rel=0.03)
    assert growth == (inputs * kernel**2) ** 0.5


def test_one_weight_becomes_zero() -> None:
    """A filter with a single weight, such as a depthwise 1 x 1, becomes zero; standardize_weights_ leaves it alone."""
    layer = StandardizedConv2d(4, 4, 1, groups=4, bias=False)
    assert layer(torch.randn(1, 4, 3, 3)).abs().max() == 0
    model = nn.Sequential(nn.Conv2d(4, 4, 1, groups=4, bias=False))
    x = torch.randn(1, 4, 3, 3)
    before = model(x)
    standardize_weights_(model)
    assert torch.equal(model(x), before)


def test_pretrained_weights_change() -> None:
    """Applied to a trained convolution it changes the output, also behind a group norm; fold_ keeps what it gives."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.GroupNorm(2, 8))
    x = torch.randn(2, 3, 8, 8)
    before = model(x)
    standardize_weights_(model)
    after = model(x)
    assert (after - before).abs().mean() > 0.05
    fold_(model)
    assert torch.allclose(model(x), after, atol=1e-6)
    assert {name for name, _ in model.named_parameters()} == {"0.weight", "0.bias", "1.weight", "1.bias"}


def test_epsilon_in_half_precision() -> None:
    """In float16 an epsilon of 1e-8 is zero: a filter of equal weights gives NaN; with 1e-5 it gives zeros."""
    weight = torch.full((1, 2, 3, 3), 0.5, dtype=torch.float16)
    assert standardize(weight, 1e-8).isnan().all()
    assert standardize(weight, 1e-5).abs().max() == 0
    assert standardize(weight.float(), 1e-8).abs().max() == 0


def accuracies(evidence, setting: str) -> dict[str, list[float]]:
    return {kind: evidence()[setting][kind] for kind in KINDS}


def test_two_images(evidence) -> None:
    """With two images a batch, the mean of standardized group norm is above that of plain group norm."""
    _, group, standardized = (sum(accuracies(evidence, "2 images")[kind]) / SEEDS for kind in KINDS)
    assert standardized > group


def test_many_images(evidence) -> None:
    """With 32 images the mean of standardized group norm is above that of plain group norm, too."""
    _, group, standardized = (sum(accuracies(evidence, "32 images")[kind]) / SEEDS for kind in KINDS)
    assert standardized > group
