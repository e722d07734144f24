"""Label-noise audit: exact with ideal probabilities, equal to loops and to cleanlab, and the claims of the page."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from snippets.diagnostics.label_noise_audit.evidence import NOISES, SEEDS, WAYS
from snippets.diagnostics.label_noise_audit.from_scratch import confident_learning
from snippets.diagnostics.label_noise_audit.use import confident_joint, cross_validated, label_issues


@pytest.mark.parametrize("folds", [2, 5, 7, 20, 53])
def test_folds_are_apart(folds: int) -> None:
    """Each sample is held out once, by a model that got all samples of the other folds, and lands in its own row."""
    x, held_out = torch.arange(53.0)[:, None], []

    def fit_predict(x_train: Tensor, y_train: Tensor, x_held: Tensor) -> Tensor:
        assert torch.equal(y_train, x_train.flatten().long() % 3)
        assert torch.cat([x_train, x_held]).sort(dim=0).values.tolist() == x.tolist()
        held_out.append(x_held)
        return x_held.expand(-1, 3)

    found = cross_validated(fit_predict, x, torch.arange(53) % 3, folds, torch.Generator().manual_seed(0))
    assert torch.equal(found, x.expand(-1, 3))
    assert torch.cat(held_out).sort(dim=0).values.tolist() == x.tolist()
    assert len(held_out) == folds


@pytest.mark.parametrize("folds", [0, 1, 54])
def test_empty_fold_is_an_error(folds: int) -> None:
    """No fold, no data to train on, or more folds than samples."""
    with pytest.raises(ValueError, match="53 samples cannot be held out"):
        cross_validated(lambda x, y, held: held, torch.ones(53, 1), torch.zeros(53).long(), folds)


def test_logits_are_refused() -> None:
    """Logits and log-probabilities are no probabilities; no list is made of them. Gradients of a model are dropped."""
    p, y = case(1)
    for wrong in (p.log(), p.log() + 3, 5 * p):
        for function in (label_issues, confident_joint):
            with pytest.raises(ValueError, match="no probabilities"):
                function(wrong, y)
    model = torch.nn.Linear(3, 3)
    found = cross_validated(lambda x, y, held: model(held).softmax(1), torch.randn(9, 3), torch.arange(9) % 3, 3)
    assert not found.requires_grad


def test_few_samples_fill_the_list() -> None:
    """One sample with little for its own class: half of 50 right labels are listed; without it none."""
    p = torch.tensor([[0.95, 0.05]] * 25 + [[0.93, 0.07]] * 25 + [[0.97, 0.03]])
    y = torch.tensor([0] * 50 + [1])
    assert set(range(25, 50)) <= set(label_issues(p, y).tolist())
    assert label_issues(p[:50], y[:50]).tolist() == []


def test_thresholds_follow_the_class() -> None:
    """45% for the right class, 55% for another, in all of a class: the prediction differs for all, none is listed."""
    y = torch.tensor([0] * 20 + [1] * 20)
    p = torch.tensor([[0.45, 0.55]] * 20 + [[0.1, 0.9]] * 20)
    assert (p.argmax(dim=1) != y).sum() == 20
    assert label_issues(p, y).tolist() == []
    assert confident_joint(p, y).tolist() == [[20, 0], [0, 20]]


KINDS = [  # probability of each given label (column) by true class (row)
    [[0.80, 0.15, 0.05], [0.00, 0.90, 0.10], [0.20, 0.05, 0.75]],
    [[0.60, 0.20, 0.20], [0.20, 0.60, 0.20], [0.20, 0.20, 0.60]],
    [[1.00, 0.00, 0.00], [0.00, 1.00, 0.00], [0.40, 0.00, 0.60]],
]


@pytest.mark.parametrize("noise", KINDS)
def test_exact_with_ideal_probabilities(noise: list[list[float]]) -> None:
    """The wrong labels and no others are listed; the estimated joint distribution is that of the sample, to 1e-6."""
    torch.manual_seed(0)
    matrix = torch.tensor(noise)
    true = torch.randint(3, (3000,))
    y = torch.multinomial(matrix[true], 1).flatten()
    assert label_issues(matrix[true], y).sort().values.tolist() == (y != true).nonzero().flatten().tolist()
    exact = torch.bincount(y * 3 + true, minlength=9).reshape(3, 3)
    assert torch.equal(confident_joint(matrix[true], y), exact)
    assert (confident_learning(matrix[true], y)[1] - exact / 3000).abs().max() < 1e-6


def case(seed: int) -> tuple[Tensor, Tensor]:
    """Random probabilities of 2 to 6 classes, and labels of which some are wrong."""
    generator = torch.Generator().manual_seed(seed)
    classes, count = 2 + seed % 5, 60 + seed * 10
    true = torch.randint(classes, (count,), generator=generator)
    other = torch.rand(count, generator=generator) < 0.2
    y = torch.where(other, torch.randint(classes, (count,), generator=generator), true)
    noise = torch.randn(count, classes, generator=generator)
    return (noise + 2 * torch.nn.functional.one_hot(true, classes)).softmax(1), y


@pytest.mark.parametrize("seed", range(40))
def test_equals_the_loops(seed: int) -> None:
    """Same counts and same list as the loops; the list is sorted by the probability of the given label."""
    p, y = case(seed)
    joint, estimated, issues = confident_learning(p, y)
    listed = label_issues(p, y)
    assert torch.equal(confident_joint(p, y), joint)
    assert listed.sort().values.tolist() == issues
    assert p[listed, y[listed]].tolist() == sorted(p[listed, y[listed]].tolist())
    assert estimated.sum().item() == pytest.approx(1)
    assert torch.allclose(estimated.sum(1), torch.bincount(y, minlength=len(joint)) / len(y))


CLEANLAB: dict[int, tuple[list[list[int]], list[int]]] = {  # joint and list of cleanlab 2.9.0 by seed
    1: ([[15, 3, 4], [1, 10, 1], [4, 2, 14]], [49, 68, 53, 50, 56, 8, 43, 10, 11, 7, 34, 24, 69, 35, 19]),
    4: (
        [
            [9, 0, 1, 0, 0, 0],
            [0, 11, 0, 1, 0, 2],
            [1, 0, 11, 1, 0, 1],
            [0, 1, 0, 5, 0, 2],
            [0, 1, 3, 0, 8, 0],
            [0, 0, 1, 2, 0, 6],
        ],
        [62, 52, 42, 64, 89, 69, 82, 50, 5, 88, 54, 28, 19, 63, 17, 12],
    ),
    3: (
        [[9, 1, 0, 0, 0], [0, 11, 2, 2, 0], [1, 0, 7, 1, 0], [0, 0, 2, 9, 1], [0, 2, 1, 1, 13]],
        [65, 57, 6, 23, 2, 86, 82, 24, 41, 50, 74, 34, 70, 22],
    ),
}


def test_equals_cleanlab() -> None:
    """Counts equal cleanlab's in three cases; its list has all of ours but one of 46, whose label is most probable."""
    ours, theirs = 0, 0
    for seed, (joint, issues) in CLEANLAB.items():
        p, y = case(seed)
        assert confident_joint(p, y).tolist() == joint
        listed = label_issues(p, y)
        kept = [i for i in listed.tolist() if p[i].argmax() != y[i]]
        assert kept == issues
        ours, theirs = ours + len(listed), theirs + len(issues)
    assert (len(CLEANLAB), ours, theirs) == (3, 46, 45)


