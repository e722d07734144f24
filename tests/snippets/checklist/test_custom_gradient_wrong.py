"""custom-gradient-wrong: what it looks like, and every cause of it planted."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from snippets.checklist.custom_gradient_wrong import check
from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """After all steps fewer than half of the answers are right."""
    return run.last("accuracy") < 0.5


@causes("custom-gradient-wrong")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_sound_losses_agree_with_their_differences() -> None:
    """Class weights, probabilities, real targets, float32 inside, chance inside, many places, no reduction."""
    torch.manual_seed(0)
    classes, outputs = torch.randint(5, (8,)), torch.randn(8, 5)
    pixels = torch.randint(5, (8, 32, 32))
    asked = [
        (nn.CrossEntropyLoss(weight=torch.rand(5)), outputs, classes),
        (nn.CrossEntropyLoss(reduction="none"), outputs, classes),
        (nn.CrossEntropyLoss(), torch.randn(8, 5, 32, 32), pixels),
        (nn.BCELoss(), torch.rand(8, 1), torch.rand(8, 1).round()),
        (nn.MSELoss(), outputs, torch.randn(8, 5)),
        (lambda z, y: functional.cross_entropy(z.float(), y), outputs, classes),
        (lambda z, y: functional.cross_entropy(functional.dropout(z, 0.5), y), outputs, classes),
    ]
    for loss_fn, given, targets in asked:
        assert not check.loss_against_differences(loss_fn, given, targets)
        assert not check.loss_without_slope(loss_fn, given, targets)


def test_layers_that_change_in_training_mode_are_left_as_they_are() -> None:
    """Batch normalization and dropout in training mode scale with the loss, and keep their statistics."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 3))
    model[1].eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.get_rng_state()
    inputs, targets = torch.randn(16, 4), torch.randint(3, (16,))
    assert not check.gradient_that_ignores_the_loss(model, nn.CrossEntropyLoss(), inputs, targets)
    model[1].train()
    assert not check.gradient_that_ignores_the_loss(model, nn.CrossEntropyLoss(), inputs, targets)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not torch.equal(state, torch.get_rng_state())  # the inputs were drawn; the check draws nothing
    state = torch.get_rng_state()
    check.gradient_that_ignores_the_loss(model, nn.CrossEntropyLoss(), inputs, targets)
    assert torch.equal(state, torch.get_rng_state())


def test_a_flat_score_with_a_minus_is_found_and_argmax_cuts_the_graph() -> None:
    """Minus the share of rounded outputs that are right has a gradient of 0; argmax and comparisons have none."""
    outputs, targets = torch.randn(8, 5), torch.randint(5, (8,))

    def minus_score(z: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return -(z.sigmoid().round() * functional.one_hot(y, 5)).sum(1).mean() - 1

    assert "exactly 0" in str(check.loss_without_slope(minus_score, outputs, targets))
    for hard in (lambda z, y: -(z.argmax(1) == y).float().mean(), lambda z, y: (z > 0).float().mean()):
        assert "graph was cut" in str(check.loss_without_slope(hard, outputs, targets))


def test_only_data_escapes_autograd() -> None:
    """A weight that is changed under no_grad before backward is an error; one that is changed by .data is not."""
    for change, error in ((lambda w: w.mul_(2), True), (lambda w: w.data.mul_(2), False)):
        weight = torch.ones(1, requires_grad=True)
        loss = weight**2
        with torch.no_grad():
            change(weight)
        if error:
            with pytest.raises(RuntimeError, match="modified by an inplace operation"):
                loss.backward()
        else:
            loss.backward()
            assert weight.grad is not None
            assert weight.grad.item() == 4  # and not 2
