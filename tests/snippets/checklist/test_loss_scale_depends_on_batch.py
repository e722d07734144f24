"""loss-scale-depends-on-batch: what it looks like, and every cause of it planted."""

from __future__ import annotations

import statistics

import torch
from torch import nn

from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """A size 16 times as large makes more than twice the gradient, or more than twice its share."""
    pairs = zip(run.series("small"), run.series("large"), strict=True)
    return statistics.median(large / small for small, large in pairs) > 2


@causes("loss-scale-depends-on-batch")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_adam_hides_the_factor() -> None:
    """Adam takes the same steps for a loss that is 64 times as large; SGD takes steps 64 times as large."""
    for kind, same in ((torch.optim.Adam, True), (torch.optim.SGD, False)):
        moved = []
        for factor in (1.0, 64.0):
            torch.manual_seed(0)
            model = nn.Linear(4, 2)
            start = model.weight.detach().clone()
            optimizer = kind(model.parameters(), lr=1e-3)
            (factor * model(torch.ones(8, 4)).square().mean()).backward()
            optimizer.step()
            moved.append((model.weight.detach() - start).norm().item())
        assert abs(moved[1] / moved[0] - (1 if same else 64)) < 0.01 * (1 if same else 64)
