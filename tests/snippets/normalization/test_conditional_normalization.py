"""Conditional normalization: two implementations that are equal, what the condition does, its page's claims."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from snippets.experiment import PLACE, SHAPE
from snippets.normalization.conditional_normalization.from_scratch import ConditionalBatchNorm
from snippets.normalization.conditional_normalization.use import ConditionalNorm

KINDS = {0: nn.BatchNorm1d, 1: nn.BatchNorm1d, 2: nn.BatchNorm2d, 3: nn.BatchNorm3d}
COLUMNS = 3


def both(axes: int = 2) -> tuple[ConditionalBatchNorm, ConditionalNorm]:
    """The layer from scratch, and torch's inside use.py's, with the same numbers."""
    torch.manual_seed(0)
    ours = ConditionalBatchNorm(5, COLUMNS).double()
    theirs = ConditionalNorm(KINDS[axes](5, affine=False), 5, COLUMNS).double()
    for p in (ours.weight, ours.bias):
        nn.init.normal_(p)
    with torch.no_grad():
        theirs.to_affine.weight.copy_(torch.cat([ours.weight, ours.bias]))
    return ours, theirs


def conditions(*classes: int) -> Tensor:
    return F.one_hot(torch.tensor(classes), COLUMNS).double()


@pytest.mark.parametrize("axes", KINDS)
def test_equals_torch_based(axes: int) -> None:
    """Output, gradients and running statistics over three batches and in eval mode, for any condition."""
    ours, theirs = both(axes)
    for mode in (True, True, True, False):
        x, condition = torch.randn(4, 5, *[2] * axes, dtype=torch.float64) + 2, torch.randn(4, COLUMNS).double()
        sides = []
        for layer in (ours.train(mode), theirs.train(mode)):
            layer.zero_grad()
            own, told = x.clone().requires_grad_(), condition.clone().requires_grad_()
            out = layer(own, told)
            (out * torch.arange(out.numel()).view(out.shape).sin()).sum().backward()
            affine = torch.cat([ours.weight.grad, ours.bias.grad]) if layer is ours else theirs.to_affine.weight.grad
            moved = [b for name, b in layer.named_buffers() if "running" in name]
            sides.append([out, own.grad, told.grad, affine, *moved])
        torch.testing.assert_close(*sides)


class OverChannels(nn.LayerNorm):
    """Layer normalization over the channels of each pixel."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


@pytest.mark.parametrize(
    "norm",
    [
        nn.BatchNorm2d(6, affine=False),
        nn.InstanceNorm2d(6),
        nn.GroupNorm(2, 6, affine=False),
        OverChannels(6, elementwise_affine=False),
    ],
)
def test_any_normalization_and_no_effect_at_first(norm: nn.Module) -> None:
    """A new layer around each of four normalizations gives their output, whatever the condition; later it does not."""
    torch.manual_seed(0)
    x, layer = torch.randn(4, 6, 3, 3), ConditionalNorm(norm, 6, COLUMNS)
    for condition in torch.randn(3, 4, COLUMNS):
        torch.testing.assert_close(layer(x, condition), norm(x))
    nn.init.normal_(layer.to_affine.weight)
    assert (layer(x, torch.randn(4, COLUMNS)) - norm(x)).abs().max() > 0.1


@pytest.mark.parametrize("which", range(COLUMNS))
def test_one_condition_is_the_plain_layer(which: int) -> None:
    """With one condition for all samples: torch's batch normalization with that weight and bias."""
    ours, _ = both()
    plain, x = nn.BatchNorm2d(5).double(), torch.randn(4, 5, 3, 3, dtype=torch.float64)
    with torch.no_grad():
        plain.weight.copy_(1 + ours.weight[:, which])
        plain.bias.copy_(ours.bias[:, which])
    torch.testing.assert_close(ours(x, conditions(*[which] * 4)), plain(x))


def test_absent_classes_get_no_gradient() -> None:
    """Columns of classes in the batch have gradients, the others zeros."""
    ours, _ = both()
    ours(torch.randn(4, 5, 3, 3).double(), conditions(0, 2, 2, 0)).square().sum().backward()
    for p in (ours.weight, ours.bias):
        assert p.grad.abs().amin(dim=0)[[0, 2]].min() > 0
        assert p.grad[:, 1].abs().max() == 0


def test_statistics_are_shared() -> None:
    """A sample's output depends on samples of another condition in its batch."""
    ours, _ = both()
    x, condition = torch.randn(4, 5, 3, 3).double(), conditions(0, 0, 1, 1)
    other = x.clone()
    other[2:] *= 5
    assert (ours(x, condition)[:2] - ours(other, condition)[:2]).abs().max() > 0.1


def test_classes_need_float() -> None:
    """Integers raise the error of the page; as floats they do not."""
    layer, x = ConditionalNorm(nn.BatchNorm2d(5, affine=False), 5, COLUMNS), torch.randn(4, 5, 3, 3)
    integers = F.one_hot(torch.tensor([0, 1, 2, 0]), COLUMNS)
    with pytest.raises(RuntimeError, match="mat1 and mat2 must have the same dtype"):
        layer(x, integers)
    assert layer(x, integers.float()).shape == x.shape


def means(evidence, kind: str) -> Tensor:
    """Mean over seeds, for each orientation; the first is the upright one."""
    return torch.tensor(evidence()[kind]).mean(dim=0)


def test_told_is_better(evidence) -> None:
    """In each orientation the mean is higher when told, by over 0.08 in the three new ones."""
    gain = means(evidence, "scale and shift, told") - means(evidence, "scale and shift, not told")
    assert gain.min() > 0
    assert gain[1:].min() > 0.08


def test_all_weights_are_better(evidence) -> None:
    """All weights: over 0.25 higher in each new orientation, lower on upright digits."""
    gain = means(evidence, "all weights, not told") - means(evidence, "scale and shift, told")
    assert gain[1:].min() > 0.25
    assert gain[0] < 0


def test_figure_shows_the_statistics_of_the_layer_inside(evidence) -> None:
    """The framed channel in each sample, nothing else."""
    expected = torch.zeros(SHAPE, dtype=torch.bool)
    expected[:, PLACE[1]] = True
    assert torch.equal(torch.tensor(evidence("axes"), dtype=torch.bool), expected)
