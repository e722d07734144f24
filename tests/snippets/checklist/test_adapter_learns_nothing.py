"""adapter-learns-nothing: what it looks like, and every cause of it planted."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from snippets.checklist.adapter_learns_nothing import check
from tests.support.planted import Record, Run, causes, program, prove, run

PAGE = "adapter-learns-nothing"
WARNING = "None of the inputs have requires_grad=True. Gradients will be None"


def gain(run: Run) -> float:
    """By how much the accuracy on mirrored digits rises."""
    accuracies = run.series("accuracy")
    return accuracies[-1] - accuracies[0]


def shows(run: Run) -> bool:
    """Training raises the accuracy by less than 0.1; in the cured programs it rises by more than 0.2."""
    return gain(run) < 0.1


@causes(PAGE)
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


@pytest.mark.parametrize(
    "cause", ["names-match-nothing", "checkpoint-without-gradient", "layer-not-called", "both-factors-zero"]
)
def test_cured_programs_gain(cause: str) -> None:
    """Each cured program gains more than 0.2."""
    assert gain(run(program(f"{PAGE}/{cause}", "fixed"))) > 0.2


class Adapter(nn.Module):
    """A frozen layer and two trained factors, as bare parameters."""

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        self.layer = layer.requires_grad_(False)
        self.a = nn.Parameter(torch.randn(4, layer.in_features))
        self.b = nn.Parameter(torch.zeros(layer.out_features, 4))

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x) + x @ self.a.mT @ self.b.mT


class Stack(nn.Module):
    """Frozen embedding, adapted blocks, some of them checkpointed, batch norm frozen in evaluation mode, dropout."""

    def __init__(self, reentrant: bool | None) -> None:
        super().__init__()
        self.reentrant = reentrant
        self.embed = nn.Embedding(20, 8).requires_grad_(False)
        self.blocks = nn.ModuleList(
            nn.Sequential(Adapter(nn.Linear(8, 8)), nn.BatchNorm1d(8), nn.Dropout(), nn.Tanh()) for _ in range(2)
        )
        self.blocks[0].get_submodule("1").eval()
        self.head = nn.Linear(8, 3)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embed(tokens)
        for block in self.blocks:
            x = block(x) if self.reentrant is None else checkpoint(block, x, use_reentrant=self.reentrant)
        return self.head(x)


TOKENS = torch.arange(20)


def trained(model: nn.Module, inputs: Tensor = TOKENS) -> nn.Module:
    """One backward pass, as training does it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        outputs = model(inputs)
    nn.functional.cross_entropy(outputs, torch.arange(len(inputs)) % 3).backward()
    return model


def said(model: nn.Module, inputs: Tensor = TOKENS) -> list[str]:
    """Which checks speak; they change nothing."""
    flags = [module.training for module in model.modules()]
    state = {name: value.clone() for name, value in model.state_dict().items()}
    chance = torch.get_rng_state()
    asked: dict[str, Callable[[], Any]] = {
        "checkpoint": lambda: check.checkpoint_without_gradient(model, inputs),
        "called": lambda: check.layers_never_called(model, inputs),
        "zero": lambda: check.factors_that_are_zero(model),
    }
    found = [name for name, call in asked.items() if call()]
    assert flags == [module.training for module in model.modules()]
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert torch.equal(chance, torch.get_rng_state())
    assert not any(module._forward_pre_hooks for module in model.modules())
    return found


def test_sound_adapters() -> None:
    """All are silent without a checkpoint, with one that is not reentrant, and after zero_grad()."""
    torch.manual_seed(0)
    for reentrant in (None, False):
        assert said(trained(Stack(reentrant))) == []
    model = trained(Stack(True))
    model.zero_grad()
    assert said(model) == []


def test_reentrant_checkpoint_of_frozen_inputs() -> None:
    """It is found in both blocks; with inputs that ask for a gradient, every adapter has one, and it is silent."""
    torch.manual_seed(0)
    model = trained(Stack(True))
    assert said(model) == ["checkpoint"]
    assert "8 trained tensors" in str(check.checkpoint_without_gradient(model, TOKENS))
    model = Stack(True)
    model.embed.register_forward_hook(lambda module, args, outputs: outputs.requires_grad_())
    assert said(trained(model)) == []


def test_the_warning_of_a_checkpoint() -> None:
    """torch warns, the output asks for no gradient; not so with use_reentrant=False or inputs that ask for one."""
    layer, inputs = nn.Linear(4, 4), torch.randn(2, 4)
    with pytest.warns(UserWarning, match=WARNING):
        assert not checkpoint(layer, inputs, use_reentrant=True).requires_grad
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert checkpoint(layer, inputs, use_reentrant=False).requires_grad
        assert checkpoint(layer, inputs.clone().requires_grad_(), use_reentrant=True).requires_grad
    assert WARNING in run(program(f"{PAGE}/checkpoint-without-gradient", "broken")).log


def test_no_grad_around_a_part() -> None:
    """A trained part under no_grad is found by the same check: its words name both."""

    class Cut(Stack):
        def forward(self, tokens: Tensor) -> Tensor:
            with torch.no_grad():
                x = self.blocks[0](self.embed(tokens))
            return self.head(self.blocks[1](x))

    torch.manual_seed(0)
    assert said(trained(Cut(None))) == ["checkpoint"]


