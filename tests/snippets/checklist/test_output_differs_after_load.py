"""output-differs-after-load: what it looks like, and every cause of it planted."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from snippets.checklist.output_differs_after_load import check
from tests.support.planted import Record, Run, causes, program, prove, run


def shows(run: Run) -> bool:
    """The test loss after loading is higher than that measured when the weights were saved."""
    return run.last("test loss after loading") > 1.2 * run.last("test loss before saving") + 0.05


@causes("output-differs-after-load")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_layers_whose_dropout_is_an_argument_are_found_and_those_without_are_sound() -> None:
    """Recurrent layers, attention and RReLU; dropout of 0 and instance normalization without statistics."""
    for layer in (nn.LSTM(4, 4, 2, dropout=0.5), nn.MultiheadAttention(4, 2, 0.1), nn.RReLU(), nn.BatchNorm1d(4)):
        assert check.layers_in_train_mode(layer)
        assert not check.layers_in_train_mode(layer.eval())
    for sound in (nn.Dropout(0.0), nn.LSTM(4, 4), nn.MultiheadAttention(4, 2), nn.InstanceNorm1d(4), nn.LayerNorm(4)):
        assert not check.layers_in_train_mode(sound)


def test_a_buffer_in_a_layer_without_parameters_is_missed() -> None:
    """A position table; a layer of which nothing was saved is another matter."""

    class Table(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("table", torch.randn(3))

    model = nn.Sequential(nn.Linear(4, 4), Table(), nn.BatchNorm1d(4))
    checkpoint = {name: value for name, value in model.state_dict().items() if name.startswith("0")}
    assert "1 buffers are not in the checkpoint: 1.table" in str(check.buffers_not_in_checkpoint(model, checkpoint))
    model[1] = nn.Identity()
    assert not check.buffers_not_in_checkpoint(model, checkpoint)


def test_names_fit_once_wrappers_are_taken_off() -> None:
    """A compiled part, a checkpoint with more than weights, prefixes on either side; another network has no prefix."""
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 2))
    state = model.state_dict()
    part = {name.replace("0.", "0._orig_mod."): value for name, value in state.items()}
    assert "_orig_mod." in str(check.names_with_a_prefix(model, part))
    assert "checkpoint['model']" in str(check.names_with_a_prefix(model, {"epoch": 3, "model": state}))
    assert not check.best_weights_that_moved(model, {"epoch": 3})
    lightning = {"net." + name: value for name, value in state.items()}
    assert "of the checkpoint begin with 'net.'" in str(check.names_with_a_prefix(model, lightning))
    deep = {"net.backbone." + name: value for name, value in state.items()}
    assert "of the checkpoint begin with 'net.backbone.'" in str(check.names_with_a_prefix(model, deep))
    inner = nn.Linear(4, 4)
    outer = nn.Sequential(nn.Linear(4, 4))
    assert "of the model begin with '0.'" in str(check.names_with_a_prefix(outer, inner.state_dict()))
    other = {f"conv{i}.weight": torch.zeros(1) for i in range(3)}
    assert not check.names_with_a_prefix(inner, other)
    assert not check.names_with_a_prefix(model, state)


def test_a_frequent_class_is_no_permutation() -> None:
    """Mostly class 0, and a network that answers anything else; then two names that changed places."""
    targets = torch.zeros(200, dtype=torch.long)
    targets[:10] = 1
    outputs = nn.functional.one_hot(1 + torch.arange(200) % 3, 4).float()
    assert not check.classes_permuted(outputs, targets)
    balanced = torch.arange(200) % 2
    assert check.classes_permuted(nn.functional.one_hot(1 - balanced, 2).float(), balanced)


def test_statistics_in_other_shapes_are_found_or_sound() -> None:
    """Attributes, a dictionary, a module or NumPy's arrays; kept as tensors, lists of them, in half precision."""
    mean, var = torch.randn(48, dtype=torch.float64), torch.rand(48, dtype=torch.float64) * 30
    find = check.statistics_not_in_checkpoint
    module = nn.BatchNorm1d(48, affine=False)
    module.load_state_dict({"running_mean": mean, "running_var": var, "num_batches_tracked": torch.tensor(7)})
    arrays = SimpleNamespace(mean=mean.numpy(), var=var.numpy(), epsilon=1e-4)
    for held in (SimpleNamespace(mean=mean, var=var, count=3), {"mean": mean, "var": var}, module, arrays):
        assert "the file does not hold" in str(find(held, {"model": nn.Linear(48, 2).state_dict()}))
    for held in (SimpleNamespace(mean=mean, var=var, count=3), {"mean": mean, "var": var}, arrays):
        for kept in ({"a": mean, "b": var}, [mean.half(), var.half()], {"env": {"obs": (mean.numpy(), var.numpy())}}):
            assert not find(held, {"model": {}, "rest": kept})
        assert "does not hold var of" in str(find(held, {"mean": mean}))
        assert find(held, {"mean": mean, "var": var + 1})
    assert not find(module, {"norm": module.state_dict()})
    assert not find(SimpleNamespace(mean=0.5, scale=2), {"model": {}})
    several = {"parts": [np.ones(3), torch.zeros(2)]}
    assert not find(several, {"x": np.ones(3), "y": [torch.zeros(2)]})
    assert find(several, {"x": np.ones(3)})


