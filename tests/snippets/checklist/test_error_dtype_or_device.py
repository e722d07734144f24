"""error-dtype-or-device: what it looks like, and every cause of it planted; the device meta stands for a GPU."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tests.support.messages import never_said, said
from tests.support.planted import Record, Run, causes, prove

SYMPTOM = "error-dtype-or-device"
OTHERS: dict[str, Callable[[], object]] = {  # the same faults, met by other layers and losses
    "Found dtype Long but expected Float": lambda: F.binary_cross_entropy(torch.rand(2), torch.tensor([0, 1])),
    "Input type (double) and bias type (float) should be the same": lambda: nn.Conv2d(1, 1, 3)(
        torch.rand(1, 1, 8, 8, dtype=torch.float64)
    ),
    "expected m1 and m2 to have the same dtype, but got: float != double": lambda: (
        torch.ones(2, 2) @ torch.ones(2, 2, dtype=torch.float64)
    ),
}


def shows(run: Run) -> bool:
    """An error ends it, with one of the page's texts."""
    return run.error is not None and bool(said(SYMPTOM, run))


@causes(SYMPTOM)
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_texts() -> None:
    """Every error text of the page is one that torch gives today."""
    assert set(never_said(SYMPTOM)) == set(OTHERS)
    for text, call in OTHERS.items():
        with pytest.raises(RuntimeError) as raised:
            call()
        assert text in str(raised.value)


def test_double_targets_are_silent() -> None:
    """float64 targets raise nothing, and make the loss float64."""
    outputs = nn.Linear(2, 1)(torch.ones(4, 2))
    loss = F.mse_loss(outputs, torch.ones(4, 1, dtype=torch.float64))
    loss.backward()
    assert loss.dtype == torch.float64
