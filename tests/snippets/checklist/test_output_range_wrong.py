"""output-range-wrong: what it looks like, and every cause of it planted."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from tests.support.messages import never_said, said
from tests.support.planted import Record, Run, causes, program, prove, run

SYMPTOM = "output-range-wrong"


def shows(one: Run) -> bool:
    """The loss refuses the outputs, or less than half of the targets' variance is explained at the end."""
    if one.error:
        return bool(said(SYMPTOM, one))
    return sum(one.series("explained")[-5:]) / 5 < 0.5


@causes(SYMPTOM)
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_texts() -> None:
    """Every text of the page is one that torch gives today."""
    assert not never_said(SYMPTOM)


def test_floor_of_the_sigmoid() -> None:
    """The loss of the planted run ends at that of the answer 1 for every target from 1 on, and 0 for zeros."""
    names = run(program(f"{SYMPTOM}/sigmoid-on-large-targets", "broken")).names
    targets = names["targets"]
    assert names["loss"].item() == pytest.approx(F.mse_loss(targets.clamp(0, 1), targets).item(), rel=0.03)


def test_no_gradient_from_one_output() -> None:
    """A softmax over one number is 1 whatever the number, and has no gradient."""
    largest = torch.finfo(torch.float32).max
    numbers = torch.cat([torch.tensor([-largest, 0.0, largest]), 10 * torch.randn(1000)])
    logits = numbers.unsqueeze(1).requires_grad_()
    outputs = logits.softmax(dim=1)
    F.binary_cross_entropy(outputs, (torch.arange(1003.0) % 2).unsqueeze(1)).backward()
    assert logits.grad is not None
    assert torch.equal(outputs, torch.ones(1003, 1))
    assert not logits.grad.any()
