"""large-batch-worse: what it looks like, and every cause of it planted."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from snippets.checklist.large_batch_worse import check
from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """After as many epochs the large batch ends at twice the loss of the small one."""
    return not run.last("batch 256 loss") < 2 * run.last("batch 16 loss")


@causes("large-batch-worse")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_learning_rates_are_judged_by_the_factor_of_the_batch() -> None:
    """Adam's square root rule is no fault at factor 64; a learning rate left as it was is one at factor 4 already."""
    for factor, scale, found in ((64, 8.0, False), (4, 1.0, True), (4, 2.0, False), (4, 4.0, False)):
        lrs = {8: [0.1] * 6400, 8 * factor: [0.1 * scale] * (6400 // factor)}
        assert bool(check.way_of_the_large_batch(lrs)) == found


def test_a_warm_up_over_most_of_the_run_ends() -> None:
    """It rises for 60 of 100 updates and then stays: not longer than the run; a slow rise to the end is."""
    ends = [min(1.0, step / 60) for step in range(1, 101)]
    assert not check.warm_up_that_never_ends({8: ends, 64: ends})
    slow = [1 + step / 2000 for step in range(100)]
    assert check.warm_up_that_never_ends({8: ends, 64: slow})


def test_only_a_sum_grows_in_equal_steps() -> None:
    """A contrastive loss grows with the samples it compares; a sum may be negative; frozen layers stay frozen."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.BatchNorm1d(16), nn.Dropout(0.5)).train()
    model[0].eval()
    x = 3 * torch.eye(16)
    y = torch.arange(16)

    def contrastive(outputs: torch.Tensor, _: torch.Tensor) -> torch.Tensor:
        return cross_entropy(outputs @ outputs.T, torch.arange(len(outputs)))

    assert not check.loss_that_grows_with_the_batch(model, contrastive, x, y)
    assert not check.loss_that_grows_with_the_batch(model, cross_entropy, x, y)
    for sign in (1, -1):
        summed = lambda a, b, sign=sign: sign * cross_entropy(a, b, reduction="sum")  # noqa: E731
        assert check.loss_that_grows_with_the_batch(model, summed, x, y)
    assert model.training
    assert not model[0].training