def test_names_agree() -> None:
    """In the planted program all names of model and file are the same, and no other check of names speaks."""
    names = run(program("output-differs-after-load/names-rewritten", "broken")).names
    assert set(names["model"].state_dict()) == set(names["checkpoint"])
    for other in (check.names_with_a_prefix, check.buffers_not_in_checkpoint):
        assert not other(names["model"], names["checkpoint"])
    assert "blocks" not in check.values_unlike_the_file(names["model"], names["checkpoint"])
    assert "0.gamma, 1.gamma" in check.values_unlike_the_file(names["model"], names["checkpoint"])


def test_values_of_the_file() -> None:
    """Silent for files of 16 bits, other names and more than weights; found are other values and other shapes."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    state = {name: value.clone() for name, value in model.state_dict().items()}
    assert check.values_unlike_the_file(model, state) is None
    for dtype in (torch.float16, torch.bfloat16):
        low = {k: v.to(dtype) if v.is_floating_point() else v for k, v in state.items()}
        assert check.values_unlike_the_file(model, low) is None
    assert check.values_unlike_the_file(model, {"epoch": 3, "other": torch.ones(2)}) is None
    assert "1 of 9" in check.values_unlike_the_file(model, {**state, "2.bias": state["2.bias"] + 1})
    assert "2.weight" in check.values_unlike_the_file(model, {**state, "2.weight": torch.zeros(3, 4)})


class Folding(nn.Module):
    """Folds a second branch into its convolution for evaluation; ``how`` says what of that is in the state."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(2, 3, 1), nn.Conv2d(2, 3, 1)
        self.how, self.folded = how, False
        if how in ("bool", "float"):
            self.register_buffer("flag", torch.zeros(1, dtype=getattr(torch, how)))

    def train(self, mode: bool = True) -> Folding:
        """Fold or unfold, once."""
        super().train(mode)
        if mode == self.folded and self.how != "never":
            self.folded = not mode
            self.first.weight.data += (1 if self.folded else -1) * self.second.weight.data
            if hasattr(self, "flag"):
                self.flag.fill_(self.folded)
        return self


@pytest.mark.parametrize(("how", "finds"), [("nothing", True), ("bool", False), ("float", False), ("never", False)])
@pytest.mark.parametrize("training", [True, False])
def test_forms_that_follow_the_mode(how: str, finds: bool, training: bool) -> None:
    """Found in either mode, one level down; a flag in the file, or weights that stay, are sound."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.BatchNorm2d(2), nn.Dropout(0.5), Folding(how)).train(training)
    state = {name: value.clone() for name, value in model.state_dict().items()}
    found = check.weights_that_follow_the_mode(model, state)
    assert bool(found) == finds
    if finds:
        assert "change 1 tensors, such as 2.first.weight" in found
    without = {name: value for name, value in state.items() if "flag" not in name}
    assert bool(check.weights_that_follow_the_mode(model, without)) == (how != "never")


def test_eval_is_train_false() -> None:
    """A layer's own ``train`` is called with False, its own ``eval`` is not; one level down and two."""
    called = []

    class Layer(nn.Module):
        def train(self, mode: bool = True) -> Layer:
            called.append(mode)
            return super().train(mode)

        def eval(self) -> Layer:
            raise AssertionError("called")

    nn.Sequential(Layer(), nn.Sequential(Layer())).eval()
    assert called == [False, False]


def merged() -> dict[str, Any]:
    """Variables of the planted program: ``checkpoint`` was saved merged."""
    return run(program("output-differs-after-load/merged-twice", "broken")).names


def test_each_round_adds_once() -> None:
    """Three rounds of load, evaluate and save: every weight moves by one correction each time, the rest not at all."""
    names, state, losses = merged(), merged()["checkpoint"], []
    for _ in range(3):
        model = names["build"]()
        model.load_state_dict(state)
        model.eval()
        after = {name: value.clone() for name, value in model.state_dict().items()}
        for name, value in after.items():
            at = name.removesuffix("weight")
            more = state[at + "up"] @ state[at + "down"] if name.endswith("weight") else 0
            torch.testing.assert_close(value, state[name] + more)
        with torch.no_grad():
            losses.append(names["loss_fn"](model(names["x_test"]), names["y_test"]).item())
        state = after
    assert names["before"] < losses[0] < losses[1] < losses[2]


def test_eval_before_loading() -> None:
    """The loss is that before saving; and training mode takes the correction out."""
    names = merged()
    model = names["build"]().eval()
    model.load_state_dict(names["checkpoint"])
    for _ in range(2):  # also after a change of mode and back
        with torch.no_grad():
            loss = names["loss_fn"](model(names["x_test"]), names["y_test"])
        assert abs(loss.item() - names["before"]) < 1e-4  # rounding of adding and taking away
        model.train().eval()
