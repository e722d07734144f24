"""Early stopping: the rule against torch's ReduceLROnPlateau, closed forms, and the claims of its page."""

from __future__ import annotations

import copy
import io
import math

import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from snippets.normalization.early_stopping.evidence import SEEDS, train
from snippets.normalization.early_stopping.from_scratch import after_steps, stopped_at
from snippets.normalization.early_stopping.use import EarlyStopping
from tests.support.rates import learning_rate_times

WRONG, RIGHT = "30% random labels", "right labels"


def losses(seed: int) -> list[float]:
    """A noisy curve of 60 epochs that falls and rises again."""
    generator = torch.Generator().manual_seed(seed)
    curve = (torch.linspace(0, 1, 60) - 0.5) ** 2 + 0.02 * torch.randn(60, generator=generator).abs()
    return curve.tolist()


def run(values: list[float], **settings: float | str) -> tuple[int, int]:
    """Where the class stops, and the best epoch."""
    stopping = EarlyStopping(nn.Linear(1, 1), **settings)  # type: ignore[arg-type]
    for value in values:
        if stopping(value):
            break
    return stopping.epoch, stopping.best_epoch


@pytest.mark.parametrize("patience", [1, 2, 5, 20])
@pytest.mark.parametrize("min_delta", [0.0, 0.01])
def test_equals_plateau(patience: int, min_delta: float) -> None:
    """Training stops where ReduceLROnPlateau with a patience of one less lowers the learning rate; on five curves."""
    for seed in range(5):
        values = losses(seed)
        w = torch.zeros(1, requires_grad=True)
        scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(
            torch.optim.SGD([w], lr=1.0), patience=patience - 1, threshold=min_delta, threshold_mode="abs"
        )
        lowered = None
        for epoch, value in enumerate(values):
            scheduler.step(value)
            if lowered is None and scheduler.get_last_lr()[0] < 1:
                lowered = epoch
        assert run(values, patience=patience, min_delta=min_delta)[0] == (59 if lowered is None else lowered)
        assert run(values, patience=patience, min_delta=min_delta) == stopped_at(values, patience, min_delta)
        upside_down = [-value for value in values]
        assert run(upside_down, patience=patience, min_delta=min_delta, mode="max") == stopped_at(
            values, patience, min_delta
        )


@pytest.mark.parametrize("steps", [1, 10, 200])
def test_closed_form_of_steps(steps: int) -> None:
    """After t steps of gradient descent from zero each direction has learned 1 - (1 - lr s^2 / n)^t."""
    torch.manual_seed(0)
    x = torch.randn(40, 6, dtype=torch.float64) * torch.tensor([2.0, 1, 1, 0.5, 0.3, 0.1])
    y = torch.randn(40, dtype=torch.float64)
    w = torch.zeros(6, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=0.2)
    for _ in range(steps):
        optimizer.zero_grad()
        ((x @ w - y).square().mean() / 2).backward()
        optimizer.step()
    assert torch.allclose(w, after_steps(x, y, 0.2, steps), rtol=1e-10, atol=1e-12)
    _, s, v = torch.linalg.svd(x, full_matrices=False)
    share = (v @ w.detach()) / (v @ torch.linalg.lstsq(x, y).solution)
    assert torch.allclose(share, 1 - (1 - 0.2 * s**2 / 40) ** steps, rtol=1e-8)


def test_like_a_penalty() -> None:
    """With 1 / (lr t) as its factor, ridge keeps s^2 / (s^2 + n / (lr t)): at most 0.21 from what t steps learned.

    That holds from 50 steps on and for lr s^2 < n; ten steps are too few, and beyond n the steps overshoot.
    """
    product = torch.logspace(-4, 4, 2000, dtype=torch.float64)  # lr t s^2 / n
    few = torch.linspace(0, 1, 2000, dtype=torch.float64)
    assert (1 - (1 - few) ** 10 - 10 * few / (10 * few + 1)).abs().max() > 0.21
    assert abs(1 - (1 - 1.98) ** 50 - 99 / 100) > 0.21
    for steps in (50, 51, 200, 1000, 5000):
        rate = product / steps
        usable = rate < 1
        learned = 1 - (1 - rate[usable]) ** steps
        kept = product[usable] / (product[usable] + 1)
        assert (learned - kept).abs().max() < 0.21
        assert (learned - kept).abs().max() > 0.19  # so they are not the same


