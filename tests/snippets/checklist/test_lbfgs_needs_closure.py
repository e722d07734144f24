"""lbfgs-needs-closure: what it looks like, and every cause of it planted."""

from __future__ import annotations

import pytest
import torch
from torch import nn

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
