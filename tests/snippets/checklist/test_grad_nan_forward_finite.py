"""grad-nan-forward-finite: what it looks like, and every cause of it planted."""

from __future__ import annotations

import math

import pytest
import torch

from snippets.checklist.grad_nan_forward_finite.check import first_broken_operation
from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """Every loss is a finite number, and a gradient is NaN."""
    finite = all(map(math.isfinite, run.series("loss")))
    return finite and any(map(math.isnan, run.series("gradient")))


@causes("grad-nan-forward-finite")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


@pytest.mark.filterwarnings("ignore:Anomaly Detection:UserWarning", "ignore:Error detected:UserWarning")
def test_anomaly_names_the_next() -> None:
    """Torch names the square, the check names the root, whose slope is infinite."""
    model = torch.nn.Linear(3, 3, bias=False)
    with torch.no_grad():
        model.weight.zero_()

    def loss_fn(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return outputs.square().sum().sqrt()

    x = torch.ones(1, 3)
    with torch.autograd.set_detect_anomaly(True), pytest.raises(RuntimeError, match="PowBackward0"):
        loss_fn(model(x), x).backward()
    assert first_broken_operation(model, loss_fn, x, x)[0] == "Sqrt"
