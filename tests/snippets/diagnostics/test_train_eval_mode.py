"""Train and eval mode: what each call switches, what eval() leaves, and what a forgotten one costs."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from snippets.diagnostics.train_eval_mode.evidence import CALLS, NETS, SEEDS, SIZES
from snippets.diagnostics.train_eval_mode.use import evaluating, mode_findings

X = torch.randn(16, 20, generator=torch.Generator().manual_seed(0))


class Faulty(nn.Module):
    """Two linear layers, and between them something that eval() does not reach."""

    def __init__(self, fault: str) -> None:
        super().__init__()
        self.fault, self.first, self.last = fault, nn.Linear(20, 32), nn.Linear(32, 5)
        self.hidden = [nn.Dropout(0.5)]
        self.count: Tensor
        self.register_buffer("count", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        if self.fault == "functional dropout":
            x = nn.functional.dropout(x, 0.5)
        if self.fault == "dropout in a plain list":
            x = self.hidden[0](x)
        if self.fault == "dropout made in forward":
            x = nn.Dropout(0.5)(x)
        if self.fault == "noise":
            x = x + torch.randn_like(x)
        if self.fault == "buffer":
            self.count += 1
        return self.last(x)


class StaysInTrainMode(nn.Dropout):
    """Its train() ignores the argument."""

    def train(self, mode: bool = True) -> StaysInTrainMode:
        return super().train(True)


RANDOM = "two passes differ from the output of 'last' on: it is random in eval mode"
FAULTS: dict[str, tuple[Callable[[], Any], list[str]]] = {
    fault: (partial(Faulty, fault), [RANDOM])
    for fault in ("functional dropout", "dropout in a plain list", "dropout made in forward", "noise")
}
FAULTS["buffer"] = (partial(Faulty, "buffer"), ["a pass in eval mode changes buffers: count"])
FAULTS["train() overridden"] = (
    lambda: nn.Sequential(nn.Linear(20, 32), StaysInTrainMode(0.5), nn.Linear(32, 5)),
    [
        "1 is in train mode after eval()",
        "two passes differ from the output of '1' on: it is random in eval mode",
    ],
)


class Named(nn.Module):
    """Returns a dictionary with a list in it."""

    def __init__(self) -> None:
        super().__init__()
        self.layer, self.drop = nn.Linear(20, 5), nn.Dropout(0.5)

    def forward(self, x: Tensor) -> dict[str, Any]:
        return {"logits": self.drop(self.layer(x)), "states": [x, None], "size": len(x)}


SOUND: dict[str, Callable[[], Any]] = {
    "MLP": lambda: nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 5)),
    "dropout": lambda: nn.Sequential(nn.Linear(20, 32), nn.Dropout(0.5), nn.Linear(32, 5)),
    "batch normalization": lambda: nn.Sequential(nn.Linear(20, 32), nn.BatchNorm1d(32), nn.Linear(32, 5)),
    "transformer layer": lambda: nn.Sequential(
        nn.Unflatten(1, (5, 4)), nn.TransformerEncoderLayer(4, 2, 8, dropout=0.3, batch_first=True)
    ),
    "LSTM": lambda: nn.Sequential(nn.Unflatten(1, (5, 4)), nn.LSTM(4, 8, num_layers=2, dropout=0.3)),
    "dictionary": Named,
}


@pytest.mark.parametrize("fault", FAULTS)
def test_finds_what_eval_leaves(fault: str) -> None:
    """Each of six faults is named as what it is, whatever the mode of the model before; without a fault nothing is."""
    make, expected = FAULTS[fault]
    for training in (True, False):
        assert mode_findings(make().train(training), X) == expected
    assert mode_findings(Faulty("none"), X) == []


class Lazy(nn.Module):
    """A table that the first pass makes, a buffer that holds NaN, and an operation in place on the input."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("empty", torch.tensor(float("nan")))

    def forward(self, x: Tensor) -> Tensor:
        if "table" not in dict(self.named_buffers()):
            self.register_buffer("table", torch.arange(20.0))
        return x.add_(1) + self.table


def test_tables_and_inputs_in_place() -> None:
    """Nothing is said of a table made in the first pass, of NaN, or of a model that changes its input; it is a copy."""
    x = X.clone()
    assert mode_findings(Lazy(), x) == []
    assert torch.equal(x, X)


@pytest.mark.parametrize("kind", SOUND)
def test_sound_models_have_none(kind: str) -> None:
    """Nothing is found in six sound models, in train mode and in eval mode before the call."""
    for training in (True, False):
        assert mode_findings(SOUND[kind]().train(training), X) == []


