"""The rules that read loss curves: each shape is seen in curves made for it, and not in one that falls and ends low."""

from __future__ import annotations

import math
import random

import pytest

from scripts.generate import reader
from scripts.generate.phrases import SHAPES

Curve = list[float]
NOISE = random.Random(0)


def falling(n: int = 40, start: float = 2.3, end: float = 0.1, noise: float = 0.05) -> Curve:
    """A loss that falls quickly and ends low."""
    fall = [end + (start - end) * math.exp(-8 * i / n) for i in range(n)]
    return [value * (1 + noise * NOISE.uniform(-1, 1)) for value in fall]


def log(**series: Curve) -> str:
    rows = zip(*series.values(), strict=True)
    names = [name.replace("_", " ") for name in series]
    return "\n".join(
        f"step {i:3}  " + "  ".join(f"{name} {value:.5g}" for name, value in zip(names, row, strict=True))
        for i, row in enumerate(rows)
    )


def with_peaks() -> Curve:
    curve = falling()
    curve[20], curve[31] = 3.0, 2.0
    return curve


MADE: dict[str, list[str]] = {
    "lost": [log(loss=[*falling(20), math.nan, *falling(19)]), log(loss=[*falling(30), *[math.inf] * 10])],
    "negative": [log(loss=[2 - 0.2 * i for i in range(40)])],
    "explodes": [
        log(loss=[2.0 * 1.3**i for i in range(30)]),
        log(loss=[2.0, 1.9, 1.8, *[2.0 * 1.5**i for i in range(20)]]),
    ],
    "zero": [log(loss=[2.3, 0.4, *[1e-5] * 30]), log(loss=[0.0] * 20)],
    "flat": [log(loss=[2.303 + 0.01 * NOISE.uniform(-1, 1) for _ in range(40)]), log(loss=[0.6931] * 12)],
    "slow": [log(loss=[2.3 - 0.02 * i for i in range(40)])],
    "plateau": [log(loss=[max(1.2, 2.3 - 0.1 * i) for i in range(40)])],
    "oscillates": [log(loss=[1.5 + (0.6 if i % 2 else -0.6) for i in range(40)])],
    "spikes": [log(loss=with_peaks())],
    "gap": [
        log(loss=falling(), val_loss=falling(end=1.0)),
        log(loss=falling(), train_accuracy=[0.99] * 40, test_accuracy=[0.7] * 40),
    ],
    "rises-again": [log(loss=falling(), val_loss=[*falling(20, end=0.5), *[0.5 + 0.05 * i for i in range(20)]])],
    "noisy": [
        log(loss=falling(), val_loss=[0.6 + (0.2 if i % 2 else -0.2) for i in range(40)]),
        log(loss=falling(), val_accuracy=[0.8 + (0.08 if i % 2 else -0.08) for i in range(40)]),
    ],
}


def test_every_shape_is_tried():
    assert set(MADE) == set(SHAPES)


@pytest.mark.parametrize("shape", MADE)
def test_shape_is_seen(shape: str):
    for text in MADE[shape]:
        assert shape in reader.shapes(text), f"{reader.shapes(text)} in\n{text}"


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize("n", [12, 40, 400])
def test_a_good_curve_has_none(n: int, scale: float):
    """At any size of the loss, and for few points as for many."""
    good = [scale * value for value in falling(n)]
    assert reader.shapes(log(loss=good)) == []
    assert reader.shapes(log(loss=good, val_loss=[1.1 * value for value in good])) == []


def test_peaks_that_nobody_sees_are_none():
    """A loss near 0 may jump to five times its level; beside the start of the run that is nothing."""
    curve = falling(end=0.01)
    curve[25], curve[33] = 0.06, 0.05
    assert reader.shapes(log(loss=curve)) == []


CURVE = falling(20, end=1.5)
FORMS = {
    "numbers": "\n".join(map(str, CURVE)),
    "csv": "epoch,loss\n" + "\n".join(f"{i},{v}" for i, v in enumerate(CURVE)),
    "tsv": "epoch\ttrain_loss\n" + "\n".join(f"{i}\t{v}" for i, v in enumerate(CURVE)),
    "semicolons": '"epoch";"loss"\n' + "\n".join(f"{i};{v}" for i, v in enumerate(CURVE)),
    "keras": "\n".join(f"{i}/20 [====] - 2s 5ms/step - loss: {v:.4f} - accuracy: 0.8" for i, v in enumerate(CURVE)),
    "epochs": "\n".join(f"Epoch {i + 1}/20, Loss: {v:.4f}" for i, v in enumerate(CURVE)),
    "equals": "\n".join(f"[2026-01-01 10:00:{i:02}] INFO step={i} loss={v:.3e} lr=1e-3" for i, v in enumerate(CURVE)),
    "windows": "\r\n".join(map(str, CURVE)),
}


@pytest.mark.parametrize("form", FORMS)
def test_forms_of_logs(form: str):
    """The same curve is the same shape in every form, and nothing else of the log is taken for a loss."""
    assert reader.shapes(FORMS[form]) == ["plateau"]


@pytest.mark.parametrize(
    "text", ["", "hello", "loss", "1", "a,b\n1,2", "loss: 2.3\nloss: 2.2", "RuntimeError: shape [3, 4]"]
)
def test_nothing_is_made_of_little(text: str):
    assert reader.shapes(text) == []
