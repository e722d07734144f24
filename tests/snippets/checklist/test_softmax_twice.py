"""softmax-twice: what it looks like, and every cause of it planted."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional as F

from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """Most answers are right, and the loss stays far above zero all the same."""
    return min(run.series("loss")[-3:]) > 0.4 and min(run.series("accuracy")[-3:]) > 0.8


@causes("softmax-twice")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


@pytest.mark.parametrize(("classes", "floor"), [(2, 0.31), (3, 0.55), (10, 1.46), (100, 3.62), (1000, 5.91)])
def test_floor_of_two_softmaxes(classes: int, floor: float) -> None:
    """The loss of the best probabilities is log(e + C - 1) - 1, and no probabilities have less."""
    targets = torch.arange(classes)
    best = F.cross_entropy(F.one_hot(targets, classes).double(), targets).item()
    assert best == pytest.approx(math.log(math.e + classes - 1) - 1)
    assert round(best, 2) == floor
    random = torch.randn(classes, classes, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    for scale in (0.0, 1.0, 10.0, 100.0):
        assert F.cross_entropy((scale * random).softmax(dim=1), targets) >= best


def test_floor_of_two_sigmoids() -> None:
    """The loss of targets that are handed over as logits is log(1 + 1/e) for ones and log 2 for zeros."""
    ones, zeros = torch.ones(4, dtype=torch.float64), torch.zeros(4, dtype=torch.float64)
    of_ones, of_zeros = (F.binary_cross_entropy_with_logits(one, one).item() for one in (ones, zeros))
    assert (round(of_ones, 2), round(of_zeros, 2)) == (0.31, 0.69)
    assert round((of_ones + of_zeros) / 2, 2) == 0.50


def test_log_softmax_twice_is_harmless() -> None:
    """A log-softmax of a log-softmax is the same: so is the loss."""
    logits = torch.randn(16, 10, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    targets = torch.arange(16) % 10
    twice = F.cross_entropy(logits.log_softmax(dim=1), targets)
    assert twice.item() == pytest.approx(F.cross_entropy(logits, targets).item())


def test_gradient_is_a_tenth() -> None:
    """At equal logits of ten classes, the second softmax leaves a tenth of the gradient."""
    targets = torch.arange(10)
    norms = []
    for squash in (False, True):
        logits = torch.zeros(10, 10, dtype=torch.float64, requires_grad=True)
        F.cross_entropy(logits.softmax(dim=1) if squash else logits, targets).backward()
        assert logits.grad is not None
        norms.append(logits.grad.norm().item())
    assert norms[1] / norms[0] == pytest.approx(0.1)
