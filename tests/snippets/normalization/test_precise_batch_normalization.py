"""Precise batch normalization: equal to torch's update_bn, closed forms of both averages, and claims."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.optim.swa_utils import update_bn

from snippets.normalization.precise_batch_normalization.from_scratch import (
    average_of_batches,
    channels_last,
    population,
)
from snippets.normalization.precise_batch_normalization.use import recompute_bn


def network(dropout: float = 0.0) -> nn.Sequential:
    """Two normalizations with a dropout between; statistics far from those of any data."""
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(2, 4, 3),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Flatten(),
        nn.Linear(144, 8),
        nn.BatchNorm1d(8),
    ).double()
    for layer in (model[1], model[6]):
        layer.running_mean.fill_(5.0)
        layer.running_var.fill_(7.0)
        layer.num_batches_tracked.fill_(50)
    return model


def data(samples: int = 96) -> Tensor:
    """Images (samples, 2, 8, 8)."""
    return torch.randn(samples, 2, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(1))


def statistics(model: nn.Sequential) -> list[Tensor]:
    """Running mean and variance of both layers."""
    return [buffer.clone() for name, buffer in model.named_buffers() if "running" in name]


def same(ours: Sequence[Tensor], theirs: Sequence[Tensor]) -> bool:
    """To a relative 1e-10."""
    return all(torch.allclose(a, b, rtol=1e-10, atol=1e-12) for a, b in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("is_training", [True, False])
def test_equals_update_bn(is_training: bool) -> None:
    """Without dropout the buffers equal those of torch's update_bn, from either mode, and the count of batches too."""
    ours, theirs = network().train(is_training), network().train(is_training)
    assert recompute_bn(ours, data().split(32)) == 3
    update_bn(data().split(32), theirs)
    assert same(statistics(ours), statistics(theirs))
    assert ours[1].num_batches_tracked == theirs[1].num_batches_tracked == 3
    assert not same(statistics(ours), statistics(network()))


def test_update_bn_runs_with_dropout() -> None:
    """update_bn has dropout on: behind it the statistics differ, in front of it not; ours ignore the dropout."""
    ours, theirs = network(0.5), network(0.5)
    recompute_bn(ours, data().split(32))
    update_bn(data().split(32), theirs)
    assert same(statistics(ours)[:2], statistics(theirs)[:2])
    assert not torch.allclose(statistics(ours)[3], statistics(theirs)[3], rtol=0.1)
    plain = network()
    recompute_bn(plain, data().split(32))
    assert same(statistics(ours), statistics(plain))


def test_changes_nothing_else() -> None:
    """Weights, gradients, momentum, modes and statistics of skipped layers are as before, from three modes."""
    for mode in ("train", "eval", "mixed"):
        model = network(0.5).train(mode != "eval")
        if mode == "mixed":
            model[6].eval()
        model(data()).sum().backward()
        before, modes = copy.deepcopy(model), [module.training for module in model.modules()]
        gradients = [parameter.grad.clone() for parameter in model.parameters()]
        recompute_bn(model, data().split(32), skip=[model[6]])
        assert [module.training for module in model.modules()] == modes
        assert all(torch.equal(old, new) for old, new in zip(before.parameters(), model.parameters(), strict=True))
        assert all(torch.equal(p.grad, old) for p, old in zip(model.parameters(), gradients, strict=True))
        assert [model[1].momentum, model[6].momentum] == [0.1, 0.1]
        assert same(statistics(before)[2:], statistics(model)[2:])
        assert not same(statistics(before)[:2], statistics(model)[:2])


def test_update_bn_thaws_frozen_layers() -> None:
    """update_bn recomputes a layer that was set to eval, and leaves it in training mode; skip= keeps it."""
    model = network()
    model[1].eval()
    frozen = model[1].running_mean.clone()
    update_bn(data().split(32), model)
    assert not torch.allclose(model[1].running_mean, frozen)
    assert model[1].training
    model = network()
    model[1].eval()
    recompute_bn(model, data().split(32), skip=[model[1]])
    assert torch.equal(model[1].running_mean, frozen)
    assert not model[1].training


def test_no_batch() -> None:
    """An empty iterable is refused; the second use of a generator is such a case."""
    batches = (batch for batch in data().split(32))
    assert recompute_bn(network(), batches) == 3
    with pytest.raises(ValueError, match="no batch to compute statistics of"):
        recompute_bn(network(), batches)