def test_restores_weights_and_buffers() -> None:
    """restore() brings weights and batch-norm buffers of the best epoch back; the copy does not change meanwhile."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    stopping = EarlyStopping(model, patience=3)
    wanted = {}
    for epoch, value in enumerate([3.0, 1.0, 2.0, 2.0, 2.0]):
        optimizer.zero_grad()
        model(torch.randn(8, 3)).square().sum().backward()
        optimizer.step()
        stopped = stopping(value)
        if epoch == 1:
            wanted = copy.deepcopy(model.state_dict())
        assert stopped == (epoch == 4)
    assert any(not torch.equal(tensor, wanted[name]) for name, tensor in model.state_dict().items())
    stopping.restore()
    assert all(torch.equal(tensor, wanted[name]) for name, tensor in model.state_dict().items())
    assert {"1.running_mean", "1.num_batches_tracked"} <= wanted.keys()


def test_state_dict_is_no_copy() -> None:
    """model.state_dict() kept without a copy follows the training: loading it changes nothing."""
    model = nn.Linear(2, 2)
    kept = model.state_dict()
    copied = copy.deepcopy(kept)
    with torch.no_grad():
        model.weight.add_(1)
    assert torch.equal(kept["weight"], model.weight)
    assert not torch.equal(copied["weight"], model.weight)


def test_resumes() -> None:
    """With its state in a checkpoint the rule goes on waiting where it was; without, it waits anew."""
    values = [1.0, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]
    model = nn.Linear(2, 2)
    first = EarlyStopping(model, patience=4)
    for value in values[:4]:
        assert not first(value)
    file = io.BytesIO()
    torch.save(first.state_dict(), file)
    file.seek(0)
    second, fresh = EarlyStopping(model, patience=4), EarlyStopping(model, patience=4)
    second.load_state_dict(torch.load(file, weights_only=True))
    assert [second(value) for value in values[4:6]] == [False, True]
    assert second.best == 0.5
    assert [fresh(value) for value in values[4:]] == [False, False, False]
    assert fresh.best == 0.8


def test_nan_is_no_improvement() -> None:
    """A NaN counts as an epoch without improvement, at the start as later."""
    assert run([math.nan] * 10, patience=3) == (2, -1)
    assert run([1.0, math.nan, math.nan, math.nan, 0.5], patience=3) == (3, 0)
    for values in ([math.nan] * 10, [1.0, math.nan, math.nan, math.nan, 0.5], [math.nan, 1.0, 0.9, 0.8, 0.7, 0.6]):
        assert stopped_at(values, 3) == run(values, patience=3)


def test_refuses() -> None:
    """A patience of zero and an unknown mode are refused."""
    for settings in ({"patience": 0}, {"mode": "lower"}):
        with pytest.raises(ValueError, match="needs patience"):
            EarlyStopping(nn.Linear(1, 1), **settings)  # type: ignore[arg-type]


def test_loss_instead_of_accuracy() -> None:
    """mode="min" on an accuracy that rises stops after `patience` epochs and keeps the first; "max" keeps the last."""
    rising = [0.1 * epoch for epoch in range(10)]
    assert run(rising, patience=3) == (3, 0)
    assert run(rising, patience=3, mode="max") == (9, 9)


def test_best_of_many_is_lucky() -> None:
    """Of 50 models that are right on 90% of all images, the best on 100 validation images shows 96% on average."""
    generator = torch.Generator().manual_seed(0)
    right = torch.rand(2000, 50, 100, generator=generator) < 0.9
    shown = right.float().mean(dim=2).amax(dim=1)
    assert shown.mean().item() == pytest.approx(0.96, abs=0.006)


def accuracies(evidence, name: str, patience: int) -> tuple[Tensor, Tensor]:
    """Test accuracy of the kept and of the last epoch, for each seed."""
    ends = [(log, stopped_at(log["loss"], patience)) for log in evidence()[name]]
    return tuple(torch.tensor([log["accuracy"][end[i]] for log, end in ends]) for i in (1, 0))  # type: ignore[return-value]


def test_wrong_labels(evidence) -> None:
    """With random labels each patience keeps weights that are over four points better than the last, in the mean.

    With 10 the training is over before epoch 30 on average.
    At 0.3 times the learning rate no patience keeps weights that are better by two points, in the mean.
    """
    _, without = accuracies(evidence, WRONG, 40)
    for patience in (1, 3, 10):
        kept, _ = accuracies(evidence, WRONG, patience)
        assert (kept - without).mean() > 0.04
    assert sum(stopped_at(log["loss"], 10)[0] + 1 for log in evidence()[WRONG]) / SEEDS < 30
    data = load_digits()
    x, y = torch.tensor(data.data, dtype=torch.float32) / 16, torch.tensor(data.target)
    with learning_rate_times(0.3):
        slow = {WRONG: [train(0.3, seed, x, y) for seed in range(SEEDS)]}
    _, without = accuracies(lambda: slow, WRONG, 40)
    for patience in (1, 3, 10):
        kept, _ = accuracies(lambda: slow, WRONG, patience)
        assert kept.mean() < without.mean() + 0.02


def test_right_labels(evidence) -> None:
    """With right labels no patience is half a point better on average than 40 epochs."""
    _, without = accuracies(evidence, RIGHT, 40)
    for patience in (1, 3, 10):
        kept, _ = accuracies(evidence, RIGHT, patience)
        assert kept.mean() < without.mean() + 0.005
