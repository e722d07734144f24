"""Random labels: faults that the test finds and does not find, and how an MLP memorizes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from snippets.diagnostics.random_label_test.evidence import EVERY, PROGRAMS, SEEDS, STEPS
from snippets.diagnostics.random_label_test.use import Scores, random_label_test

Data = tuple[Tensor, Tensor]


def fit(x: Tensor, y: Tensor, x_val: Tensor, y_val: Tensor, hidden: int = 64) -> tuple[float, float]:
    """Training and validation accuracy of an MLP, or of a linear model with no hidden units, after 150 full batches."""
    classes = int(y.max()) + 1
    width = max(hidden, 1)
    mlp = nn.Sequential(nn.Linear(x.shape[1], width), nn.ReLU(), nn.Linear(width, classes))
    model = mlp if hidden else nn.Linear(x.shape[1], classes)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(150):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
    train, val = ((model(a).argmax(1) == b).float().mean().item() for a, b in ((x, y), (x_val, y_val)))
    return train, val


def data(columns: int = 20, count: int = 400) -> Data:
    """Two classes that differ in one column."""
    torch.manual_seed(0)
    y = torch.arange(count) % 2
    x = torch.randn(count, columns)
    x[:, 0] += 4 * y
    return x, y


def honest(x: Tensor, y: Tensor) -> tuple[float, float]:
    return fit(x[:200], y[:200], x[200:], y[200:])


def selecting(x: Tensor, y: Tensor) -> tuple[float, float]:
    """Of many columns those are kept that agree with all labels."""
    return honest(x[:, ((y - 0.5) @ x).abs().topk(20).indices], y)


def misaligned(x: Tensor, y: Tensor) -> tuple[float, float]:
    """Labels are put into another order than the inputs."""
    return honest(x, y[torch.randperm(len(y), generator=torch.Generator().manual_seed(5))])


def linear(x: Tensor, y: Tensor) -> tuple[float, float]:
    return fit(x[:200], y[:200], x[200:], y[200:], hidden=0)


CASES: dict[str, tuple[Callable[[Tensor, Tensor], tuple[float, float]], int, list[str]]] = {
    "sound": (honest, 20, []),
    "selection": (selecting, 1000, ["something leaks"]),
    "misaligned": (
        misaligned,
        20,
        ["hardly predicted better than by the commonest class", "fitted as shuffled ones are"],
    ),
    "linear": (linear, 20, ["small, regularized or short"]),
}


@pytest.mark.parametrize("case", CASES)
def test_finds_three_faults(case: str) -> None:
    """A selection on all labels, misaligned labels, a linear model: each has its finding, and a sound program none."""
    program, columns, expected = CASES[case]
    x, y = data(columns)
    scores = random_label_test(program, x, y, runs=2, generator=torch.Generator().manual_seed(1))
    found = scores.findings()
    assert len(found) == len(expected), found
    assert all(part in sentence for part, sentence in zip(expected, found, strict=True))
    assert scores.chance == 0.5


def test_shuffles_all_labels() -> None:
    """The first call has the labels as given; the others a permutation of them; scores are means."""
    seen = []

    def fit_and_score(x: Tensor, y: Tensor) -> tuple[float, float]:
        seen.append(y)
        return float(len(seen)), -float(len(seen))

    y = torch.arange(30) % 3
    scores = random_label_test(fit_and_score, torch.zeros(30, 1), y, generator=torch.Generator().manual_seed(0))
    assert scores == Scores(1.0, -1.0, 3.0, -3.0, 1 / 3)
    assert torch.equal(seen[0], y)
    for shuffled in seen[1:]:
        assert torch.equal(torch.bincount(shuffled), torch.bincount(y))
        assert not torch.equal(shuffled, y)
    assert not torch.equal(seen[1], seen[2])


def curves(evidence: Any, program: str, which: str) -> Tensor:
    """Accuracies, (seeds, points)."""
    numbers = evidence()
    assert list(numbers) == list(PROGRAMS)
    found = torch.tensor([run[which] for run in numbers[program]])
    assert found.shape == (SEEDS, STEPS // EVERY + 1) == (3, 17)
    return found


MLPS, LINEAR = PROGRAMS[:5], PROGRAMS[5]


def test_mlp_memorizes(evidence: Any) -> None:
    """Last training accuracy: over 0.98 with each seed in five programs, under 0.5 for the linear model."""
    for program in MLPS:
        assert curves(evidence, program, "train")[:, -1].min() > 0.98, program
    assert curves(evidence, LINEAR, "train")[:, -1].max() < 0.5


def steps(evidence: Any, program: str) -> int:
    """Steps until the mean training accuracy is 0.95, as in the table; at 0.99 a single image decides."""
    return int((curves(evidence, program, "train").mean(0) >= 0.95).nonzero()[0]) * EVERY


def test_true_labels_are_faster(evidence: Any) -> None:
    """95% of random labels take at least three times as many steps as of true ones."""
    assert steps(evidence, "random labels") >= 3 * steps(evidence, "true labels")


def test_nothing_to_generalize(evidence: Any) -> None:
    """Random labels, with and without dropout and linear, and noise: last test accuracy 0.1 within 0.05, each seed."""
    for program in PROGRAMS[2:]:
        last = curves(evidence, program, "test")[:, -1]
        assert last.tolist() == pytest.approx([0.1] * SEEDS, abs=0.05), program
    assert curves(evidence, "true labels", "test")[:, -1].min() > 0.9


def test_patterns_come_first(evidence: Any) -> None:
    """Half of the labels random: mean test accuracy above 0.8 within 150 steps, below 0.6 at the end."""
    mean = curves(evidence, "half of the labels random", "test").mean(0)
    assert mean[: 150 // EVERY + 1].max() > 0.8
    assert mean[-1] < 0.6


def test_dropout_slows_memorizing(evidence: Any) -> None:
    """95% of random labels: more steps with dropout than without, and reached before the end."""
    assert steps(evidence, "random labels") < steps(evidence, "random labels, dropout 0.5") < STEPS


def test_random_labels_take_longer(evidence: Any) -> None:
    """After 100 steps: over 0.98 of true labels on average, under 0.55 of random ones with each seed."""
    at = 100 // EVERY
    assert curves(evidence, "true labels", "train")[:, at].mean() > 0.98
    assert curves(evidence, "random labels", "train")[:, at].max() < 0.55


def test_chance_is_the_commonest_class() -> None:
    """Nine of ten samples of one class: shuffled labels are predicted in over 75% of cases, and no leak is found.

    Real labels that are learned to 97% are no finding there, and each fault is one.
    """
    x, _ = data()
    y = (torch.arange(400) % 10 == 0).long()
    scores = random_label_test(honest, x, y, runs=2, generator=torch.Generator().manual_seed(0))
    assert scores.chance == pytest.approx(0.9)
    assert scores.shuffled_val > 0.75
    assert not any("leaks" in finding for finding in scores.findings())
    assert Scores(train=1.0, val=0.97, shuffled_train=1.0, shuffled_val=0.9, chance=0.9).findings() == []
    for wrong in ({"shuffled_val": 0.97}, {"val": 0.91}, {"shuffled_train": 0.91}):
        right = {"train": 1.0, "val": 0.97, "shuffled_train": 1.0, "shuffled_val": 0.9, "chance": 0.9}
        assert len(Scores(**(right | wrong)).findings()) == 1 + ("val" in wrong)


def split_at_random(x: Tensor, y: Tensor) -> tuple[float, float]:
    order = torch.randperm(len(x), generator=torch.Generator().manual_seed(3))
    return honest(x[order], y[order])


def test_copies_outside_are_not_found() -> None:
    """Each sample four times before a random split: found if the copies are made inside of the function, else not."""
    x, y = data(count=100)

    def oversampling(a: Tensor, b: Tensor) -> tuple[float, float]:
        return split_at_random(a.repeat(4, 1), b.repeat(4))

    inside = random_label_test(oversampling, x, y, runs=2, generator=torch.Generator().manual_seed(0))
    outside = random_label_test(split_at_random, x.repeat(4, 1), y.repeat(4), 2, torch.Generator().manual_seed(0))
    assert any("leaks" in finding for finding in inside.findings())
    assert not any("leaks" in finding for finding in outside.findings())


def test_label_in_a_feature_is_not_found() -> None:
    """A column that is the label: 1.0 with real labels, and no leak is found."""
    x, y = data()
    x = torch.cat([x, 10.0 * y[:, None]], dim=1)
    scores = random_label_test(honest, x, y, runs=2, generator=torch.Generator().manual_seed(0))
    assert scores.val > 0.99
    assert scores.findings() == []


def test_luck_with_few_samples() -> None:
    """Binomial tails: more than 30 of 50 in 6% of cases, more than 90 of 150 in less than 1%."""

    def above(count: int) -> float:
        return sum(math.comb(count, k) for k in range(int(0.6 * count) + 1, count + 1)) / 2**count

    assert above(50) == pytest.approx(0.06, abs=0.005)
    assert above(150) < 0.01
