"""metric-depends-on-batch-size: what it looks like, and every cause of it planted."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
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


@pytest.mark.parametrize("way", ["sigmoid", "softmax", "stretched", "none", "all alike"])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_outputs_that_a_batch_rescales(way: str, seed: int) -> None:
    """Found for one output a sample, for two classes and for maps; raw outputs, or one sigmoid for all, are sound."""
    torch.manual_seed(seed)
    shape = {"softmax": (200, 2), "stretched": (200, 1, 3, 3)}.get(way, (200,))
    x, y = torch.randn(shape), (torch.rand(200) < 0.3).float()
    x = 0.5 + 0.4 * x
    x.view(200, -1)[:, -1] += 0.4 * y
    loader = DataLoader(TensorDataset(x, y), 4)

    def metric(outputs: torch.Tensor, targets: torch.Tensor) -> float:
        outputs = outputs[:, 1] if way == "softmax" else outputs.flatten(1).amax(1) if outputs.dim() > 1 else outputs
        gaps = outputs[targets == 1][:, None] - outputs[targets == 0]
        return ((gaps > 0).float() + 0.5 * (gaps == 0)).mean().item()

    parts = []
    for part in x.split(4):
        inside = bool(((part >= 0) & (part <= 1)).all())
        if way == "sigmoid" and not inside:
            part = part.sigmoid()
        elif way == "softmax" and not inside:
            part = part.softmax(dim=1)
        elif way == "stretched":
            part = (part - part.min()) / (part.max() - part.min())
        parts.append(part.sigmoid() if way == "all alike" else part)
    found = check.outputs_rescaled_by_batch(nn.Identity(), loader, metric, metric(torch.cat(parts), y))
    assert (way in found) if way in ("sigmoid", "softmax", "stretched") else found is None


def test_sigmoid_makes_ties() -> None:
    """From 17 up, in float32; at 16 and below, not."""
    x = torch.cat([torch.linspace(17, 1000, 5000), torch.tensor([1e30])])
    assert (x.sigmoid() == 1).all()
    assert not (torch.linspace(-16, 16, 1000).sigmoid() == 1).any()
