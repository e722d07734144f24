"""lbfgs-needs-closure: what it looks like, and every cause of it planted."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from snippets.checklist.lbfgs_needs_closure import check
from tests.support.messages import never_said, said
from tests.support.planted import Record, Run, causes, prove

SYMPTOM = "lbfgs-needs-closure"
GROUPS = "LBFGS doesn't support per-parameter options (parameter groups)"


def shows(run: Run) -> bool:
    """An error of the page ends it, or the loss is still above 0.1 after twenty steps of a small problem, or lost."""
    if run.error:
        return bool(said(SYMPTOM, run))
    return not run.last("loss") < 0.1


@causes(SYMPTOM)
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_texts() -> None:
    """Every error text of the page is one that torch gives today."""
    assert never_said(SYMPTOM) == [GROUPS]
    with pytest.raises(ValueError, match="parameter groups") as raised:
        torch.optim.LBFGS([{"params": nn.Linear(1, 1).parameters()}, {"params": nn.Linear(1, 1).parameters()}])
    assert GROUPS in str(raised.value)


def test_closures_are_asked_without_a_trace() -> None:
    """Statistics of batch normalization are put back, also where the closure fails."""
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
    before = {name: one.clone() for name, one in model.state_dict().items()}
    model[0].weight.grad = torch.ones(4, 3)

    def closure(fails: bool = False) -> torch.Tensor:
        model.zero_grad()
        loss = model(torch.ones(2, 3)).square().mean()
        loss.backward()
        if fails:
            raise RuntimeError("no memory")
        return loss

    assert not check.gradients_that_add_up(closure, model)
    assert not check.loss_that_changes_by_itself(closure, model)
    with pytest.raises(RuntimeError, match="no memory"):
        check.call_twice(lambda: closure(fails=True), model)
    assert all(torch.equal(one, before[name]) for name, one in model.state_dict().items())
    assert torch.equal(model[0].weight.grad, torch.ones(4, 3))


def test_added_gradients_are_found_where_losses_differ_in_their_last_digits() -> None:
    """As on a GPU, where the order of additions may change."""
    model, losses = nn.Linear(3, 1), iter([1.0, 1.000001, 1.0, 2.0])

    def closure() -> float:
        model(torch.ones(2, 3)).mean().backward()
        return next(losses)

    assert check.gradients_that_add_up(closure, model)
    assert check.loss_that_changes_by_itself(closure, model)


def test_the_last_digits_of_a_loss_are_no_divergence() -> None:
    """A loss that ends at 1e-9 and wavers there is sound; a loss that is lost is not."""
    optimizer = torch.optim.LBFGS(nn.Linear(1, 1).parameters())
    assert not check.steps_without_a_search(optimizer, [2.3, 0.1, 1e-9, 2e-9, 1e-9])
    assert "1 of 2" in check.steps_without_a_search(optimizer, [2.3, 0.1, float("nan")])
