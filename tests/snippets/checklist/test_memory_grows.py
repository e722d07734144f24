"""memory-grows: what it looks like, and every cause of it planted."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """Every step leaves its graph behind: at the end there are as many as steps were taken."""
    alive = run.series("graphs alive")
    return alive[-1] >= 20 and alive == sorted(alive) and alive[-1] > 5 * alive[0]


@causes("memory-grows")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def _kept(backward: bool) -> int:
    """How many saved tensors are alive after ten summed losses."""
    held: set[int] = set()

    class Kept:
        def __init__(self, tensor: torch.Tensor) -> None:
            self.tensor = tensor
            held.add(id(self))

        def __del__(self) -> None:
            held.discard(id(self))

    torch.manual_seed(0)
    model, total = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 1)), torch.zeros(())
    with torch.autograd.graph.saved_tensors_hooks(Kept, lambda kept: kept.tensor):
        for _ in range(10):
            loss = model(torch.randn(16, 4)).square().mean()
            if backward:
                loss.backward()
            total = total + loss
    assert total.requires_grad
    return len(held)


def test_backward_frees_activations() -> None:
    """After backward() a summed loss keeps operations and no activations; without it, those of every step."""
    assert _kept(backward=True) == 0
    assert _kept(backward=False) >= 10 * 4


def test_step_between_raises() -> None:
    """A state carried with its graph over an optimizer step ends with an error instead."""
    torch.manual_seed(0)
    cell = nn.GRU(1, 4, batch_first=True)
    optimizer, hidden = torch.optim.SGD(cell.parameters(), lr=0.1), None

    def step() -> None:
        nonlocal hidden
        outputs, hidden = cell(torch.randn(1, 3, 1), hidden)
        outputs.square().mean().backward(retain_graph=True)
        optimizer.step()

    step()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        step()
