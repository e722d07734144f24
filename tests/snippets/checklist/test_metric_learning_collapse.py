"""metric-learning-collapse: what it looks like, and every cause of it planted."""

from __future__ import annotations

import math

import torch
from torch.nn import functional

from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """Embeddings of test images lie closer together than 0.4, where the cured programs have more than 1."""
    return run.last("distance") < 0.4


@causes("metric-learning-collapse")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_numbers_of_a_collapse() -> None:
    """One point for all: a triplet loss is its margin, InfoNCE with N candidates log N, negative cosine -1."""
    e = torch.ones(64, 16)
    assert abs(functional.triplet_margin_loss(e, e, e, margin=0.2).item() - 0.2) < 1e-6
    logits = functional.normalize(e, dim=1) @ functional.normalize(e, dim=1).mT / 0.1
    assert abs(functional.cross_entropy(logits, torch.arange(64)).item() - math.log(64)) < 1e-4
    assert abs(-functional.cosine_similarity(e, e).mean().item() + 1) < 1e-5
