"""test-much-worse-than-val: what it looks like, and every cause of it planted."""

from __future__ import annotations

import torch

from snippets.checklist.test_much_worse_than_val import check
from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """The accuracy on the test set is at least 12 points below that on the validation set."""
    return run.last("val accuracy") - run.last("test accuracy") > 0.12


@causes("test-much-worse-than-val")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_no_lead_is_no_luck() -> None:
    """Two tries with one result have no lead that luck could explain; ten tries on 20 samples have."""
    assert not check.best_of_many([0.9, 0.9], torch.zeros(10))
    assert check.best_of_many([0.5, 0.6, 0.7, 0.6, 0.5, 0.8, 0.6, 0.7, 0.6, 0.6], torch.zeros(20))


def test_a_scaling_of_some_columns_by_torch_is_found() -> None:
    """Columns of 0 and 1 stay as they are, and torch's standard deviation divides by n - 1."""
    train, test = torch.randn(900, 3), 2 * torch.randn(200, 3) + 1
    switch = [(x[:, :1] > 0.5).float() for x in (train, test)]
    scale = lambda x, by: (x - by.mean(dim=0)) / by.std(dim=0)  # noqa: E731
    own = torch.cat([scale(test, test), switch[1]], dim=1)
    right = torch.cat([scale(test, train), switch[1]], dim=1)
    fitted = torch.cat([scale(train, train), switch[0]], dim=1)
    assert "3 features" in check.test_set_has_its_own_scale(fitted, own)
    assert not check.test_set_has_its_own_scale(fitted, right)


def test_sets_sorted_by_class_are_not_told_apart_by_their_order() -> None:
    """A validation set of one class after the other, and a shuffled test set of the same kind."""
    classes = torch.arange(3000) // 1500
    x_val = 4 * classes[:, None] + torch.randn(3000, 4)
    assert not check.test_set_can_be_told_apart(x_val, x_val[torch.randperm(3000)] + 0.1 * torch.randn(3000, 4))
    assert not check.test_set_can_be_told_apart(x_val[:2], x_val[:2])
