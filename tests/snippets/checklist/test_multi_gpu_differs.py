"""multi-gpu-differs: what it looks like, and every cause of it planted."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.functional import cross_entropy
from torch.optim.lr_scheduler import LinearLR
from torch.utils.data import BatchSampler, DataLoader, DistributedSampler, TensorDataset

from snippets.checklist.multi_gpu_differs import check
from tests.support.planted import Record, Run, causes, prove

DATA = TensorDataset(torch.randn(300, 8), torch.randint(3, (300,)))


def shows(run: Run) -> bool:
    """In the last five epochs the ranks' training loss is more than 15% off that of the run on one device."""
    alone, ranks = (sum(run.series(f"{which} loss")[-5:]) for which in ("alone", "ranks"))
    return abs(ranks - alone) > 0.15 * alone


@causes("multi-gpu-differs")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_a_warm_up_is_no_low_learning_rate() -> None:
    """Its first steps are low; the learning rate that it leads to counts. A batch sampler has its size, too."""
    loader = DataLoader(DATA, batch_sampler=BatchSampler(range(300), 4, True))
    alone, ranks = (torch.optim.SGD([nn.Parameter(torch.ones(1))], lr=lr) for lr in (0.1, 0.8))
    assert "32 samples in place of 4" in check.learning_rate_per_sample(alone, loader, alone, loader, 8)
    LinearLR(ranks, 0.01)
    assert not check.learning_rate_per_sample(alone, loader, ranks, loader, 8)


@pytest.mark.parametrize("first", [0, 1])
def test_epochs_may_be_counted_from_one(first: int) -> None:
    """A sampler that is one epoch ahead does move on; one that is behind for good does not."""
    sampler: DistributedSampler[Any] = DistributedSampler(DATA, 4, 0)
    loader = DataLoader(DATA, batch_sampler=BatchSampler(sampler, 40, True))
    for epoch in range(3):
        sampler.set_epoch(epoch + first)
        assert not check.order_that_never_changes(loader, epoch)
    sampler.set_epoch(first)
    assert "the same 35 of the 75 samples" in check.order_that_never_changes(loader, first + 2)


def test_dropout_and_frozen_batchnorm_are_not_the_statistics() -> None:
    """Batches of 64 under dropout, and 2 samples a rank with frozen statistics, are sound; 2 with others are not."""
    frozen = nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16).eval(), nn.Dropout(), nn.Linear(16, 3))
    live = nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.Dropout(), nn.Linear(16, 3))
    many = [(torch.randn(64, 8), None) for _ in range(4)]
    pairs = [(torch.randn(2, 8), None) for _ in range(16)]
    assert not check.statistics_of_one_rank(frozen, pairs)
    assert not check.statistics_of_one_rank(live, many)
    assert check.statistics_of_one_rank(live, pairs)
    assert check.statistics_of_one_rank(live.eval(), pairs)


def test_a_gradient_of_other_weights_is_not_blamed() -> None:
    """After the update, or under dropout, a true mean over all targets agrees with neither; lengths may differ."""
    torch.manual_seed(0)
    batches = [(torch.randn(16, 3 + n, 8), torch.randint(3, (16, 3 + n))) for n in range(4)]
    batches[3][1][1:] = -100
    total = sum((t != -100).sum() for _, t in batches)

    def loss_fn(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return cross_entropy(outputs.flatten(0, 1), targets.flatten())

    for dropout in (0.0, 0.8):
        first, last = nn.Linear(8, 64), nn.Linear(64, 3)
        model = nn.Sequential(first, nn.ReLU(), nn.Dropout(dropout), last)
        for inputs, targets in batches:
            share = (targets != -100).sum() / total
            (loss_fn(model(inputs), targets) * share).backward()
        assert not check.gradient_of_the_ranks(model, loss_fn, batches)
        torch.optim.SGD(model.parameters(), lr=10.0).step()
        assert not check.gradient_of_the_ranks(model, loss_fn, batches)
    model = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 3))
    batches[3][0].mul_(5)
    for inputs, targets in batches:
        (loss_fn(model(inputs), targets) / 4).backward()
    assert "6 to 80 targets" in check.gradient_of_the_ranks(model, loss_fn, batches)
