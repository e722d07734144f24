"""gpu-underused: what it looks like in counts, and every cause of it planted. Nothing here measures time."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, IterableDataset

from snippets.checklist.gpu_underused import check
from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """The training process reads samples, waits for results, or launches over 20 operations for each sample."""
    read, waits, operations = map(run.series, ("samples read here", "waits per step", "operations per sample"))
    return any(read) or any(count > 1 for count in waits) or any(count > 20 for count in operations)


@causes("gpu-underused")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def profiled(model: nn.Module, inputs: torch.Tensor) -> torch.profiler.profile:
    """One training step under AdamW."""
    optimizer = torch.optim.AdamW(model.parameters())
    with torch.profiler.profile() as profiler:
        outputs = model(inputs)
        (outputs[0] if isinstance(outputs, tuple) else outputs).sum().backward()
        optimizer.step()
    return profiler


class Functional(nn.Module):
    """Forty layers that are weights in one module."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = nn.ParameterList([nn.Parameter(torch.randn(8, 8)) for _ in range(40)])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Apply them."""
        for weight in self.weights:
            x = (x @ weight).relu()
        return x


@pytest.mark.parametrize("model", [nn.GRU(4, 4, batch_first=True), Functional()])
def test_loops_of_torch_and_layers_without_modules_are_sound(model: nn.Module) -> None:
    """Neither is a loop over samples."""
    size = 4 if isinstance(model, nn.GRU) else 8
    assert not check.operations_by_layer(model, profiled(model, torch.randn(8, 30, size)), 1)


def test_operations_of_a_transformer() -> None:
    """About 130 for each layer, as the page says."""
    model = nn.TransformerEncoder(nn.TransformerEncoderLayer(16, 2, batch_first=True), 2)
    layers = sum(not list(module.children()) for module in model.modules())
    counts = profiled(model, torch.randn(4, 5, 16)).key_averages()
    assert 100 < sum(row.count for row in counts) / layers < 160


def test_one_large_sample_is_no_small_batch() -> None:
    """A volume of 32768 places is much work for each operation; 8 numbers are not."""
    for inputs, small in ((torch.randn(1, 1, 32, 32, 32), False), (torch.randn(1, 1, 2, 2, 2), True)):
        model = nn.Conv3d(1, 2, 1)
        assert bool(check.operations_by_sample(model, profiled(model, inputs), 1, inputs)) == small


class Stored(Dataset):
    """Points at memory, and gives dicts."""

    rows = torch.randn(4, 2)

    def __len__(self) -> int:
        return 4

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        return {"x": self.rows[index]}


class Stream(IterableDataset):
    """Cannot be asked for its first sample."""

    def __iter__(self) -> Iterator[torch.Tensor]:
        return iter(torch.ones(2))


def test_dicts_that_point_at_memory_and_streams() -> None:
    """The first are stored, the second cannot be asked."""
    assert not check.samples_made_here(DataLoader(Stored()))
    assert not check.samples_made_here(DataLoader(Stream()))
