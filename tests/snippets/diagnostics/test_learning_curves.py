"""Reading learning curves: synthetic curves get the name they were made for; so do trainings with a known reason."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch

from snippets.diagnostics.learning_curves.evidence import RUNS, SEEDS
from snippets.diagnostics.learning_curves.use import read_curves

GUESS = math.log(10)


def falling(epochs: int, floor: float = 0.1, pace: float = 8.0) -> list[float]:
    return [floor + 2.2 * math.exp(-epoch * 40 / epochs / pace) for epoch in range(epochs)]


def wobble(size: float, epochs: int) -> list[float]:
    torch.manual_seed(0)
    return (size * torch.randn(epochs)).tolist()


def plus(a: list[float], b: list[float] | float) -> list[float]:
    return [x + (b if isinstance(b, float) else b[i]) for i, x in enumerate(a)]


MADE: dict[str, Callable[[int], tuple[list[float], list[float]]]] = {
    "settled": lambda n: (falling(n), plus(falling(n), 0.05)),
    "still falling": lambda n: (falling(n, pace=60.0), plus(falling(n, pace=60.0), 0.02)),
    "gap": lambda n: (falling(n), [max(x, 0.7) for x in falling(n)]),
    "validation rises": lambda n: (falling(n), [max(x, 0.7) + max(0.0, i / n - 0.4) for i, x in enumerate(falling(n))]),
    "validation below training": lambda n: (falling(n, floor=0.5), falling(n, floor=0.2)),
    "flat": lambda n: (plus([2.3] * n, wobble(0.01, n)), plus([2.3] * n, wobble(0.01, n))),
    "diverged": lambda n: ([2.0 + 3 * epoch / n for epoch in range(n)], [2.0 + 3 * epoch / n for epoch in range(n)]),
    "noisy": lambda n: (falling(n), plus(plus(falling(n), 0.1), [0.5 * (epoch % 2) for epoch in range(n)])),
    "not finite": lambda n: ([*falling(n)[:-2], math.nan, math.nan], falling(n)),
}


@pytest.mark.parametrize("epochs", [20, 40, 200])
@pytest.mark.parametrize("name", MADE)
def test_synthetic_curves(name: str, epochs: int) -> None:
    """Each of nine synthetic shapes gets its name, at 20, 40 and 200 epochs, and in a unit 1,000 times larger."""
    train, val = MADE[name](epochs)
    assert name in read_curves(train, val)
    if name == "settled":
        assert list(read_curves(train, val)) == ["settled"]
    scaled = [[1000 * x for x in curve] for curve in (train, val)]
    assert list(read_curves(*scaled)) == list(read_curves(train, val))


def test_guessing_needs_the_constant() -> None:
    """A loss that falls from 5 to log 10 and stays there is "settled" alone, and "guessing" beside the constant."""
    curve = [GUESS + 2.7 * math.exp(-epoch / 2) for epoch in range(40)]
    assert list(read_curves(curve, curve)) == ["settled"]
    assert list(read_curves(curve, curve, guess=GUESS)) == ["guessing"]


def test_learned_before_the_first_epoch_is_flat() -> None:
    """A healthy run that starts at 0.300 and ends at 0.295, as fine-tuning may, is called flat."""
    curve = [0.295 + 0.005 * math.exp(-epoch / 3) for epoch in range(20)]
    assert list(read_curves(curve, curve)) == ["flat"]


@pytest.mark.parametrize(("train", "val"), [([1.0] * 9, [1.0] * 9), ([1.0] * 12, [1.0] * 11)])
def test_too_short_is_refused(train: list[float], val: list[float]) -> None:
    """Fewer than 10 epochs, or curves of different length, raise an error that says so."""
    with pytest.raises(ValueError, match="two curves of the same length, at least 10"):
        read_curves(train, val)


NAMES = {
    "no fault": "settled",
    "learning rate of 0": "flat",
    "learning rate too low": "still falling",
    "learning rate too high": "guessing",
    "wrong labels learned by heart": "validation rises",
    "three pixels seen": "settled",
    "training loss with dropout": "validation below training",
}


@pytest.mark.parametrize("run", RUNS)
def test_trainings_get_their_names(evidence, run: str) -> None:
    """Each training gets the name of its reason, with each of three seeds; three pixels get one of two names."""
    assert NAMES.keys() == RUNS.keys()
    curves = evidence()[run]
    assert len(curves) == SEEDS == 3
    names = {NAMES[run], "gap"} if run == "three pixels seen" else {NAMES[run]}
    assert all(names & read_curves(train, val, guess=GUESS).keys() for train, val in curves)


def test_shape_does_not_tell_the_level(evidence) -> None:
    """No fault is "settled" with each of three seeds, three pixels with one at least; their last validation losses
    differ by more than 1 with each.
    """
    good, bad = (evidence()[run] for run in ("no fault", "three pixels seen"))
    assert all(list(read_curves(train, val)) == ["settled"] for train, val in good)
    assert any(list(read_curves(train, val)) == ["settled"] for train, val in bad)
    for (_, val), (_, other_val) in zip(good, bad, strict=True):
        assert other_val[-1] - val[-1] > 1


def test_shift_by_half_an_epoch() -> None:
    """A fast fall: the mean over the epoch lies above the loss at its end, so validation seems to be below at first.

    With equal difficulty of both sets, the gap of the first of 10 epochs is above 0.5, and that of the last below 0.01.
    """
    per_step = [2.3 * math.exp(-step / 60) for step in range(1001)]
    train = [sum(per_step[100 * e : 100 * (e + 1)]) / 100 for e in range(10)]
    val = [per_step[100 * (e + 1)] for e in range(10)]
    assert train[0] - val[0] > 0.5
    assert train[-1] - val[-1] < 0.01
