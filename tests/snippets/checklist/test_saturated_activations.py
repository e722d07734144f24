"""saturated-activations: what it looks like, and every cause of it planted."""

from __future__ import annotations

import torch
from torch import nn

from snippets.checklist.saturated_activations import check
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


def test_numbers_of_tokens_and_embeddings_are_sound() -> None:
    """Token numbers have no size; an embedding starts at 1, not at 1/sqrt(width), and may take larger steps."""
    tokens = torch.randint(30000, (8, 12))
    assert not check.size_of_inputs(tokens)
    assert check.size_of_inputs(torch.randint(256, (8, 12), dtype=torch.uint8))
    model = nn.Sequential(nn.Embedding(30000, 900), nn.Flatten(), nn.Linear(10800, 2))
    model[2].requires_grad_(False)
    optimizer = torch.optim.Adam(model[0].parameters(), lr=0.02)
    model(tokens).sum().backward()
    optimizer.step()
    assert not check.steps_too_large(model, optimizer)
