"""val-loss-up-acc-up: what it looks like, and every cause of it planted."""

from __future__ import annotations

import torch

from snippets.checklist.val_loss_up_acc_up import check
from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """The validation loss ends a fifth above its minimum, and the accuracy is not much below what it was there."""
    losses, accuracies = run.series("val loss"), run.series("val accuracy")
    best = losses.index(min(losses))
    return losses[-1] > 1.22 * losses[best] and accuracies[-1] > accuracies[best] - 0.02


@causes("val-loss-up-acc-up")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_samples_to_ignore_are_no_class_and_pixels_are_samples() -> None:
    """-100 is trained nowhere on purpose; three pixels of a hundred that carry the loss are no overconfidence."""
    assert not check.classes_never_trained(torch.tensor([0, 1]), torch.tensor([0, 1, -100]))
    assert check.classes_never_trained(torch.tensor([0, 1]), torch.tensor([0, 1, 2]))
    labels = torch.randint(2, (2, 20, 20), generator=torch.Generator().manual_seed(0))
    outputs = 6.0 * torch.nn.functional.one_hot(labels, 2).movedim(-1, 1)
    outputs[:, :, 0, :8] = -4 * outputs[:, :, 0, :8]
    assert not check.temperature_that_helps(outputs, labels)
    spread = 6.0 * torch.nn.functional.one_hot(labels, 2).movedim(-1, 1)
    spread[:, :, :, ::5] = -spread[:, :, :, ::5]
    assert check.temperature_that_helps(spread, labels)
