"""Class imbalance: loss and draws against torch, an exactly solved problem, and the claims of the page."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset, WeightedRandomSampler

from snippets.diagnostics.class_imbalance.evidence import COMMON, METHODS, RARE
from snippets.diagnostics.class_imbalance.from_scratch import draw_balanced, weighted_cross_entropy
from snippets.diagnostics.class_imbalance.use import balanced_sampler, class_weights, shifted

SINGLE = [method for method in METHODS if method not in ("no correction", "weights and sampler")]


def targets(*counts: int) -> Tensor:
    return torch.cat([torch.full((count,), c) for c, count in enumerate(counts)])


@pytest.mark.parametrize("counts", [(5, 5), (95, 5), (1, 10, 100), (7,)])
def test_equals_torch(counts: tuple[int, ...]) -> None:
    """Loss and gradient equal cross_entropy's in float64; draws equal WeightedRandomSampler's for ten seeds."""
    y = targets(*counts)
    weight = class_weights(y, len(counts)).double()
    logits = torch.randn(len(y), len(counts), dtype=torch.float64, requires_grad=True)
    ours, theirs = (f(logits, y, weight) for f in (weighted_cross_entropy, nn.functional.cross_entropy))
    assert ours.item() == pytest.approx(theirs.item(), rel=1e-12, abs=1e-15)
    gradients = [torch.autograd.grad(loss, logits)[0] for loss in (ours, theirs)]
    assert torch.allclose(*gradients, rtol=1e-12, atol=1e-15)
    for seed in range(10):
        generators = [torch.Generator().manual_seed(seed) for _ in range(2)]
        theirs = list(WeightedRandomSampler(weight[y].tolist(), 200, generator=generators[1]))
        assert draw_balanced(y, 200, generators[0]).tolist() == theirs


@pytest.mark.parametrize("counts", [(50, 50), (950, 50), (1, 10, 100)])
def test_scale_of_weights_is_nothing(counts: tuple[int, ...]) -> None:
    """Ten times the weights: the same loss. They are samples / (classes * count), with a mean of 1 over samples."""
    y = targets(*counts)
    weight = class_weights(y, len(counts))
    assert weight.tolist() == pytest.approx([len(y) / (len(counts) * count) for count in counts])
    assert weight[y].mean().item() == pytest.approx(1)
    logits = torch.randn(len(y), len(counts))
    one, ten = (nn.functional.cross_entropy(logits, y, weight=scale * weight).item() for scale in (1, 10))
    assert one == pytest.approx(ten, rel=1e-5)


def test_missing_class_is_an_error() -> None:
    """A class without samples is named, by all three functions; so is a label that is no class, above or below."""
    y = targets(5, 0, 3)
    for call in (
        lambda: class_weights(y, 3),
        lambda: balanced_sampler(y, 3),
        lambda: shifted(torch.zeros(2, 3), y, 3),
    ):
        with pytest.raises(ValueError, match=r"without a training sample: \[1\]"):
            call()
    for wrong in (targets(5, 2, 3), torch.tensor([0, 1, -100])):
        for call in (
            lambda y=wrong: class_weights(y, 2),
            lambda y=wrong: balanced_sampler(y, 2),
            lambda y=wrong: shifted(torch.zeros(2, 2), y, 2),
        ):
            with pytest.raises(ValueError, match="labels outside 0 to 1"):
                call()


@pytest.mark.parametrize("counts", [(950, 50), (1, 10, 100)])
def test_classes_are_drawn_equally(counts: tuple[int, ...]) -> None:
    """The chances of each class add up to 1 / C; so do frequencies in some 40,000 draws, within four deviations."""
    y, classes = targets(*counts), len(counts)
    sampler = balanced_sampler(y, classes, torch.Generator().manual_seed(0))
    chances = sampler.weights / sampler.weights.sum()
    for c in range(classes):
        assert chances[y == c].sum().item() == pytest.approx(1 / classes)
    epochs = 40_000 // len(y)
    drawn = y[torch.tensor([i for _ in range(epochs) for i in sampler])]
    deviation = (1 / classes * (1 - 1 / classes) / len(drawn)) ** 0.5
    for c in range(classes):
        assert (drawn == c).double().mean().item() == pytest.approx(1 / classes, abs=4 * deviation)


def solved(table: Tensor, weight: Tensor | None) -> Tensor:
    """Logits that minimize cross-entropy where x has a few values and table[x, c] samples of each pair exist."""
    logits = torch.zeros_like(table, requires_grad=True)
    optimizer = torch.optim.LBFGS([logits], max_iter=500, tolerance_grad=1e-12, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        counted = table if weight is None else table * weight
        loss = -(counted * logits.log_softmax(dim=1)).sum() / counted.sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    return logits.detach()


def test_all_three_agree() -> None:
    """Weights, balanced data and the shift give probabilities in proportion to n_xc / n_c; without, to n_xc."""
    table = torch.tensor([[60.0, 1.0, 2.0], [25.0, 6.0, 1.0], [10.0, 3.0, 7.0]], dtype=torch.float64)
    y = targets(*(int(n) for n in table.sum(dim=0)))
    weight = class_weights(y, 3).double()
    exact = table / table.sum(dim=0)
    exact = exact / exact.sum(dim=1, keepdim=True)
    common = 95 * 10  # of each class as many copies as make all classes equally frequent
    balanced = table * (common // table.sum(dim=0))
    assert balanced.sum(dim=0).tolist() == [common] * 3
    plain = solved(table, None)
    for logits in (solved(table, weight), solved(balanced, None), shifted(plain, y, 3)):
        assert torch.allclose(logits.softmax(dim=1), exact, atol=1e-5)
    assert torch.allclose(plain.softmax(dim=1), table / table.sum(dim=1, keepdim=True), atol=1e-5)
    assert not torch.allclose(plain.softmax(dim=1), exact, atol=0.1)


def test_shift_keeps_the_order() -> None:
    """With two classes, samples sorted by the probability of the rare one are in the same order after the shift."""
    logits = torch.randn(100, 2, dtype=torch.float64)
    before, after = (z.softmax(dim=1)[:, 1].argsort() for z in (logits, shifted(logits, targets(95, 5), 2)))
    assert torch.equal(before, after)


def test_shift_subtracts_the_log_frequency() -> None:
    """Up to a constant for all classes, shifted() subtracts log(frequency); dtype and device of the logits stay."""
    y = targets(90, 9, 1)
    logits = torch.randn(4, 3, dtype=torch.bfloat16)
    assert shifted(logits, y, 3).dtype == torch.bfloat16
    difference = shifted(logits.double(), y, 3) - (logits.double() - torch.tensor([0.9, 0.09, 0.01]).double().log())
    assert torch.allclose(difference, difference[0, 0].expand_as(difference), atol=1e-6)


def test_sampler_excludes_shuffle() -> None:
    """With shuffle=True, DataLoader refuses the sampler with this text; without, it takes it."""
    y = targets(9, 3)
    with pytest.raises(ValueError, match="sampler option is mutually exclusive with shuffle"):
        DataLoader(TensorDataset(y), sampler=balanced_sampler(y, 2), shuffle=True)
    assert sum(len(batch) for (batch,) in DataLoader(TensorDataset(y), 4, sampler=balanced_sampler(y, 2))) == 12


def test_an_epoch_misses_samples() -> None:
    """950 and 50 samples: (1 - 1 / 1900)^1000 = 0.59 of the common ones are missed; a rare one comes 10 times."""
    y = targets(950, 50)
    missed = (1 - 1 / 1900) ** 1000  # a common sample has a chance of 1 / (2 * 950) in each draw
    assert missed == pytest.approx(0.59, abs=0.005)
    sampler = balanced_sampler(y, 2, torch.Generator().manual_seed(0))
    counts = torch.stack([torch.bincount(torch.tensor(list(sampler)), minlength=1000) for _ in range(20)]).double()
    assert (counts[:, :950] == 0).double().mean().item() == pytest.approx(missed, abs=0.01)
    assert counts[:, 950:].mean().item() == pytest.approx(10, abs=0.4)


def values(evidence: Any, method: str, key: str) -> Tensor:
    return torch.tensor([run[key] for run in evidence()[method]])


def test_each_correction_finds_the_rare(evidence: Any) -> None:
    """Means of five seeds: rare recall under 0.1 without, over 0.5 with each; common recall less than 0.1 lower."""
    assert len(SINGLE) == 3
    assert values(evidence, "no correction", "rare").mean() < 0.1
    common = values(evidence, "no correction", "common").mean()
    for method in SINGLE:
        assert values(evidence, method, "rare").mean() > 0.5
        assert common - 0.1 < values(evidence, method, "common").mean()


def test_two_corrections_are_too_many(evidence: Any) -> None:
    """Common recall with weights and sampler is below 0.4 for each seed."""
    assert values(evidence, "weights and sampler", "common").max() < 0.4


def test_corrections_break_probabilities(evidence: Any) -> None:
    """Mean predicted frequency: within a fifth of the true 0.048 without; over 2.5 times that with each correction."""
    true = RARE / (RARE + COMMON)
    assert true == pytest.approx(0.048, abs=5e-4)
    assert values(evidence, "no correction", "predicted").mean().item() == pytest.approx(true, rel=0.2)
    for method in METHODS[1:]:
        assert values(evidence, method, "predicted").mean() > 2.5 * true
