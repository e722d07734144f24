"""label-noise: what it looks like, and every cause of it planted."""

from __future__ import annotations

import torch

from snippets.checklist.label_noise import check
from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """The network is large enough for clean labels, and recognizes some class in less than four of five cases."""
    return run.last("worst class") < 0.8


@causes("label-noise")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_rare_classes_are_sound_and_random_errors_of_two_classes_are_no_confusion() -> None:
    """A clean class of eight samples is contradicted by nobody; a fifth of two classes' labels flipped is random."""
    torch.manual_seed(0)
    labels = torch.cat([torch.zeros(300), torch.ones(300), torch.full((8,), 2.0)]).long()
    x = 6 * torch.eye(8)[labels] + torch.randn(608, 8)
    assert not check.class_that_looks_like_another(x, labels)
    assert not check.labels_that_neighbours_contradict(x, labels)
    x, labels = x[:600], labels[:600]
    flipped = torch.where(torch.rand(600) < 0.2, 1 - labels, labels)
    assert not check.class_that_looks_like_another(x, flipped)
    assert check.labels_that_neighbours_contradict(x, flipped)
    confused = torch.where(torch.rand(600) < 0.3, 1, labels)
    assert "labelled 1 have neighbours labelled 0" in check.class_that_looks_like_another(x, confused)