def scores(evidence: Any, noise: str, way: str) -> tuple[Tensor, Tensor]:
    """Precision and recall with each seed."""
    found = torch.tensor(evidence()["scores"][noise][way])
    assert found.shape == (SEEDS, 2) == (3, 2)
    return found[:, 0], found[:, 1]


@pytest.mark.parametrize("noise", NOISES)
def test_precision_for_recall(evidence: Any, noise: str) -> None:
    """With each seed: higher precision and lower recall than the comparison of label and prediction."""
    precision, recall = scores(evidence, noise, WAYS[0])
    plain_precision, plain_recall = scores(evidence, noise, WAYS[1])
    assert (precision > plain_precision).all()
    assert (recall < plain_recall).all()


def test_least_probable_tenth(evidence: Any) -> None:
    """Random noise: a higher recall than confident learning's, each seed. The other: lower means of both numbers."""
    assert (scores(evidence, NOISES[0], WAYS[2])[1] > scores(evidence, NOISES[0], WAYS[0])[1]).all()
    for ours, plain in zip(scores(evidence, NOISES[1], WAYS[0]), scores(evidence, NOISES[1], WAYS[2]), strict=True):
        assert plain.mean() < ours.mean()


@pytest.mark.parametrize(("noise", "most"), [(NOISES[0], 0.5), (NOISES[1], 0.2)])
def test_trained_on_the_same_misses(evidence: Any, noise: str, most: float) -> None:
    """Judged by a model that has trained on them: recall under 0.5, under 0.2 where one class is taken for another."""
    assert scores(evidence, noise, WAYS[4])[1].max() < most