@pytest.mark.parametrize("sizes", [[32, 32, 32], [2, 30, 64], [50, 50, 7]])
@pytest.mark.parametrize("shape", [(), (6,), (3, 5), (2, 3, 4)])
def test_equals_torch(shape: tuple[int, ...], sizes: list[int]) -> None:
    """average_of_batches is what momentum=None keeps; population equals torch's over all numbers of a channel."""
    torch.manual_seed(0)
    batches = [3 + torch.randn(size, 4, *shape, dtype=torch.float64) * (1 + size / 50) for size in sizes]
    layer = [nn.BatchNorm1d, nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d][len(shape)](4, momentum=None).double()
    for batch in batches:
        layer(batch)
    assert same([layer.running_mean, layer.running_var], average_of_batches(batches))
    var, mean = torch.var_mean(channels_last(torch.cat(batches)), dim=0)
    assert same(population(batches), [mean, var])


@pytest.mark.parametrize("momentum", [0.1, 0.01, 0.5])
def test_running_average_weighs_old_batches(momentum: float) -> None:
    """After t batches the one k steps ago counts m (1 - m)^k, and the initial value (1 - m)^t."""
    torch.manual_seed(0)
    layer, steps = nn.BatchNorm1d(3, momentum=momentum).double(), 40
    batches = [i + torch.randn(16, 3, dtype=torch.float64) for i in range(steps)]
    for batch in batches:
        layer(batch)
    weights = [momentum * (1 - momentum) ** (steps - 1 - i) for i in range(steps)]
    expected = sum((w * b.mean(dim=0) for w, b in zip(weights, batches, strict=True)), torch.zeros(3).double())
    torch.testing.assert_close(layer.running_mean, expected, rtol=1e-10, atol=1e-10)
    expected = (1 - momentum) ** steps + sum(w * b.var(dim=0) for w, b in zip(weights, batches, strict=True))
    torch.testing.assert_close(layer.running_var, expected, rtol=1e-10, atol=1e-10)


def test_sorted_batches_lose_variance() -> None:
    """Digits sorted by class: the average of the batches' variances is under 80% of that of shuffled batches.

    Shuffled, it is within 2% of the variance of all images; the mean is right in both orders.
    """
    digits = load_digits()
    x = torch.tensor(digits.data[:1792], dtype=torch.float64)
    y = torch.tensor(digits.target[:1792])
    by_class, shuffled = x[y.argsort()], x[torch.randperm(1792, generator=torch.Generator().manual_seed(0))]
    for order, low, high in ((by_class, 0.0, 0.8), (shuffled, 0.98, 1.02)):
        mean, var = average_of_batches(order.split(32))
        assert torch.allclose(mean, x.mean(dim=0), atol=1e-9)
        assert low < (var.sum() / x.var(dim=0).sum()).item() < high


def test_short_last_batch_counts_as_much() -> None:
    """A last batch of 4 samples counts as much as one of 100, so its mean pulls the average 25 times too far."""
    torch.manual_seed(0)
    big, small = torch.randn(100, 3, dtype=torch.float64), 10 + torch.randn(4, 3, dtype=torch.float64)
    mean, _ = average_of_batches([big, small])
    torch.testing.assert_close(mean, (big.mean(dim=0) + small.mean(dim=0)) / 2, rtol=1e-12, atol=1e-12)
    pull = (mean - big.mean(dim=0)) / (small.mean(dim=0) - big.mean(dim=0))
    fair = (population([big, small])[0] - big.mean(dim=0)) / (small.mean(dim=0) - big.mean(dim=0))
    torch.testing.assert_close(pull, torch.full((3,), 1 / 2).double())
    torch.testing.assert_close(fair, torch.full((3,), 4 / 104).double())


def curves(evidence: Any, name: str) -> Tensor:
    """Accuracy (times, 2), mean over the seeds."""
    return torch.tensor(evidence()[name]).mean(dim=0)


def test_better_while_weights_move(evidence: Any) -> None:
    """At a constant rate statistics anew are better at all ten times at momentum 0.01, and on average over them at 0.1.

    After 10 steps by over 1 point at momentum 0.1, and by over 5 at 0.01; after 100 still by over 2 at 0.01.
    """
    usual, slow = ((c[:, 1] - c[:, 0]) for c in (curves(evidence, "0.1"), curves(evidence, "0.01")))
    assert slow.min() > 0
    assert usual.mean() > 0
    assert usual[0] > 0.01
    assert slow[0] > 0.05
    assert slow[-1] > 0.02


def test_no_gain_at_the_end(evidence: Any) -> None:
    """With a learning rate that falls to 0 both agree within a point at the end."""
    last = curves(evidence, "0.1, decay")[-1]
    assert (last[1] - last[0]).abs() < 0.01
