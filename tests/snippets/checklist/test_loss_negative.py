"""loss-negative: what it looks like, and every cause of it planted."""

from __future__ import annotations

import torch
from torch import nn

from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """The loss goes below zero."""
    return min(run.series("loss")) < 0


@causes("loss-negative")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_gaussian_density_above_one() -> None:
    """A good answer with a variance of 0.01 has a negative loss, as it should."""
    mean, target = torch.zeros(100), torch.zeros(100)
    for variance, negative in ((0.01, True), (1.0, False)):
        loss = nn.GaussianNLLLoss(full=True)(mean, target, torch.full((100,), variance))
        assert (loss < 0) == negative
