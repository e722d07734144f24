"""compile-differs-from-eager: what it looks like, and every cause of it planted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.utils import prune

from snippets.checklist.compile_differs_from_eager import check
from tests.support.planted import Record, Run, causes, prove

INPUTS = torch.randn(8, 16, generator=torch.Generator().manual_seed(0))


def shows(run: Run) -> bool:
    """In the last five lines the losses of the two runs, which should be equal, differ by more than 10%."""
    eager, compiled = (sum(run.series(f"{which} loss")[-5:]) for which in ("eager", "compiled"))
    return abs(compiled - eager) > 0.1 * eager


@causes("compile-differs-from-eager")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


@pytest.fixture
def fresh() -> Iterator[None]:
    """No graph is left from another test."""
    torch.compiler.reset()
    yield
    torch.compiler.reset()


def network() -> nn.Sequential:
    """Two layers and dropout."""
    return nn.Sequential(nn.Linear(16, 16), nn.ReLU(), nn.Dropout(0.0), nn.Linear(16, 4))


@pytest.mark.usefixtures("fresh")
@pytest.mark.parametrize("anew", ["another batch size", "eval", "reset"])
def test_a_late_hook_runs_once_the_graph_is_captured_anew(anew: str) -> None:
    """Not before; a hook on the input of a module is named, too."""
    net = network()
    model = torch.compile(net, backend="eager")
    model(INPUTS)
    net[3].register_forward_pre_hook(lambda module, args: (0 * args[0],))
    assert "modules with hooks: 3" in check.compiled_output_that_differs(model, INPUTS)
    inputs = INPUTS[:3] if anew == "another batch size" else INPUTS
    if anew == "eval":
        net.eval()
    if anew == "reset":
        torch.compiler.reset()
    assert torch.equal(model(inputs), net(inputs))


@pytest.mark.usefixtures("fresh")
@pytest.mark.parametrize("change", [nn.utils.spectral_norm, partial(prune.random_unstructured, amount=0.9)])
def test_pruning_and_spectral_norm_are_not_lost(change: Callable[..., Any]) -> None:
    """They take a parameter away, which torch sees; their hooks run, and change buffers at each call."""
    net = network()
    model = torch.compile(net, backend="eager")
    model(INPUTS)
    change(net[0], "weight")
    assert not check.compiled_output_that_differs(model, INPUTS)


class Compiled:
    """A compiled model that draws dropout from other random numbers than the model, as Inductor does."""

    def __init__(self, model: nn.Module) -> None:
        self._orig_mod = model

    def __call__(self, inputs: torch.Tensor) -> Any:
        """The model's output by numbers of another seed."""
        torch.manual_seed(7)
        return self._orig_mod(inputs)


class Cached(nn.Module):
    """A model that registers a buffer when it is called first, and one that each call changes."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.utils.parametrizations.spectral_norm(nn.Linear(16, 4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Scale."""
        if not hasattr(self, "scale"):
            self.register_buffer("scale", torch.ones(4))
        return self.net(x) * self.scale


@pytest.mark.usefixtures("fresh")
def test_other_random_numbers_and_new_buffers_are_no_fault() -> None:
    """Dropout differs by as much as between two seeds; buffers that a call makes or changes are no difference."""
    assert not check.compiled_output_that_differs(torch.compile(Cached(), backend="eager"), INPUTS)
    for seed in range(300):
        torch.manual_seed(seed)
        net = network()
        net[2] = nn.Dropout(0.5)
        assert not check.compiled_output_that_differs(Compiled(net), INPUTS)


@pytest.mark.usefixtures("fresh")
def test_prefix_in_the_middle_of_a_name() -> None:
    """Where a part of the model was compiled."""
    model = nn.ModuleDict({"net": torch.compile(network(), backend="eager")})  # type: ignore[dict-item]
    groups: list[dict[str, Any]] = [{"params": []}, {"params": list(model.parameters())}]
    assert "net._orig_mod.0.weight" in check.groups_without_parameters(model, torch.optim.SGD(groups, lr=0.1))
