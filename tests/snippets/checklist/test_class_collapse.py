"""class-collapse: what it looks like, and every cause of it planted."""

from __future__ import annotations

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from snippets.checklist.class_collapse import check
from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """In the end nearly all predictions are the same class, which is far from most frequent in the validation set."""
    return run.last("most predicted") > 0.95


@causes("class-collapse")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def frozen_inside() -> nn.Sequential:
    """A model in training mode whose normalization is frozen in evaluation mode."""
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2)).train()
    model[1].eval()
    return model


def test_each_module_keeps_its_own_mode() -> None:
    """A layer frozen in evaluation mode is still frozen after a check."""
    model, x, y = frozen_inside(), torch.randn(64, 4), torch.arange(64) % 2
    check.outputs_ignore_the_inputs(model, x)
    check.rare_class_is_known_but_never_said(model, x, y, y)
    assert model.training
    assert not model[1].training


def test_blocks_are_seen_at_every_batch_size() -> None:
    """A batch of one holds one class, sorted or not; and the loader's own generator is set back."""
    y = torch.arange(640) // 64
    data = TensorDataset(y[:, None].float(), y)
    for size in (1, 2, 8, 64):
        generator = torch.Generator().manual_seed(0)
        shuffled = DataLoader(data, size, shuffle=True, generator=generator)
        before = generator.get_state()
        assert not check.labels_come_in_blocks(shuffled, y)
        assert torch.equal(before, generator.get_state())
        assert check.labels_come_in_blocks(DataLoader(data, size), y)


def test_sigmoids_are_all_positive() -> None:
    """Probabilities below one half are predictions of class 0, with no argmax at fault."""
    low, high = torch.full((9, 1), 0.2), torch.full((9, 1), 0.8)
    zeros = torch.zeros(9).long()
    assert not check.argmax_of_one_column(low, zeros)
    assert check.argmax_of_one_column(high, zeros)
    assert check.argmax_of_one_column(5 * high, zeros)


def test_outputs_of_zero_ignore_the_inputs() -> None:
    """A last layer that stayed at zero gives the same output for all inputs."""
    model = nn.Linear(4, 3)
    nn.init.zeros_(model.weight)
    nn.init.zeros_(model.bias)
    assert check.outputs_ignore_the_inputs(model, torch.randn(20, 4))


def test_a_rare_class_needs_samples_on_both_sides() -> None:
    """One missed sample is no collapse, and a class that training never had is not known."""
    scores = torch.zeros(100, 3)
    scores[:50, 0], scores[50:, 1] = 5.0, 5.0
    x_val, y_val = scores, torch.cat([torch.zeros(50), torch.ones(50)]).long()
    often = torch.cat([torch.arange(300) % 2, torch.full((20,), 2)])
    for number, y_train, found in ((1, often, False), (20, often[:300], False), (20, often, True)):
        x, y = x_val.clone(), y_val.clone()
        x[:number, 2], y[:number] = 4.0, 2
        assert bool(check.rare_class_is_known_but_never_said(nn.Identity(), x, y, y_train)) == found


def test_pos_weight_has_to_be_a_tensor() -> None:
    """A plain number is refused."""
    try:
        nn.BCEWithLogitsLoss(pos_weight=29.0)  # type: ignore[arg-type]
    except TypeError:
        return
    raise AssertionError
