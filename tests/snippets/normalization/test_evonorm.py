"""EvoNorm: against timm's layers, closed forms, and the claims of its page."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import tests.support.oracles  # noqa: F401  timm imports torchvision
from snippets.experiment import PLACE, SHAPE, reach
from snippets.normalization.evonorm.evidence import KINDS
from snippets.normalization.evonorm.from_scratch import EvoNormS0
from snippets.normalization.evonorm.use import EvoNorm2dB0, EvoNorm2dS0

BATCH, GROUP, S_ZERO, B_ZERO = KINDS


def timm_layer(name: str, **settings: Any) -> nn.Module:
    """A layer of timm for 8 channels; imported late, since it takes a second."""
    return getattr(importlib.import_module("timm.layers.evo_norm"), name)(8, **settings)


def inputs(dtype: torch.dtype = torch.float64, *space: int) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return (1 + 2 * torch.randn(3, 8, *(space or (5, 4)), dtype=torch.float64, generator=generator)).to(dtype)


def disturbed(layer: nn.Module) -> nn.Module:
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for _, p in sorted(layer.named_parameters()):
            p.add_(0.3 * torch.randn(p.shape, dtype=torch.float64, generator=generator))
    return layer


def outcome(layer: nn.Module, x: Tensor) -> list[Tensor]:
    """Output, gradients of the input and of each parameter by name, and the buffers after it."""
    x = x.clone().requires_grad_()
    y = layer(x)
    parameters = [p for _, p in sorted(layer.named_parameters())]
    weights = torch.linspace(-1, 1, y.numel(), dtype=y.dtype).view_as(y)
    return [y, *torch.autograd.grad((y * weights).sum(), [x, *parameters]), *layer.buffers()]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("groups", [1, 2, 8])
def test_s0_equals_timm(groups: int, training: bool) -> None:
    """Output and all gradients of both forms of S0 equal timm's, for three numbers of groups."""
    theirs = disturbed(timm_layer("EvoNorm2dS0", groups=groups)).train(training)
    for ours in (EvoNorm2dS0(8, groups), EvoNormS0(8, groups)):
        ours.load_state_dict(theirs.state_dict())
        for a, b in zip(
            outcome(ours.train(training), inputs(torch.float32)), outcome(theirs, inputs(torch.float32)), strict=True
        ):
            assert torch.allclose(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("training", [True, False])
def test_b0_equals_timm(training: bool) -> None:
    """Output, gradients and running variance of B0 equal timm's, in training and in eval mode."""
    theirs = disturbed(timm_layer("EvoNorm2dB0")).train(training)
    ours = EvoNorm2dB0(8).train(training)
    ours.load_state_dict(theirs.state_dict())
    for a, b in zip(outcome(ours, inputs(torch.float32)), outcome(theirs, inputs(torch.float32)), strict=True):
        assert torch.allclose(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("space", [(7,), (5, 4), (3, 4, 2)])
def test_limits_of_v(space: tuple[int, ...]) -> None:
    """S0 with v = 1 is SiLU over the group's standard deviation, with v = 0 half of x, with a large v ReLU."""
    x = inputs(torch.float64, *space)
    layer = EvoNormS0(8, groups=2, eps=0.0).double()
    std = x.reshape(3, 2, -1).std(dim=2, correction=0).repeat_interleave(4, dim=1).view(3, 8, *[1] * len(space))
    for v, expected in ((1.0, nn.functional.silu(x)), (0.0, x / 2), (1e6, torch.relu(x))):
        nn.init.constant_(layer.v, v)
        assert torch.allclose(layer(x), expected / std, rtol=1e-9, atol=1e-4 if v > 1 else 1e-12)


def test_mean_stays() -> None:
    """Unlike SiLU behind a group norm, S0 keeps the mean: a group shifted by 100 gives outputs over 80 everywhere."""
    x = 100 + torch.randn(2, 8, 6, 6, dtype=torch.float64)
    assert EvoNormS0(8).double()(x).min() > 80
    assert nn.functional.silu(nn.functional.group_norm(x, 2)).mean() < 0.5


def test_axes(evidence) -> None:
    """The figure: all places of the first three of six channels, in sample 2."""
    expected = torch.zeros(SHAPE, dtype=torch.bool)
    expected[PLACE[0], :3] = True
    assert torch.equal(reach(EvoNormS0(SHAPE[1])), expected)
    assert torch.equal(torch.tensor(evidence("axes")).bool(), expected)


def test_b0_is_bounded_above() -> None:
    """With v = 1 no output of B0 exceeds 1, in both modes, for inputs of three sizes; below there is no such bound."""
    layer = EvoNorm2dB0(8).double()
    for size in (0.1, 1.0, 100.0):
        x = size * torch.randn(4, 8, 6, 6, dtype=torch.float64) + size
        for training in (True, False):
            assert layer.train(training)(x).max() < 1
    spike = torch.zeros(1, 8, 6, 6, dtype=torch.float64)
    spike[0, 0, 0, 0] = -100.0
    assert layer.train()(spike).min() < -3


def test_company_in_train_mode() -> None:
    """S0 gives the same alone and in a batch in both modes; B0 only in eval mode, where it has a running variance."""
    x = inputs()
    for training in (True, False):
        layer = EvoNorm2dS0(8, 2).double().train(training)
        assert torch.allclose(layer(x[:1]), layer(x)[:1], rtol=1e-12)
    b0 = EvoNorm2dB0(8).double()
    assert not torch.allclose(b0(x[:1]), b0(x)[:1], rtol=1e-2)
    b0.eval()
    assert torch.allclose(b0(x[:1]), b0(x)[:1], rtol=1e-12)
    assert list(dict(b0.named_buffers())) == ["running_var"]
    assert not list(layer.buffers())


def test_groups_must_divide() -> None:
    """Channels that the groups do not divide are refused: 32 groups, the default, and 48 channels."""
    with pytest.raises(ValueError, match="32 groups do not divide 48 channels"):
        EvoNormS0(48, groups=32)
    text = r"unflatten: Provided sizes \[32, -1\] don't multiply up to the size of dim 1"
    with pytest.raises(RuntimeError, match=text):
        EvoNorm2dS0(48)(torch.randn(1, 48, 4, 4))
    assert EvoNorm2dS0(48, groups=48 // 16)(torch.randn(1, 48, 4, 4)).isfinite().all()


def means(evidence, setting: str) -> dict[str, Tensor]:
    return {kind: torch.tensor(evidence()[setting][kind]) for kind in KINDS}


def test_two_images(evidence) -> None:
    """With two images the mean of S0 is above that of group norm."""
    found = means(evidence, "2 images")
    assert found[S_ZERO].mean() > found[GROUP].mean()


def test_many_images(evidence) -> None:
    """With 32 images the means of batch norm and both EvoNorms lie within ten points, and all four above 65%."""
    of = {kind: value.mean().item() for kind, value in means(evidence, "32 images").items()}
    assert min(of.values()) > 0.65
    three = [of[kind] for kind in (BATCH, S_ZERO, B_ZERO)]
    assert max(three) - min(three) < 0.1
