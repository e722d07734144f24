"""which-optimizer: what it looks like, and every cause of it planted."""

from __future__ import annotations

import torch
from torch import nn

from snippets.checklist.which_optimizer import check
from tests.support.planted import Record, Run, causes, program, prove, run


def shows(run: Run) -> bool:
    """At the end the loss is still above half of its first value."""
    losses = run.series("loss")
    return not losses[-1] < 0.5 * losses[0]


@causes("which-optimizer")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_a_few_percent_are_usual() -> None:
    """Adam at its default moves weights of 768 to 4,096 inputs by 2 to 7 percent of their initial size."""
    for inputs in (768, 4096):
        layer = nn.Sequential(nn.Linear(inputs, 8))
        assert 0.02 < torch.optim.Adam(layer.parameters()).param_groups[0]["lr"] * inputs**0.5 < 0.07
        assert not check.steps_of_adam_against_weights(layer, torch.optim.Adam(layer.parameters()))


def test_lbfgs_jumps_within_three_steps() -> None:
    """On another batch at each step the loss is a hundred times its first value by step 2."""
    losses = run(program("which-optimizer/lbfgs-on-batches", "broken")).series("loss")
    assert max(losses[:4]) > 100 * losses[0]