@pytest.mark.parametrize("kind", [*SOUND, "noise", "buffer"])
def test_leaves_everything_as_it_was(kind: str) -> None:
    """State, modes, hooks and the random numbers that follow are the same as without the call."""
    model = (SOUND.get(kind) or FAULTS[kind][0])()
    next(model.modules()).train()
    list(model.modules())[-1].eval()
    modes = [m.training for m in model.modules()]
    hooks = [len(m._forward_hooks) for m in model.modules()]
    before = copy.deepcopy(model.state_dict())
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    mode_findings(model, X)
    assert torch.equal(torch.rand(4), expected)
    assert [m.training for m in model.modules()] == modes
    assert [len(m._forward_hooks) for m in model.modules()] == hooks
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_modes_come_back() -> None:
    """Inside, all modules are in eval mode and no graph is kept; afterwards modes and gradients are as before."""
    model = nn.Sequential(nn.Linear(20, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Sequential(nn.Linear(8, 5)))
    model[1].eval()
    model[3].eval()
    before = [m.training for m in model.modules()]
    assert True in before
    assert False in before
    with evaluating(model) as same:
        assert same is model
        assert not any(m.training for m in model.modules())
        assert not model(X).requires_grad
    assert [m.training for m in model.modules()] == before
    with pytest.raises(ZeroDivisionError), evaluating(model):
        raise ZeroDivisionError
    assert [m.training for m in model.modules()] == before
    assert model(X).requires_grad


def test_calls_switch_different_things(evidence: Any) -> None:
    """Dropout, batch statistics and their update: on without eval(), off with it. The graph: kept without no_grad()."""
    calls = evidence()["calls"]
    assert list(calls) == list(CALLS)
    for name, on in calls.items():
        graph = on.pop("a graph is kept")
        assert graph == ("no_grad" not in name and "inference_mode" not in name), name
        assert len(on) == 3
        assert set(on.values()) == {"eval()" not in name}, name


def means(evidence: Any, name: str) -> Tensor:
    """Mean test accuracy of three seeds by batch size."""
    runs = torch.tensor(evidence()["accuracy"][name])
    assert runs.shape == (SEEDS, len(SIZES)) == (3, 8)
    return runs.mean(0)


def test_eval_answers_do_not_depend_on_the_batch(evidence: Any) -> None:
    """In eval mode not one of 768 predictions changes with the batch size, for six networks and eight sizes."""
    changed = evidence()["changed"]
    assert list(changed) == list(NETS)
    assert torch.tensor(list(changed.values())).shape == (2, 3, 8)
    assert torch.tensor(list(changed.values())).max() == 0


def test_forgotten_eval_with_dropout(evidence: Any) -> None:
    """Mean accuracy with dropout left on is 0.04 to 0.08 lower at each batch size."""
    cost = means(evidence, "dropout, eval mode") - means(evidence, "dropout, train mode")
    assert cost.min() > 0.04
    assert cost.max() < 0.08


def test_forgotten_eval_with_batch_norm(evidence: Any) -> None:
    """Mean accuracy with batch statistics: over 0.3 lower at 2 samples, within 0.005 from 64 samples on."""
    cost = means(evidence, "batch normalization, eval mode") - means(evidence, "batch normalization, train mode")
    assert SIZES[0] == 2
    assert cost[0] > 0.3
    assert cost[SIZES.index(64) :].max() < 0.005


def test_one_sample_raises() -> None:
    """Batch normalization refuses one sample in train mode with this text, and takes it in eval mode."""
    model = SOUND["batch normalization"]()
    with pytest.raises(ValueError, match="Expected more than 1 value per channel when training"):
        model(X[:1])
    assert model.eval()(X[:1]).shape == (1, 5)
    with pytest.raises(ValueError, match="Expected more than 1 value per channel when training"):
        nn.BatchNorm1d(20, track_running_stats=False).eval()(X[:1])


def test_train_reaches_frozen_layers() -> None:
    """train() sets a frozen batch norm into train mode, and its mean moves; evaluating() leaves it in eval mode."""
    model = SOUND["batch normalization"]()
    model[1].requires_grad_(False).eval()
    with evaluating(model):
        model(X)
    model(X)
    assert not model[1].training
    assert not model[1].running_mean.any()
    model.eval()
    model(X)
    model.train()
    model(X)
    assert model[1].training
    assert model[1].running_mean.any()


def test_state_dict_holds_no_mode() -> None:
    """A model saved in eval mode and loaded into a new one: the new one is in train mode, all through."""
    for make in SOUND.values():
        saved = make().eval().state_dict()
        model = make()
        model.load_state_dict(saved)
        assert all(m.training for m in model.modules())


def test_copies_have_their_own_mode() -> None:
    """After model.eval(), AveragedModel and a deepcopy are in train mode still, and their dropout drops."""
    model = SOUND["dropout"]()
    copies = [torch.optim.swa_utils.AveragedModel(model), copy.deepcopy(model)]
    model.eval()
    for each in copies:
        assert each.training
        assert not torch.equal(each(X), each(X))
        each.eval()
        assert torch.equal(each(X), each(X))
