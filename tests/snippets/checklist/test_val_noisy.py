"""val-noisy: what it looks like, and every cause of it planted."""

from __future__ import annotations

import random
from itertools import pairwise

import torch
from torch import nn

from snippets.checklist.val_noisy import check
from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """In the last 15 epochs the validation accuracy jumps by more than 1.3 points from epoch to epoch, on average."""
    values = run.series("val accuracy")[-15:]
    return sum(abs(b - a) for a, b in pairwise(values)) / 14 > 0.013


@causes("val-noisy")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_what_does_not_jump_is_not_blamed() -> None:
    """A constant accuracy, a single epoch, and a network that still makes progress are no noise."""
    assert not check.validation_set_too_small([0.8] * 10, torch.zeros(20))
    assert not check.validation_set_too_small([0.5], torch.zeros(20))
    torch.manual_seed(0)
    x = torch.randn(500, 20)
    y = (x[:, 0] > 0).long()
    model = nn.Linear(20, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.03)
    assert not check.weights_jump(model, optimizer, nn.CrossEntropyLoss(), x[:50], x, y)


def test_frozen_batch_normalization_and_pythons_random_state() -> None:
    """Frozen statistics forget nothing, nor do those of momentum 0; an evaluation that draws leaves no trace."""
    model = nn.Sequential(nn.BatchNorm1d(4, momentum=0.99).eval(), nn.BatchNorm1d(4, momentum=0.0))
    assert not check.batchnorm_remembers_few_batches(model, torch.randn(8, 4))
    assert check.batchnorm_remembers_few_batches(model.train(), torch.randn(8, 4))
    before = random.getstate()
    assert check.evaluation_is_random(lambda _: random.random(), model)
    assert random.getstate() == before
    order = iter([2.3, 2.300001, 2.3, 2.3, 2.3])
    assert not check.evaluation_is_random(lambda _: next(order), model)
