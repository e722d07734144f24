"""too-good-to-be-true: what it looks like, and every cause of it planted."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.datasets import load_iris
from torch import nn
from torch.utils.data import TensorDataset, random_split

from snippets.checklist.too_good_to_be_true import check
from tests.support.planted import Record, Run, causes, program, prove, run


def shows(run: Run) -> bool:
    """The score on the validation set is far above the score on data that nobody has touched."""
    return run.last("val score") - run.last("new score") > 0.12


@causes("too-good-to-be-true")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_padding_is_no_shared_moment() -> None:
    """Zeros at the end of every window occur on both sides of any split; overlapping windows are found all the same."""
    torch.manual_seed(0)
    apart = torch.randn(200, 20, 3)
    apart[:, 12:] = 0.0
    assert not check.moments_across_the_split(apart[:150], apart[150:])
    signal = torch.randn(2020, 3)
    windows = torch.stack([signal[start : start + 20] for start in range(0, 2000, 5)])
    assert check.moments_across_the_split(windows[::2], windows[1::2])


def test_an_honest_feature_and_rows_of_categories() -> None:
    """The check speaks of the petals of irises, and of rows of four categories, as the page says."""
    iris = load_iris()
    found = check.one_feature_tells_all(torch.tensor(iris.data), torch.tensor(iris.target))
    assert f"feature {iris.feature_names.index('petal width (cm)')} alone" in found
    rows = torch.randint(0, 3, (2000, 4))
    assert check.copies_across_the_split(rows[:1600], rows[1600:])


def test_nan_ranks_first() -> None:
    """Where the own score, the others' or both are NaN, none of the others is counted; among finite ones some are."""
    own, others = torch.tensor(0.0), torch.linspace(-1, 1, 100)
    nan = torch.tensor(torch.nan)
    assert int((others > own).sum()) == 50
    for scores, score in ((others, nan), (others * nan, own), (others * nan, nan)):
        assert int((scores > score).sum()) == 0


def test_pairs_in_other_shapes() -> None:
    """Columns of an edge index, and pairs of vectors, are found; rows that are no pairs are not looked at."""
    torch.manual_seed(0)
    edges = torch.combinations(torch.arange(60))[torch.randperm(1770)[:800]]
    both = torch.cat([edges, edges.flip(1)])[torch.randperm(1600)]
    train, val = both[:1400], both[1400:]
    vectors = torch.randn(60, 5)
    for a, b in ((train, val), (train.T, val.T), (vectors[train], vectors[val])):
        assert "the other way round" in check.pairs_the_other_way_round(a, b)
    assert not check.copies_across_the_split(train, val)
    for a, b in (
        (torch.randn(90, 30), torch.randn(9, 30)),
        (torch.randn(90), torch.randn(9)),
        (both[:, 0], both[:, 1]),
    ):
        assert check.pairs_the_other_way_round(a, b) is None


def test_sound_pairs() -> None:
    """Silent: one row a pair, both directions on one side, points in the plane, loops, ids of users and items."""
    torch.manual_seed(0)
    edges = torch.combinations(torch.arange(60))[torch.randperm(1770)[:800]]
    train, val = edges[:700], edges[700:]
    assert not check.pairs_the_other_way_round(train, val)
    assert not check.pairs_the_other_way_round(torch.cat([train, train.flip(1)]), torch.cat([val, val.flip(1)]))
    assert not check.pairs_the_other_way_round(torch.randn(500, 2), torch.randn(100, 2))
    loops = torch.arange(50).repeat(2, 1).T
    assert not check.pairs_the_other_way_round(loops, loops)
    for users in (20, 200):  # bought by chance, low numbers more often
        bought = (torch.rand(3000, 2).square() * users).long()
        assert not check.pairs_the_other_way_round(bought[:2500], bought[2500:])


