"""loss-zero-immediately: what it looks like, and every cause of it planted."""

from __future__ import annotations

import torch
from torch import nn

from snippets.checklist.loss_zero_immediately import check
from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """After a quarter of the log the loss is below 0.02."""
    losses = run.series("loss")
    return losses[len(losses) // 4] < 0.02


@causes("loss-zero-immediately")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_a_short_answer_to_a_long_prompt_counts() -> None:
    """One target in 400 is enough where each sequence has one; sequences without any are no good."""
    targets = torch.full((4, 400), -100)
    assert check.share_of_labels_that_count(targets)
    targets[:, -1] = 7
    assert not check.share_of_labels_that_count(targets)
    targets[:3, -1] = -100
    assert "3 of 4" in check.share_of_labels_that_count(targets)
    assert not check.share_of_labels_that_count(targets.flatten())


def test_padding_and_pictures_are_no_copies() -> None:
    """Shifted tokens in much padding are sound, and so is a network that shall draw its input again."""
    tokens = torch.zeros(2, 500, dtype=torch.long)
    tokens[:, :5] = torch.arange(1, 6)
    shifted = tokens.roll(-1, dims=1)
    shifted[:, -1] = 0
    assert not check.targets_equal_to_inputs(tokens, shifted)
    assert check.targets_equal_to_inputs(tokens, tokens)
    assert not check.targets_equal_to_inputs(torch.rand(2, 9), torch.rand(2, 9))
    pictures = torch.rand(2, 9)
    assert not check.targets_equal_to_inputs(pictures, pictures)


def test_rare_classes_and_quantities_have_extreme_features_by_chance() -> None:
    """Of 3 samples some of 64 features are the largest of all; each value of a regression has one sample."""
    torch.manual_seed(0)
    x = torch.randn(300, 64)
    labels = torch.arange(300).remainder(2)
    labels[:2] = 2
    assert not check.features_that_tell_the_label(x, labels)
    assert not check.features_that_tell_the_label(x, torch.randn(300))
    x[:, 5] = labels.float()
    assert "columns [5]" in check.features_that_tell_the_label(x, labels)


def test_one_output_for_each_pixel() -> None:
    """Its softmax is 1 everywhere, whatever the reduction."""
    outputs, targets = torch.randn(2, 1, 3, 3), torch.rand(2, 1, 3, 3).round()
    assert check.softmax_over_one_class(outputs, targets, nn.CrossEntropyLoss(reduction="none"))
    assert not check.softmax_over_one_class(outputs, targets, nn.BCEWithLogitsLoss(reduction="none"))
    assert nn.CrossEntropyLoss()(torch.randn(3, 4), torch.full((3,), -100)).isnan()
