"""memory-grows: what it looks like, and every cause of it planted."""

from __future__ import annotations

import functools
from typing import Any

import pytest
import torch
from torch import nn

from snippets.checklist.memory_grows import check
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


def test_weights_are_no_graphs() -> None:
    """A weight, or a list of weights, requires a gradient and keeps no graph; outputs in tuples do."""
    model = nn.Linear(4, 1)
    assert not check.sum_with_a_graph(model.bias)
    assert not check.list_with_graphs(list(model.parameters()))
    assert check.list_with_graphs([(model(torch.ones(2, 4)), {"hidden": model(torch.ones(2, 4))})])


def test_both_states_of_an_lstm() -> None:
    """Cut, they reach back no further than a batch; carried, they do."""
    lstm, inputs = nn.LSTM(4, 4), torch.randn(3, 2, 4)
    hidden = lstm(inputs)[1]
    assert not check.state_that_reaches_back(lstm, inputs, hidden)
    assert "3 batches" in check.state_that_reaches_back(lstm, inputs, lstm(inputs, lstm(inputs, hidden)[1])[1])


def test_hooks_in_other_shapes() -> None:
    """A dict of lists behind a partial, a hook of many registrations; a list of weights is none."""
    store: dict[str, list[torch.Tensor]] = {"layer": []}

    def keep(name: str, module: nn.Module, args: Any, output: torch.Tensor) -> None:
        store[name].append(output.detach())

    model, weights = nn.Linear(4, 4), [nn.Parameter(torch.ones(1)) for _ in range(20)]
    handle = model.register_forward_hook(lambda *_: weights.reverse())
    assert not check.hooks_that_keep(model)
    handle.remove()
    model.register_forward_hook(functools.partial(keep, "layer"))
    for _ in range(11):
        assert not check.hooks_that_keep(model)
        model(torch.ones(1, 4))
    assert "keeps 11 tensors in 'store'" in check.hooks_that_keep(model)
    store.clear()
    for _ in range(10):
        model.register_forward_pre_hook(lambda *_: None)
    assert "has 11 hooks" in check.hooks_that_keep(model)
