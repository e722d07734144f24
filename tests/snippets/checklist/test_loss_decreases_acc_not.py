"""loss-decreases-acc-not: what it looks like, and every cause of it planted."""

from __future__ import annotations

from statistics import fmean, median

import torch
from torch import nn

from snippets.checklist.loss_decreases_acc_not import check
from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """The loss falls to 60 % or less, and the accuracy ends less than 0.1 above where it began."""
    losses, accuracies = run.series("loss"), run.series("test accuracy")
    return losses[-1] < 0.6 * losses[0] and fmean(accuracies[-5:]) < median(accuracies[:3]) + 0.1


@causes("loss-decreases-acc-not")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_chance_agreement_in_few_samples_is_no_other_numbering() -> None:
    """With as many classes as samples any answers can be renamed to be right; a swap holds in the other half too."""
    chance = torch.Generator().manual_seed(0)
    y = torch.randint(60, (60,), generator=chance)
    outputs = torch.eye(60)[torch.randperm(60, generator=chance)]
    assert not check.labels_under_other_numbers(nn.Identity(), outputs, y)
    y = torch.randint(3, (60,), generator=chance)
    assert check.labels_under_other_numbers(nn.Identity(), nn.functional.one_hot((y + 1) % 3, 3).float(), y)


def test_a_rare_class_that_is_found_is_sound() -> None:
    """99 % of the right answers are one class; outputs without a second dimension and float labels are asked too."""
    y = (torch.arange(200) % 100 == 0).long()
    assert not check.answers_of_one_class(nn.Identity(), nn.functional.one_hot(y, 2).float(), y)
    assert check.answers_of_one_class(nn.Identity(), torch.full((200,), -3.0), y.float())
