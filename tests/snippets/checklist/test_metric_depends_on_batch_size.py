"""metric-depends-on-batch-size: what it looks like, and every cause of it planted."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    IterableDataset,
    SequentialSampler,
    SubsetRandomSampler,
    TensorDataset,
)

from snippets.checklist.metric_depends_on_batch_size import check
from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """One model, one validation set, two batch sizes: the scores differ by more than a point."""
    return abs(run.last("score by 8") - run.last("score by 250")) > 0.01


@causes("metric-depends-on-batch-size")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_samples_are_counted_as_the_loader_takes_them() -> None:
    """A batch sampler that drops is found; a part of the data set and a stream are sound; chance is set back."""
    data = TensorDataset(torch.arange(10.0), torch.arange(10.0))
    assert check.samples_left_out(DataLoader(data, batch_sampler=BatchSampler(SequentialSampler(data), 4, True)))
    own = torch.Generator()
    part = DataLoader(data, 2, sampler=SubsetRandomSampler(range(6), generator=own))
    states = own.get_state(), torch.get_rng_state()
    assert not check.samples_left_out(part)
    check.scores_three_ways(nn.Identity(), part, lambda outputs, targets: 1.0)
    assert torch.equal(own.get_state(), states[0])
    assert torch.equal(torch.get_rng_state(), states[1])

    class Stream(IterableDataset[torch.Tensor]):
        def __iter__(self) -> Iterator[torch.Tensor]:
            return iter([])

    assert not check.samples_left_out(DataLoader(Stream(), 4))


def test_scores_are_compared_by_their_size() -> None:
    """Rounding of a large error is no fault; a mean of small errors that has no mean is one."""
    torch.manual_seed(0)
    for size, finds in ((1e5, False), (1e-3, True)):
        x = size * torch.randn(100)

        def metric(outputs: torch.Tensor, targets: torch.Tensor, root: bool = finds) -> float:
            error = (outputs - targets).square().mean()
            return (error.sqrt() if root else error).item()

        loader = DataLoader(TensorDataset(x, torch.zeros(100)), 2)
        _, mean, _ = check.scores_three_ways(nn.Identity(), loader, metric)
        assert bool(check.metric_that_must_not_be_averaged(nn.Identity(), loader, metric, mean)) is finds


def test_a_layer_that_is_called_as_a_function_is_found_and_half_precision_is_sound() -> None:
    """Batch normalization that is called with training=True, with 40 samples; bfloat16 in eval mode, in few samples."""

    class Called(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return nn.functional.batch_norm(x, None, None, training=True)

    torch.manual_seed(0)
    x = torch.randn(40, 16)
    assert "0 modules are in training mode" in str(check.layers_that_look_at_the_batch(Called().eval(), x))
    model = nn.Sequential(nn.Linear(16, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 4)).bfloat16()
    assert check.layers_that_look_at_the_batch(model, x.bfloat16())
    assert not check.layers_that_look_at_the_batch(model.eval(), x.bfloat16())