@pytest.mark.parametrize("noise", NOISES)
def test_neighbours_find_more(evidence: Any, noise: str) -> None:
    """Recall of ten neighbours: over 0.8 and above confident learning's, with each seed; mean precision below it."""
    precision, recall = scores(evidence, noise, WAYS[3])
    assert precision.mean() < scores(evidence, noise, WAYS[0])[0].mean()
    assert recall.min() > 0.8
    assert (recall > scores(evidence, noise, WAYS[0])[1]).all()


def test_cleaning_gains(evidence: Any) -> None:
    """Mean accuracy without suspected samples: within 0.02 for random noise; for the other two thirds of what is
    missing at most, and it may be nothing.
    """
    gains = []
    for noise in NOISES:
        given, cleaned, true = (sum(runs) / SEEDS for runs in evidence()["accuracy"][noise].values())
        gains.append((cleaned - given, true - given))
        assert true > max(given, cleaned)
    assert abs(gains[0][0]) < 0.02
    gained, missing = gains[1]
    assert missing > 0.02
    assert -0.01 < gained < 2 / 3 * missing


def closest(x_train: Tensor, y_train: Tensor, x_held: Tensor) -> Tensor:
    """The label of the nearest training sample, as a probability of 1."""
    return torch.nn.functional.one_hot(y_train[torch.cdist(x_held, x_train).argmin(1)], 2).float()


def test_copies_vouch() -> None:
    """All samples twice, in different folds: not one error is listed; without the copies some are."""
    torch.manual_seed(0)
    true = torch.arange(100) % 2
    x = torch.randn(100, 2) + 6 * true[:, None]
    y = true.clone()
    y[:4] = 1 - y[:4]
    single = label_issues(cross_validated(closest, x, y, folds=100), y)
    assert set(range(4)) <= set(single.tolist())
    doubled = label_issues(cross_validated(closest, x.repeat(2, 1), y.repeat(2), folds=200), y.repeat(2))
    assert doubled.tolist() == []


def test_exchanged_majority_is_reversed() -> None:
    """60% of two classes bear each other's name: with ideal probabilities the right labels are listed, and no wrong."""
    torch.manual_seed(0)
    noise = torch.tensor([[0.4, 0.6], [0.6, 0.4]])
    true = torch.arange(2000) % 2
    y = torch.multinomial(noise[true], 1).flatten()
    listed = label_issues(noise[true], y)
    assert listed.sort().values.tolist() == (y == true).nonzero().flatten().tolist()


def test_missing_class_is_ignored() -> None:
    """A fourth class without a label: the list and the counts of the three others are the same, its own counts 0."""
    p, y = case(11)  # three classes
    wider = torch.cat([p * 0.9, torch.full((len(p), 1), 0.1)], dim=1)
    wider[5] = torch.tensor([0.0, 0.0, 0.0, 1.0])
    p[5] = 0.0
    assert torch.equal(label_issues(wider, y), label_issues(p * 0.9, y))
    joint = confident_joint(wider, y)
    assert torch.equal(joint[:3, :3], confident_joint(p * 0.9, y))
    assert joint[3].sum() == joint[:, 3].sum() == 0
