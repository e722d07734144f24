"""stopped-too-early: what it looks like, and every cause of it planted."""

from __future__ import annotations

import math
import random

import torch

from snippets.checklist.stopped_too_early import check
from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """Training ends at a validation loss above 0.7, where the same network reaches less than half of that."""
    return sum(run.series("validation loss")[-3:]) / 3 > 0.7


@causes("stopped-too-early")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def optimizer(*rates: tuple[float, float]) -> torch.optim.Optimizer:
    """SGD whose groups have these learning rates, now and at first."""
    groups = [{"params": [torch.zeros(1, requires_grad=True)], "lr": lr, "initial_lr": first} for lr, first in rates]
    return torch.optim.SGD(groups, lr=0.1)


def test_noise_alone_is_no_fall() -> None:
    """A loss that only jumps, and one that arrived early, do not fall; a straight line does."""
    for seed in range(30):
        chance = random.Random(seed)
        flat = [2.3 + chance.gauss(0, 0.1) for _ in range(500)]
        arrived = [0.3 + 2 * math.exp(-step / 20) + chance.gauss(0, 0.05) for step in range(500)]
        line = [2 - step / 500 + chance.gauss(0, 0.05) for step in range(500)]
        assert not check.loss_still_falling(flat, optimizer((0.1, 0.1)))
        assert not check.loss_still_falling(arrived, optimizer((0.1, 0.1)))
        assert check.loss_still_falling(line, optimizer((0.1, 0.1)))


def test_a_validation_loss_that_arrived_does_not_end_by_chance() -> None:
    """A small mean fall over a long run that arrived is no reason for more patience (2 of 30 by chance)."""
    found = 0
    for seed in range(30):
        chance = random.Random(seed)
        history = [0.3 + 2 * math.exp(-step / 5) + chance.gauss(0, 0.05) for step in range(300)]
        found += bool(check.patience_within_the_noise(history, 10))
    assert found <= 2


def test_a_rising_loss_may_be_best_at_first() -> None:
    """The values do not say whether more is better, so the check asks."""
    assert "if 0.6 is better" in str(check.best_value_is_the_first([0.3, 0.33, 0.4, 0.5, 0.6, 0.7], 0.3))
    assert "if 0.7 is better" in str(check.best_value_is_the_first([2.0, 1.5, 0.9, 0.7, 0.5], 2.0))


def test_a_group_that_never_had_a_learning_rate_is_not_gone() -> None:
    """Nor is the run gone while another group learns; a loss below zero may stand still, too."""
    still, falls = [2.0] * 100, [2 - step / 100 for step in range(100)]
    assert not check.learning_rate_gone(optimizer((0.0, 0.0)), still)
    assert not check.learning_rate_gone(optimizer((0.0, 0.1), (0.1, 0.1)), still)
    assert not check.learning_rate_gone(optimizer((1e-5, 0.1)), falls)
    assert not check.learning_rate_gone(optimizer((1e-5, 0.1)), [])
    assert "stood still at -2.00" in str(check.learning_rate_gone(optimizer((1e-5, 0.1)), [-2.0] * 100))


def test_early_stopping_that_waited_long_enough_is_sound() -> None:
    """Runs that stop when what is left is a fifth of the noise or less: at most 2 of 40 by chance."""
    for decay, noise, patience in ((5, 0.01, 10), (8, 0.03, 10), (8, 0.1, 20), (20, 0.1, 20)):
        found = 0
        for seed in range(40):
            chance, history, waited = random.Random(seed), [math.inf], 0
            while waited <= patience:
                value = 0.3 + 2 * math.exp(-len(history) / decay) + chance.gauss(0, noise)
                waited = 0 if value < min(history) else waited + 1
                history.append(value)
            found += bool(check.patience_within_the_noise(history[1:], patience))
        assert found <= 2
