"""saturated-activations: what it looks like, and every cause of it planted."""

from __future__ import annotations

import torch

from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """More than half of the first layer's outputs are within 0.01 of -1 or 1."""
    return run.last("saturated") > 0.5


@causes("saturated-activations")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_slopes_at_the_ends() -> None:
    """At outputs of 0.99 the slope of tanh is 0.02, and at 0.99 that of a sigmoid is 0.01, of 0.25 at most."""
    for function, top in ((torch.tanh, 0.02), (torch.sigmoid, 0.01)):
        z = torch.linspace(-30, 30, 60001, dtype=torch.float64, requires_grad=True)
        out = function(z)
        (slope,) = torch.autograd.grad(out.sum(), z)
        assert slope[out > 0.99].max() < top
