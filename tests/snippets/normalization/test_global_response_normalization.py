"""Global response normalization: equal to timm's, how its factor grows, and the claims of its page."""

from __future__ import annotations

import importlib

import pytest
import torch
from torch import Tensor, nn

from snippets.experiment import PLACE, SHAPE
from snippets.normalization.global_response_normalization import use
from snippets.normalization.global_response_normalization.evidence import WEIGHTS
from snippets.normalization.global_response_normalization.from_scratch import GlobalResponseNorm


def first(x: Tensor) -> Tensor:
    return x.permute(0, 3, 1, 2)


def test_equals_timm() -> None:
    """Output and gradients of input, weight and bias equal timm's, from scratch with channels first, use.py's last."""
    torch.manual_seed(0)
    timms = importlib.import_module("timm.layers.grn").GlobalResponseNorm(8).double()
    layers = [timms, GlobalResponseNorm(8).double(), use.GlobalResponseNorm(8).double()]
    for p in timms.parameters():
        nn.init.normal_(p)
    x, sides = torch.randn(3, 5, 4, 8, dtype=torch.float64), []
    for layer in layers:
        layer.load_state_dict(timms.state_dict())
        own = x.clone().requires_grad_()
        out = layer(own) if layer is not layers[1] else layer(first(own)).permute(0, 2, 3, 1)
        (out * torch.arange(out.numel()).view(out.shape).sin()).sum().backward()
        sides.append([out, own.grad, *(p.grad for p in layer.parameters())])
    for side in sides[1:]:
        torch.testing.assert_close(sides[0], side)
    last = importlib.import_module("timm.layers.grn").GlobalResponseNorm(8, channels_last=False).double()
    last.load_state_dict(timms.state_dict())
    torch.testing.assert_close(last(first(x)), layers[1](first(x)))


def weighted(layer: nn.Module, weight: float) -> nn.Module:
    nn.init.constant_(layer.weight, weight)
    return layer


def test_a_new_layer_is_the_identity() -> None:
    """Both layers, new, return their input."""
    x = torch.randn(2, 8, 8, 8)
    assert torch.equal(use.GlobalResponseNorm(8)(x), x)
    assert torch.equal(GlobalResponseNorm(8)(x), x)


@pytest.mark.parametrize("scale", [2.0, 0.01, 1000.0])
def test_scale_goes_through(scale: float) -> None:
    """Twice the input gives twice the output, where the shift is 0."""
    x = torch.randn(2, 5, 5, 8, dtype=torch.float64)
    layer = weighted(use.GlobalResponseNorm(8).double(), 0.7)
    torch.testing.assert_close(layer(scale * x), scale * layer(x), rtol=1e-4, atol=0)  # eps beside a size of 0.05


@pytest.mark.parametrize("weight", [0.5, 3.0, -0.5])
def test_factor_grows_with_the_channel(weight: float) -> None:
    """For equal weights above 0 the order of the factors is that of the channels' sizes, below 0 the reverse; mean."""
    torch.manual_seed(0)
    x = torch.randn(2, 4, 4, 8, dtype=torch.float64) * torch.arange(1.0, 9.0)
    factors = (weighted(use.GlobalResponseNorm(8).double(), weight)(x) / x)[:, 0, 0]
    sizes = torch.linalg.vector_norm(x, dim=(1, 2))
    assert torch.equal(factors.argsort(dim=1, descending=weight < 0), sizes.argsort(dim=1))
    torch.testing.assert_close(
        factors.mean(dim=1), torch.full((2,), 1 + weight, dtype=torch.float64), rtol=1e-5, atol=0
    )


def test_large_float16_stays_finite() -> None:
    """A map of 60,000s, whose norm is above float16's 65,504: factors of equal channels are 1 + weight, here 1.01."""
    x = torch.full((1, 4, 8, 8), 60_000.0, dtype=torch.float16)
    assert x.double().flatten(2).norm(dim=2).min() > 65_504
    out = weighted(GlobalResponseNorm(4), 0.01)(x)
    assert out.dtype == torch.float16
    torch.testing.assert_close(out.double(), 1.01 * x.double(), rtol=1e-3, atol=0)


@pytest.mark.parametrize(("height", "width"), [(8, 8), (5, 8), (5, 1), (8, 5), (4, 2)])
def test_layout_is_not_checked(height: int, width: int) -> None:
    """Channels first in the layer for channels last: no error, and wrong, where the width is 8 (the channels) or 1."""
    torch.manual_seed(0)
    x, layer = torch.randn(2, 8, height, width), weighted(use.GlobalResponseNorm(8), 1.0)
    if width not in (1, 8):
        with pytest.raises(RuntimeError, match="must match the size"):
            layer(x)
        return
    assert (layer(x) - weighted(GlobalResponseNorm(8), 1.0)(x)).abs().max() > 0.1


def test_strong_get_stronger(evidence) -> None:
    """The share of the strongest quarter rises with each weight, from 0 to 1 by over ten points."""
    shares = evidence()["shares"]
    assert WEIGHTS[0] == 0
    assert shares[WEIGHTS.index(1.0)] > shares[0] + 0.1
    assert shares == sorted(shares)


def test_no_gain_with_labels(evidence) -> None:
    """The mean accuracy changes by less than two percentage points."""
    without, with_ = (torch.tensor(evidence()["accuracy"][name]) for name in ("without", "with"))
    assert (without.mean() - with_.mean()).abs() < 0.02


def test_figure_shows_the_whole_image(evidence) -> None:
    """All channels and pixels of the framed sample, nothing of the others."""
    expected = torch.zeros(SHAPE, dtype=torch.bool)
    expected[PLACE[0]] = True
    assert torch.equal(torch.tensor(evidence("axes"), dtype=torch.bool), expected)
