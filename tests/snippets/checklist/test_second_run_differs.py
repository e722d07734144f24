"""second-run-differs: what it looks like, and every cause of it planted."""

from __future__ import annotations

import torch
from torch import nn

from snippets.checklist.second_run_differs import check
from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """The second run in one program differs from the first by over 5% at some line of the log."""
    pairs = zip(run.series("run 1 loss"), run.series("run 2 loss"), strict=True)
    return any(abs(first - second) > 0.05 * first + 0.001 for first, second in pairs)


@causes("second-run-differs")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_more_than_two_runs_and_losses_below_zero() -> None:
    """Five folds; a loss below zero that goes on; a noisy beginning that is not the end of the first run."""
    falls = [2.3 - step / 100 for step in range(200)]
    assert not check.run_that_begins_trained([falls] * 5)
    assert check.run_that_begins_trained([falls, falls[-1:] * 200])
    below = [value - 2.5 for value in falls]
    assert not check.run_that_begins_trained([below, below])
    assert check.run_that_begins_trained([below, below[-1:] * 200])
    assert not check.run_that_begins_trained([[4.0, 3.0, 4.0, *falls], [2.3, 2.3, 2.3, *falls]])
    starts = [[torch.full((2,), float(fold))] for fold in range(5)]
    assert check.weights_drawn_again(starts, [falls] * 5)


def test_an_optimizer_of_a_part_of_the_model_is_sound() -> None:
    """A head alone, or one of two optimizers; a head that was exchanged afterwards is found."""
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 2))
    optimizer = torch.optim.SGD(model[1].parameters(), 0.1)
    assert not check.optimizer_of_another_model(model, optimizer)
    model[1] = nn.Linear(4, 2)
    assert check.optimizer_of_another_model(model, optimizer)


def test_data_that_became_nan_have_changed() -> None:
    """A second standardization may divide by zero."""
    assert check.data_that_changed([1.0, float("nan")])
    assert not check.data_that_changed([0.0, 0.0])


def test_a_scheduler_that_is_kept_does_not_move_a_new_optimizer() -> None:
    """It changes the learning rate of the optimizer with which it was made."""
    weight = torch.zeros(1, requires_grad=True)
    old, new = (torch.optim.SGD([weight], 1.0) for _ in range(2))
    scheduler = torch.optim.lr_scheduler.ExponentialLR(old, 0.5)
    new.step()
    old.step()
    scheduler.step()
    assert (old.param_groups[0]["lr"], new.param_groups[0]["lr"]) == (0.5, 1.0)
