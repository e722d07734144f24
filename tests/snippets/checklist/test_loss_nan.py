"""loss-nan: what it looks like, and every cause of it planted."""

from __future__ import annotations

import math

import torch
from torch import nn

from snippets.checklist.loss_nan import check
from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """The loss is finite no longer."""
    return not all(map(math.isfinite, run.series("loss")))


@causes("loss-nan")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_only_what_is_lost_in_all_samples_is_called_so() -> None:
    """A white border, the same number in all samples, is sound; 0 / 0 and x / 0 are not."""
    x = torch.randn(20, 4)
    x[:, 0] = -0.42
    assert not check.features_that_never_change(x)
    x[:, 0], x[:, 1] = torch.nan, torch.inf
    x[3, 2] = torch.nan
    assert "2 of 4" in check.features_that_never_change(x)


def test_slow_divergence_is_found_and_one_late_spike_is_not() -> None:
    """A loss that grows by a tenth at each step has run away; one that rises from 1e-6 to its first value has not."""
    assert check.losses_that_grew([1.1**step for step in range(900)] + [math.inf])
    assert not check.losses_that_grew([2.3, 0.1, 1e-6, 1e-6, 2.5, math.nan])


def test_a_missing_target_is_not_blamed_on_the_formula() -> None:
    """Finite outputs, a NaN in the targets; and modules that were frozen in eval mode stay so."""
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4).eval(), nn.Linear(4, 1))
    inputs, targets = torch.randn(8, 4), torch.rand(8, 1)
    assert check.loss_that_breaks_alone(model, lambda p, t: (p - p).log().mean(), inputs, targets)
    targets[2] = torch.nan
    assert not check.loss_that_breaks_alone(model, nn.MSELoss(), inputs, targets)
    assert model.training
    assert not model[1].training


def test_only_an_error_is_squared() -> None:
    """Large float16 outputs near their targets, and large logits, are sound; an error of 256 is not."""
    outputs = torch.full((4, 1), 300.0, dtype=torch.float16)
    assert not check.numbers_too_large_for_half(outputs, outputs.float() + 255)
    assert check.numbers_too_large_for_half(outputs, outputs.float() - 256)
    assert not check.numbers_too_large_for_half(outputs, torch.zeros(4, dtype=torch.long))