def test_a_layer_whose_weight_is_read() -> None:
    """MultiheadAttention reads out_proj.weight; a trained layer without an adapter there has its gradient."""

    class Net(nn.Module):
        def __init__(self, adapted: bool) -> None:
            super().__init__()
            self.attention = nn.MultiheadAttention(8, 2)
            self.head = nn.Linear(8, 3)
            if adapted:
                layer = Adapter(self.attention.out_proj)
                layer.weight, layer.bias = self.attention.out_proj.weight, self.attention.out_proj.bias
                self.attention.out_proj = layer  # type: ignore[assignment]

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.attention(x, x, x)[0])

    torch.manual_seed(0)
    inputs = torch.randn(6, 8)
    assert said(trained(Net(True), inputs), inputs) == ["called"]
    assert said(trained(Net(False), inputs), inputs) == []


def test_zero_factors() -> None:
    """One factor at 0 is sound, both are stuck, in bare parameters too; so is a zero head at its first step sound."""
    torch.manual_seed(0)
    model = Stack(None)
    for block in model.blocks:
        nn.init.zeros_(block.get_parameter("0.a"))
    assert said(trained(model)) == ["zero"]
    model = Stack(None)
    nn.init.zeros_(model.head.weight)
    assert said(trained(model)) == []


def test_zero_branches_before_a_zero_head() -> None:
    """Square last layers of branches and a head that all start at 0 get away from it: silent at each of three steps."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.branches = nn.ModuleList(nn.Sequential(nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, 8)) for _ in range(2))
            self.head = nn.Linear(8, 3)
            for layer in (self.branches[0].get_submodule("2"), self.branches[1].get_submodule("2"), self.head):
                nn.init.zeros_(layer.get_parameter("weight"))

        def forward(self, x: Tensor) -> Tensor:
            for branch in self.branches:
                x = x + branch(x)
            return self.head(x)

    torch.manual_seed(0)
    model, inputs = Net(), torch.randn(6, 8)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(3):
        assert said(trained(model, inputs), inputs) == []
        optimizer.step()
        optimizer.zero_grad()
    assert all(weight.any() for weight in model.parameters())
    both = Stack(None)
    for block in both.blocks:
        nn.init.zeros_(block.get_parameter("0.a"))
    nn.init.zeros_(both.head.weight)
    assert said(trained(both)) == []
    torch.optim.SGD(both.parameters(), lr=0.1).step()
    both.zero_grad()
    assert said(trained(both)) == ["zero"]


def test_parts_that_are_read_in_a_checkpoint() -> None:
    """A transformer layer and factors in a list, in a reentrant checkpoint: only that is named, not uncalled parts."""

    class Listed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.factors = nn.ParameterList([torch.randn(4, 8), torch.randn(8, 4)])

        def forward(self, x: Tensor) -> Tensor:
            return x + x @ self.factors[0].mT @ self.factors[1].mT

    torch.manual_seed(0)
    model = Stack(True)
    model.blocks = nn.ModuleList([nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0), Listed()])
    assert said(trained(model)) == ["checkpoint"]
    model.reentrant = False
    model.zero_grad()
    assert said(trained(model)) == []


def test_names() -> None:
    """Names are compared from the end, whole between dots: 'proj' is not 'out_proj'; frozen modules do not count."""
    model = Stack(None)
    assert not check.names_without_adapter(model, ["blocks.0.0", "head"])
    assert check.names_without_adapter(model, ["ocks.0.0"])
    assert "1 of 2" in str(check.names_without_adapter(model, ["head", "embed"]))


def test_zero_stays_zero(tmp_path: Path) -> None:
    """All factors are still exactly 0 after 101 updates, also at ten times the learning rate."""
    path = tmp_path / "faster.py"
    text = program(f"{PAGE}/both-factors-zero", "broken").read_text(encoding="utf-8")
    before, _, after = text.rpartition("lr=0.003")
    path.write_text(f"{before}lr=0.03{after}", encoding="utf-8")
    for source in (program(f"{PAGE}/both-factors-zero", "broken"), path):
        model = run(source).names["model"]
        assert not any(layer.a.weight.any() or layer.b.weight.any() for layer in (model.up, model.down))


def test_fast_path_of_the_encoder_layer() -> None:
    """TransformerEncoderLayer ignores an adapter whose weight is read, in evaluation mode without gradients."""
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
    adapter = Adapter(layer.linear1)
    nn.init.ones_(adapter.b)
    adapter.weight, adapter.bias = layer.linear1.weight, layer.linear1.bias
    layer.linear1 = adapter  # type: ignore[assignment]
    x = torch.randn(2, 4, 8)
    with torch.no_grad():
        by_training, by_evaluation = layer(x), layer.eval()(x)
        nn.init.zeros_(adapter.b)
        without = layer(x)
    assert not torch.allclose(by_training, by_evaluation, atol=1e-3)
    assert torch.allclose(by_evaluation, without)
