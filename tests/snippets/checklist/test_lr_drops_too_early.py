"""lr-drops-too-early: what it looks like, and every cause of it planted."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.optim import lr_scheduler

from snippets.checklist.lr_drops_too_early import check
from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """At half of the run the learning rate is below a tenth of the first one, or it doubles after it fell."""
    rates = run.series("lr")
    lowest = rates.index(min(rates))
    return rates[len(rates) // 2] < 0.1 * rates[0] or max(rates[lowest:]) > 2 * rates[lowest]


@causes("lr-drops-too-early")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def stepped(scheduler: lr_scheduler.LRScheduler, calls: int) -> lr_scheduler.LRScheduler:
    """The scheduler after some calls."""
    for _ in range(calls):
        scheduler.optimizer.step()
        scheduler.step()
    return scheduler


def adam() -> torch.optim.Adam:
    """An optimizer of one layer with gradients of one."""
    layer = nn.Linear(3, 2)
    layer(torch.ones(1, 3)).sum().backward()
    return torch.optim.Adam(layer.parameters(), lr=0.1)


def test_a_warm_up_and_a_slow_decay_are_counted_in_batches_on_purpose() -> None:
    """Ten batches in an epoch and 60 epochs: a warm-up of 50 updates, a hundredth less every 20 updates."""
    sound: tuple[lr_scheduler.LRScheduler, ...] = (
        lr_scheduler.LinearLR(adam(), 0.01, total_iters=50),
        lr_scheduler.ConstantLR(adam(), 0.1, total_iters=50),
        lr_scheduler.StepLR(adam(), 20, gamma=0.99),
    )
    for scheduler in sound:
        assert not check.epochs_against_batches(stepped(scheduler, 300), 29, 60)
    meant_in_epochs: tuple[lr_scheduler.LRScheduler, ...] = (
        lr_scheduler.LinearLR(adam(), 1.0, 0.01, total_iters=60),
        lr_scheduler.MultiStepLR(adam(), [30, 45]),
        lr_scheduler.StepLR(adam(), 20),
    )
    for scheduler in meant_in_epochs:
        assert check.epochs_against_batches(stepped(scheduler, 300), 29, 60)


@pytest.mark.parametrize("skipped", [2, 100])
def test_a_few_skipped_updates_are_no_schedule_ahead(skipped: int) -> None:
    """GradScaler leaves out the first updates of a run in float16."""
    scheduler = lr_scheduler.CosineAnnealingLR(adam(), 200)
    stepped(scheduler, 1)
    for _ in range(skipped):
        scheduler.step()
    stepped(scheduler, 10)
    assert bool(check.schedule_ahead_of_updates(scheduler, scheduler.optimizer)) == (skipped == 100)


def test_a_cosine_behind_a_warm_up_is_found() -> None:
    """SequentialLR holds it."""
    optimizer = adam()
    parts = [lr_scheduler.LinearLR(optimizer, 0.1), lr_scheduler.CosineAnnealingLR(optimizer, 10)]
    scheduler = lr_scheduler.SequentialLR(optimizer, parts, [5])
    assert not check.cosine_beyond_its_end(stepped(scheduler, 14))
    assert check.cosine_beyond_its_end(stepped(scheduler, 6))


def test_a_group_that_was_added_later_is_no_error() -> None:
    """Unfreezing adds a group of which the scheduler knows nothing."""
    scheduler = lr_scheduler.CosineAnnealingLR(adam(), 20)
    scheduler.optimizer.add_param_group({"params": [nn.Parameter(torch.zeros(2))]})
    assert not check.another_hand_on_the_rate(scheduler, scheduler.optimizer)
    scheduler.optimizer.param_groups[0]["lr"] = 0.01
    assert check.another_hand_on_the_rate(scheduler, scheduler.optimizer)
