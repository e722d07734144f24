"""Filter response normalization: against timm's layers and torch's rms_norm, and the claims of its page."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import tests.support.oracles  # noqa: F401  timm imports torchvision
from snippets.experiment import PLACE, SHAPE, reach
from snippets.normalization.filter_response_normalization.evidence import KINDS
from snippets.normalization.filter_response_normalization.from_scratch import FilterResponseNorm
from snippets.normalization.filter_response_normalization.use import FilterResponseNormTlu

PLAIN, BATCH, FRN = KINDS


def timm_layer(name: str, **settings: Any) -> nn.Module:
    """A layer of timm for 6 channels; imported late, since it takes a second."""
    return getattr(importlib.import_module("timm.layers.filter_response_norm"), name)(6, **settings)


def inputs(*space: int, dtype: torch.dtype = torch.float64) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return (1 + 2 * torch.randn(3, 6, *space, dtype=torch.float64, generator=generator)).to(dtype)


def outcome(layer: nn.Module, x: Tensor) -> list[Tensor]:
    """Output, gradients of the input and of each parameter by name."""
    x = x.clone().requires_grad_()
    y = layer(x)
    names, parameters = zip(*sorted(layer.named_parameters()), strict=True)
    weights = torch.linspace(-1, 1, y.numel(), dtype=y.dtype).view_as(y)
    assert set(names) <= {"weight", "bias", "tau"}
    return [y, *torch.autograd.grad((y * weights).sum(), [x, *parameters])]


def disturbed(layer: nn.Module) -> nn.Module:
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for _, p in sorted(layer.named_parameters()):
            p.add_(0.3 * torch.randn(p.shape, dtype=torch.float64, generator=generator))
    return layer


@pytest.mark.parametrize("threshold", [True, False])
def test_equals_timm(threshold: bool) -> None:
    """Output and gradients equal timm's, which computes in float32, with and without the threshold."""
    theirs = timm_layer("FilterResponseNormTlu2d", apply_act=threshold, eps=1e-6)
    ours = [FilterResponseNorm(6, threshold=threshold)] + ([FilterResponseNormTlu(6)] if threshold else [])
    disturbed(theirs)
    for layer in ours:
        layer.load_state_dict(theirs.state_dict())
        x = inputs(5, 4, dtype=torch.float32)
        for a, b in zip(outcome(layer, x), outcome(theirs, x), strict=True):
            assert torch.allclose(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("space", [(7,), (5, 4), (3, 4, 2)])
def test_equals_rms_norm(space: tuple[int, ...]) -> None:
    """In 1 to 3 dimensions both forms equal torch's rms_norm over the places, in float64, with all gradients."""
    x = inputs(*space)
    first = disturbed(FilterResponseNorm(6, threshold=True).double())
    second = disturbed(FilterResponseNormTlu(6).double())
    for a, b in zip(outcome(first, x), outcome(second, x), strict=True):
        assert torch.allclose(a, b, rtol=1e-9, atol=1e-11)
    plain = nn.functional.rms_norm(x, space, eps=1e-6)
    assert torch.allclose(FilterResponseNorm(6).double()(x), plain, rtol=1e-12)


def test_axes(evidence) -> None:
    """The figure: the nine pixels of channel 3 in sample 2."""
    expected = torch.zeros(SHAPE, dtype=torch.bool)
    expected[PLACE[0], PLACE[1]] = True
    assert torch.equal(reach(FilterResponseNorm(SHAPE[1])), expected)
    assert torch.equal(torch.tensor(evidence("axes")).bool(), expected)


@pytest.mark.parametrize("tau", [-1.5, 0.0, 0.7])
def test_threshold_is_a_shifted_relu(tau: float) -> None:
    """max(y, tau) is ReLU(y - tau) + tau, and at tau = 0 ReLU."""
    layer = FilterResponseNormTlu(6).double()
    nn.init.constant_(layer.tau, tau)
    y = FilterResponseNorm(6).double()(inputs(5, 4))
    assert torch.allclose(layer(inputs(5, 4)), torch.relu(y - tau) + tau)


@pytest.mark.parametrize("mean", [-10.0, 10.0])
def test_mean_stays(mean: float) -> None:
    """A channel of mean 10 times its spread becomes about +1 or -1 at each place; instance norm takes the mean out."""
    x = mean + torch.randn(2, 6, 8, 8, dtype=torch.float64)
    y = FilterResponseNorm(6).double()(x)
    assert (y - (1 if mean > 0 else -1)).abs().max() < 0.4
    assert y.std().item() == pytest.approx(0.1, abs=0.01)
    assert (y.mean() - (1 if mean > 0 else -1)).abs() < 0.02
    assert nn.functional.instance_norm(x).mean().abs() < 1e-6


def test_threshold_revives() -> None:
    """Where a channel's mean is far below zero, ReLU passes no gradient to any parameter; the threshold gets one."""
    x = -10 + torch.randn(2, 6, 8, 8)

    def gradients(layer: nn.Module) -> dict[str, float]:
        model = nn.Sequential(layer, nn.ReLU()) if not isinstance(layer, FilterResponseNormTlu) else layer
        layer.zero_grad()
        model(x).sum().backward()
        return {name: p.grad.abs().max().item() for name, p in layer.named_parameters() if p.grad is not None}

    assert gradients(FilterResponseNorm(6)) == {"weight": 0.0, "bias": 0.0}
    with_threshold = gradients(FilterResponseNormTlu(6))
    assert with_threshold["tau"] > 0
    lowered = FilterResponseNormTlu(6)
    nn.init.constant_(lowered.tau, -2.0)
    assert min(gradients(lowered)[name] for name in ("weight", "bias")) > 0


@pytest.mark.parametrize("layer", [FilterResponseNorm, FilterResponseNormTlu])
def test_one_place_is_a_sign(layer: type[nn.Module]) -> None:
    """On maps of one place only the sign of a number is left: 0.5 and 50 become the same, and so do their negatives."""
    for sign in (1, -1):
        small, large = (layer(6)(torch.full((1, 6, 1, 1), sign * v)) for v in (0.5, 50.0))
        assert torch.allclose(small, large, atol=1e-5)
        expected = max(sign, 0) if layer is FilterResponseNormTlu else sign  # the threshold cuts -1 off
        assert torch.allclose(small, torch.full_like(small, expected), atol=1e-5)


def test_same_in_both_modes_and_in_any_company() -> None:
    """A sample's output is the same alone, in a batch, in train and in eval mode."""
    layer, x = FilterResponseNormTlu(6).double(), inputs(5, 4)
    y = layer(x)
    assert torch.allclose(torch.cat([layer(x[i : i + 1]) for i in range(3)]), y, rtol=1e-12)
    assert torch.equal(layer.eval()(x), y)


def found(evidence, setting: str) -> dict[str, list[float]]:
    return {kind: evidence()[setting][kind] for kind in KINDS}


def test_trains_with_two_images(evidence) -> None:
    """Means of two seeds: above 0.5 with 2 images and 0.85 with 32, batch norm higher, no normalization below 0.35."""
    for setting, least in (("2 images", 0.5), ("32 images", 0.85)):
        of = {kind: sum(runs) / len(runs) for kind, runs in found(evidence, setting).items()}
        assert of[PLAIN] < 0.35
        assert least < of[FRN] < of[BATCH]


def test_average_pooling(evidence) -> None:
    """With average pooling in the head its mean accuracy falls by more than half, and batch norm is above it."""
    pooled, whole = (found(evidence, setting) for setting in ("32 images, average pooling", "32 images"))
    assert sum(pooled[FRN]) < sum(whole[FRN]) / 2
    assert sum(pooled[BATCH]) > sum(pooled[FRN])
