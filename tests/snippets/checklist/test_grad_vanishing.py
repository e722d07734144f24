"""grad-vanishing: what it looks like, and every cause of it planted."""

from __future__ import annotations

import statistics

import torch
from torch import nn

from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """The first layer, or the first time step, gets less than a thousandth of the gradient of the last."""
    pairs = zip(run.series("first gradient"), run.series("last gradient"), strict=True)
    return statistics.median(first / last if last else 0.0 for first, last in pairs) < 1e-3


@causes("grad-vanishing")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_slope_of_sigmoid() -> None:
    """The slope is nowhere above 0.25; seven in a row multiply to less than 1e-4."""
    x = torch.linspace(-20, 20, 4001, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(x.sigmoid().sum(), x)
    assert slope.max() <= 0.25
    assert slope.max() ** 7 < 1e-4


def test_gain_of_default() -> None:
    """The default weights are uniform with a standard deviation of 1/sqrt(3 inputs)."""
    for inputs in (64, 256, 1024):
        gain = nn.Linear(inputs, 1024).weight.detach().square().mean().sqrt().item() * inputs**0.5
        assert round(gain, 2) == 0.58
    assert (1 / 3) ** (12 / 2) > 1e-3 > (1 / 3) ** (13 / 2)