def of(order: list[int]) -> tuple[list[int], list[int]]:
    """Four fifths to train on, the rest to validate on."""
    return order[: len(order) * 4 // 5], order[len(order) * 4 // 5 :]


@pytest.mark.parametrize(
    "permute",
    [
        lambda n: torch.randperm(n).tolist(),
        lambda n: np.random.permutation(n).tolist(),
        lambda n: random.sample(range(n), n),
        lambda n: random_split(TensorDataset(torch.arange(n)), [n])[0].indices,
    ],
)
def test_a_split_by_any_global_generator_is_found(permute: Callable[[int], list[int]]) -> None:
    """torch, NumPy and Python; as tensors, arrays or lists; no state of theirs is changed."""
    before = torch.get_rng_state(), str(np.random.get_state()), random.getstate()
    for kind in (list, np.array, torch.tensor):
        found = str(check.split_drawn_anew(lambda n, kind=kind: tuple(map(kind, of(permute(n)))), torch.zeros(500)))
        seen, fresh = int(found.split()[3]), int(found.split(", and ")[1].split()[0])
        assert seen == fresh > 50, found
    assert torch.equal(before[0], torch.get_rng_state())
    assert before[1:] == (str(np.random.get_state()), random.getstate())


def test_splits_that_every_start_draws_alike() -> None:
    """Own generators, a seed set inside, the last rows; another order of the same training rows."""
    for split in (
        lambda n: of(torch.randperm(n, generator=torch.Generator().manual_seed(3)).tolist()),
        lambda n: of(np.random.default_rng(0).permutation(n).tolist()),
        lambda n: of(random.Random(0).sample(range(n), n)),
        lambda n: of(list(range(n))),
        lambda n: (torch.randperm(n - 100), torch.arange(n - 100, n)),
    ):
        assert not check.split_drawn_anew(split, torch.zeros(500))


def test_a_labelled_set_that_grows_is_found_though_the_test_set_is_apart() -> None:
    """Forty labelled rows of a thousand, drawn anew; validation rows are always the same and never among them."""
    found = check.split_drawn_anew(
        lambda n: (torch.randperm(n - 100)[:40], torch.arange(n - 100, n)), torch.zeros(1000)
    )
    assert "0 of 100 validation rows" in str(found)
    assert int(str(found).split(", and ")[1].split()[0]) > 30


def changed(cause: str, role: str, folder: Path, seed: int, **lines: str) -> Run:
    """A program with another seed and another line; the names of ``lines`` only tell them apart."""
    text = program(f"too-good-to-be-true/{cause}", role).read_text(encoding="utf-8")
    for line in lines.values():
        old, new = line.split(" => ")
        assert text.count(old) == 1
        text = text.replace(old, new)
    path = folder / f"{role}_{seed}_{len(lines)}.py"
    path.write_text(text.replace("manual_seed(0)", f"manual_seed({seed})"), encoding="utf-8")
    return run(path)


def test_own_label_in_training_rows(tmp_path: Path) -> None:
    """Rates of the training rows, in these rows as well: no gap to new rows, but worse than out of fold; six seeds."""
    gaps, losses = [], []
    for seed in range(6):
        half = changed(
            "encoded-with-own-label",
            "broken",
            tmp_path,
            seed,
            rate="= rates(shop, y) => = rates(shop[:1920], y[:1920])",
        )
        cured = changed("encoded-with-own-label", "fixed", tmp_path, seed)
        gaps.append(half.last("val score") - half.last("new score"))
        losses.append(cured.last("new score") - half.last("new score"))
    assert abs(sum(gaps) / len(gaps)) < 0.03
    assert min(losses) > 0.02


def test_honest_metric_of_a_dead_model(tmp_path: Path) -> None:
    """With half of the ties counted as higher, the broken metric is 0; the loss ends at log 2, scores at 0."""
    for seed in range(3):
        honest = "(scores > own).sum(dim=1) => (scores > own).sum(dim=1) + ((scores == own).sum(dim=1) - 1) / 2"
        dead = changed("ties-count-as-wins", "broken", tmp_path, seed, honest=honest)
        assert dead.last("val score") == 0
        assert abs(dead.names["loss"].item() - math.log(2)) < 1e-6
        assert not dead.names["model"](dead.names["x_val"]).any()


def test_ties_in_other_shapes() -> None:
    """Found: saturated, rounded, NaN scores, scores of every position. Silent: other metrics, few ties or classes."""
    torch.manual_seed(0)
    x, y = torch.randn(200, 5, 100), torch.randint(100, (200, 5))
    squash, spoil = nn.Sigmoid(), nn.Threshold(1e9, float("nan"))
    for model, scores in ((squash, 1e3 * x), (nn.Identity(), x.round()), (spoil, x), (squash, 1e3 * x[:, 0])):
        labels = y if scores.dim() == 3 else y[:, 0]
        own = model(scores).gather(-1, labels[..., None])
        reported = ((model(scores) > own).sum(dim=-1) < 10).double().mean().item()
        assert "counts as lost" in check.ties_that_count_as_wins(model, scores, labels, reported)
        honest = ((~(model(scores) < own)).sum(dim=-1) <= 10).double().mean().item()
        assert check.ties_that_count_as_wins(model, scores, labels, honest) is None
    reported = ((x > x.gather(-1, y[..., None])).sum(dim=-1) < 10).double().mean().item()
    assert check.ties_that_count_as_wins(nn.Identity(), x, y, reported) is None
    assert (
        check.ties_that_count_as_wins(nn.Identity(), torch.zeros(50, 3), torch.zeros(50, dtype=torch.long), 1.0) is None
    )


def test_negatives_drawn_blindly(tmp_path: Path) -> None:
    """Means of three seeds: after the cure the two scores differ by less than 0.03, before it by more than 0.15."""
    gaps = {
        role: [
            one.last("val score") - one.last("new score")
            for one in (changed("test-negatives-trained", role, tmp_path, seed) for seed in range(3))
        ]
        for role in ("fixed", "broken")
    }
    assert abs(sum(gaps["fixed"])) / 3 < 0.03
    assert sum(gaps["broken"]) / 3 > 0.15


def test_negatives_of_other_sampling() -> None:
    """Found: a part of them, vectors. Silent: drawn by chance, on one side, three classes, one class, few rows."""
    torch.manual_seed(0)
    pool = torch.cartesian_prod(torch.arange(100), torch.arange(50))[torch.randperm(5000)]
    positive, held, rest = pool[:800], pool[800:1000], pool[1000:]
    y_train, y_val = (torch.cat([torch.ones(n), torch.zeros(m)]) for n, m in ((800, 2000), (200, 1000)))
    x_train = torch.cat([positive, rest[:2000]])
    for first in (0, 1000, 1500):  # all, all, half of the negatives of the validation are trained
        x_val = torch.cat([held, rest[first : first + 1000]])
        assert "0% of the right ones" in check.negatives_trained_as_negatives(x_train, y_train, x_val, y_val)
    vectors = torch.randn(100, 50, 3)
    a, b = (vectors[x[:, 0], x[:, 1]] for x in (x_train, x_val))
    assert check.negatives_trained_as_negatives(a, y_train, b, y_val)
    unknown = pool[800:][torch.randperm(4200)]
    fair = torch.cat([positive, unknown[:2000]])
    assert not check.negatives_trained_as_negatives(fair, y_train, x_val, y_val)
    apart = torch.cat([held, rest[2000:3000]])
    assert not check.negatives_trained_as_negatives(x_train, y_train, apart, y_val)
    few = torch.cat([torch.arange(3), torch.arange(200, 203)])
    assert not check.negatives_trained_as_negatives(fair, y_train, x_val[few], y_val[few])
    for labels in (y_val * 0, torch.arange(1200.0) % 3):
        assert check.negatives_trained_as_negatives(x_train, y_train, x_val, labels) is None
