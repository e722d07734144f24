"""bn-small-batch: what it looks like, and every cause of it planted."""

from __future__ import annotations

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from snippets.checklist.bn_small_batch import check
from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """The test accuracy at the end is far below the 0.9 that this small network reaches otherwise."""
    return sum(run.series("test accuracy")[-3:]) / 3 < 0.75


@causes("bn-small-batch")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_passes_of_the_pre_training_are_no_pieces() -> None:
    """A network that was trained for 50 batches before, fine-tuned with a new optimizer; and pieces of a batch."""
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4))
    for _ in range(50):
        model(torch.randn(8, 4))
    start = {name: value.clone() for name, value in model.state_dict().items()}
    optimizer = torch.optim.Adam(model.parameters())
    for _ in range(10):
        model(torch.randn(8, 4)).square().sum().backward()
        optimizer.step()
    assert not check.forward_passes_per_step(model, optimizer, start)
    for _ in range(10):
        model(torch.randn(8, 4))
    assert "20 batches" in check.forward_passes_per_step(model, optimizer, start)
    model.eval()
    assert not check.forward_passes_per_step(model, optimizer)


def test_a_shared_layer_is_counted_where_it_sees_the_fewest() -> None:
    """The same normalization behind 2 values and behind 64."""

    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.BatchNorm1d(4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.norm(x[..., :1]).mean() + self.norm(x).mean()

    assert "2 values" in check.fewest_values_in_a_mean(Twice(), torch.randn(2, 4, 32))


def test_the_loader_s_chance_is_set_back() -> None:
    """A loader with a generator of its own, and one with too few batches to tell."""
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(3)
    data = TensorDataset(torch.randn(64, 2).repeat_interleave(8, dim=0))
    loader = DataLoader(data, 16, shuffle=True, generator=generator)
    before = generator.get_state()
    assert not check.independent_samples_per_batch(loader)
    assert torch.equal(before, generator.get_state())
    assert check.independent_samples_per_batch(DataLoader(data, 16))
    assert not check.independent_samples_per_batch(DataLoader(data, 160))
