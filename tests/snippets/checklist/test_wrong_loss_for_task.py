"""wrong-loss-for-task: what it looks like, and every cause of it planted."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """The loss falls, and the score that counts stays low."""
    losses, scores = run.series("loss"), run.series("score")
    return sum(losses[-3:]) / 3 < 0.9 * losses[0] and sum(scores[-3:]) / 3 < 0.62


@causes("wrong-loss-for-task")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_what_a_constant_answers() -> None:
    """Of all constants, squared error is smallest at the mean and absolute error at the median."""
    targets = torch.tensor([10.0, 10.0, 11.0, 12.0, 60.0])
    constants = torch.arange(0, 70, 0.1)
    squared = torch.stack([F.mse_loss(c.expand(5), targets) for c in constants])
    absolute = torch.stack([F.l1_loss(c.expand(5), targets) for c in constants])
    assert constants[squared.argmin()].item() == pytest.approx(targets.mean().item(), abs=0.06)
    assert constants[absolute.argmin()].item() == pytest.approx(targets.median().item(), abs=0.06)


def test_squared_error_between_two_classes() -> None:
    """Torn between class 1 and class 9, the answer with the smallest squared error is class 5."""
    targets = torch.tensor([1.0, 9.0])
    losses = [F.mse_loss(torch.full((2,), float(answer)), targets).item() for answer in range(10)]
    assert min(range(10), key=losses.__getitem__) == 5
