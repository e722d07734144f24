"""loss-oscillates: what it looks like, and every cause of it planted."""

from __future__ import annotations

import contextlib
import io
import math
from itertools import pairwise
from statistics import fmean
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from snippets.checklist.loss_oscillates import check
from tests.support.planted import Record, Run, causes, program, prove


def shows(run: Run) -> bool:
    """In the last third, one printed loss differs from the next by a tenth of the first loss, on average."""
    losses = run.series("loss")
    late = losses[-len(losses) // 3 :]
    return fmean(abs(b - a) for a, b in pairwise(late)) > 0.1 * losses[0]


@causes("loss-oscillates")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_a_warm_up_from_zero_is_no_swing() -> None:
    """It rises once, and a cosine with too short a period rises once in each period."""
    rise = [step / 100 for step in range(100)]
    assert not check.rises_of_the_learning_rate(rise + rise[::-1])
    cosine = [0.55 + 0.45 * math.cos(2 * math.pi * step / 60) for step in range(301)]
    assert "5 times" in str(check.rises_of_the_learning_rate(cosine))


def test_order_of_labels_with_two_classes_rare_ones_and_masks() -> None:
    """Sorted halves and sorted rare samples are found; a shuffled set is not, nor the neighbouring pixels of a mask."""
    torch.manual_seed(0)
    mask = (torch.arange(40) < 20).long().repeat(200, 1)
    mask[:, 0] = torch.randint(2, (200,))
    for y in ((torch.arange(2000) < 1000).long(), (torch.arange(2000) < 60).long()):
        data = TensorDataset(torch.zeros(len(y)), y)
        assert check.neighbours_with_equal_labels(DataLoader(data, 20))
        assert not check.neighbours_with_equal_labels(DataLoader(data, 20, shuffle=True))
    assert not check.neighbours_with_equal_labels(DataLoader(TensorDataset(torch.zeros(200), mask), 20))
    padded = torch.full((40,), -100)
    assert not check.neighbours_with_equal_labels(DataLoader(TensorDataset(torch.zeros(40), padded), 20))


def test_fresh_gradients_leave_the_running_statistics() -> None:
    """Up to a hundred passes in training mode change no buffer; a loader of one batch has nothing to compare."""
    model = nn.Sequential(nn.BatchNorm1d(4), nn.Linear(4, 2)).train()
    x, y, loss_fn = torch.randn(64, 4), torch.arange(64) % 2, nn.CrossEntropyLoss()
    loss_fn(model(x), y).backward()
    before = [buffer.clone() for buffer in model.buffers()]
    data = TensorDataset(x, y)
    assert not check.gradients_that_pile_up(model, loss_fn, x, y, DataLoader(data, 16))
    assert all(torch.equal(a, b) for a, b in zip(before, model.buffers(), strict=True))
    assert not check.batches_that_differ_at_fixed_weights(model, loss_fn, DataLoader(data, 64), [1.0, 0.5])


@pytest.mark.parametrize("seed", [0, 1])
def test_piled_up_gradients_are_found_whatever_the_order(seed: int) -> None:
    """From two starts and in three orders of the batches, of which one may be far steeper than the others."""
    for role in ("broken", "fixed"):
        code = program("loss-oscillates/gradients-never-zeroed", role).read_text(encoding="utf-8")
        names: dict[str, Any] = {}
        with contextlib.redirect_stdout(io.StringIO()):
            exec(code.replace("manual_seed(0)", f"manual_seed({seed})"), names)
        given = [names[name] for name in ("model", "loss_fn", "inputs", "targets", "train_loader")]
        for order in (0, 1000, 2000):
            torch.manual_seed(order)
            assert bool(check.gradients_that_pile_up(*given)) == (role == "broken")


class Net(nn.Module):
    """A body with dropout and batch norm, a recurrent layer with a rate of its own, and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5))
        self.rnn = nn.GRU(8, 8, num_layers=2, dropout=0.1)
        self.head = nn.Linear(8, 2)


def test_training_mode_frozen_parts_and_single_layers_are_sound() -> None:
    """Also a network that has nothing to switch off, and rates of 0."""
    model = Net().train()
    assert not check.still_in_evaluation_mode(model)
    model.body[1].eval()
    model.body[3].eval()
    assert not check.still_in_evaluation_mode(model)
    model.body.eval().requires_grad_(False)
    assert not check.still_in_evaluation_mode(model)
    plain = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.0), nn.LSTM(4, 4)).eval()
    assert not check.still_in_evaluation_mode(plain)


def test_a_part_or_a_single_layer_left_in_evaluation_mode_is_found() -> None:
    """The whole model, a trained part of it, a recurrent layer that is the model; modes stay as they were."""
    model = Net().eval()
    assert "trained: 3, such as body.1 (BatchNorm1d), body.3 (Dropout), rnn (GRU)" in check.still_in_evaluation_mode(
        model
    )
    model.train()
    model.body.eval()
    assert "trained: 2," in check.still_in_evaluation_mode(model)
    assert model.training
    assert model.rnn.training
    assert not model.body[3].training
    assert "the model (GRU)" in check.still_in_evaluation_mode(model.rnn.eval())
