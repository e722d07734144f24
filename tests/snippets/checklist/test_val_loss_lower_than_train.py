"""val-loss-lower-than-train: what it looks like, and every cause of it planted."""

from __future__ import annotations

import math

import torch
from torch import nn

from snippets.checklist.val_loss_lower_than_train import check
from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """In at least half of the epochs the validation loss is a tenth below the training loss, or more."""
    lower = [val < 0.9 * train for train, val in zip(run.series("loss"), run.series("val loss"), strict=True)]
    return 2 * sum(lower) >= len(lower)


@causes("val-loss-lower-than-train")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_losses_below_zero_are_compared_as_well() -> None:
    """Equal losses of -2 are no gap; -2 is above -3."""
    model, x = nn.Linear(3, 1), torch.randn(8, 3)

    def loss_fn(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return (outputs - targets).square().mean() - 20

    loss = loss_fn(model(x), x[:, :1]).item()
    assert not check.training_mode_costs(model, loss_fn, x, x[:, :1], loss)
    assert not check.term_added_to_the_loss(loss_fn, model(x), x[:, :1], [loss])
    assert not check.average_of_the_past(-2.0, [-2.0] * 10, [-2.0] * 2)
    assert check.average_of_the_past(-2.0, [-2.0] * 5 + [-3.0] * 5, [-2.0] * 2)


def test_a_training_set_that_is_sorted_by_class_is_drawn_from_at_random() -> None:
    """Its first 300 samples are of one class; a clean validation set is easier, and one like it is not."""
    torch.manual_seed(0)
    y_train, y_val = torch.arange(1200) // 600, torch.arange(600) % 2
    x_train = 0.1 * torch.randn(1200, 2) + 4.0 * y_train[:, None]
    x_train[::2] = 10 * torch.randn(600, 2)  # half of the pictures show nothing
    clean = 0.1 * torch.randn(600, 2) + 4.0 * y_val[:, None]
    assert check.validation_is_easier(x_train, y_train, clean, y_val, most=300)
    alike = clean.clone()
    alike[torch.randperm(600)[:300]] = 10 * torch.randn(300, 2)
    assert not check.validation_is_easier(x_train, y_train, alike, y_val, most=300)


def test_floor_of_label_smoothing() -> None:
    """0.50 for ten classes and 0.1: what is left at the best probabilities."""
    best = torch.full((10,), 0.01)
    best[3] = 0.91
    loss = nn.CrossEntropyLoss(label_smoothing=0.1)(best.log()[None], torch.tensor([3])).item()
    assert math.isclose(loss, 0.50, abs_tol=0.005)
    for step in (-0.1, 0.1):
        best[3] = 0.91 + step / 2
        assert nn.CrossEntropyLoss(label_smoothing=0.1)(best.log()[None], torch.tensor([3])).item() > loss
