"""loss-slow: what it looks like, and every cause of it planted."""

from __future__ import annotations

from statistics import fmean

import torch
from torch import nn

from snippets.checklist.loss_slow import check
from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """In its last quarter the loss has fallen, by 3 % or more, but not to half of its first value."""
    losses = run.series("loss")
    return 0.5 < fmean(losses[-len(losses) // 4 :]) / losses[0] < 0.97


@causes("loss-slow")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_rare_marks_are_no_narrow_feature() -> None:
    """A column of 0 and 1 counts by its range, however rare the 1 is; a table of constants has no scale."""
    torch.manual_seed(0)
    rare = torch.zeros(5000, 50)
    rare[:3] = 1.0
    number = torch.randn(5000, 1)
    assert not check.scales_that_differ(torch.cat([number, rare], dim=1))
    assert check.scales_that_differ(torch.cat([1000 * number, rare], dim=1))
    assert not check.scales_that_differ(torch.ones(9, 3))


def test_a_small_gradient_among_larger_ones_was_not_cut() -> None:
    """The norm of this step has to be above what is left, not only the usual one."""
    model = nn.Linear(1, 1, bias=False)
    model.weight.grad = torch.full((1, 1), 0.03)
    assert not check.gradients_cut_to_a_fraction(model, [0.5] * 20 + [0.03])
    assert check.gradients_cut_to_a_fraction(model, [0.5] * 20)
