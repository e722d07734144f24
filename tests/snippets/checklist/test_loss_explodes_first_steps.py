"""loss-explodes-first-steps: what it looks like, and every cause of it planted."""

from __future__ import annotations

import math

import torch
from torch import nn

from snippets.checklist.loss_explodes_first_steps import check
from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """Within 30 steps the loss is ten times that of the best constant answer: log C, or the targets' variance."""
    targets = run.names["y_train"]
    constant = targets.var().item() if targets.is_floating_point() else math.log(10)
    return not max(run.series("loss")) < 10 * constant


@causes("loss-explodes-first-steps")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_a_spike_below_the_first_loss_of_a_fresh_network_is_no_explosion() -> None:
    """Fine-tuning starts far below log C, and one hard batch there is no divergence; a real one is found."""
    y_train = torch.arange(1000) % 10
    assert not check.growth_from_a_sound_start([0.01, 0.01, 0.3, 0.02], y_train)
    assert check.growth_from_a_sound_start([0.01, 0.01, 30.0, math.nan], y_train)


def test_a_tied_embedding_makes_logits_in_the_tens() -> None:
    """Normalized activations of width 512 times an embedding of standard deviation 1."""
    torch.manual_seed(0)
    logits = nn.LayerNorm(512)(torch.randn(64, 512)) @ nn.Embedding(1000, 512).weight.T
    assert 20 < logits.std() < 25
