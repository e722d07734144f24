"""Conformance of every network and every special convolution, in a small form: nothing here names one.

The test file of an entry of the sections below gives `small()`: the module, made small, and one batch for it. In
eval mode every output must be finite and of a sample's own.
"""

from __future__ import annotations

import copy
import importlib
import io
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from scripts.sources.outline import kind_of
from tests.support.guide import guide

SECTIONS = ("architectures", "convolutions", "mobile")
Small = Callable[[], tuple[nn.Module, Tensor]]


def discover() -> dict[str, Small]:
    """`<section>/<id_>` -> what makes the entry's module."""
    found = {}
    for section in SECTIONS:
        for entry in guide().in_section(section):
            module = importlib.import_module(entry.test.removesuffix(".py").replace("/", "."))
            if hasattr(module, "small"):
                found[f"{section}/{entry.id}"] = module.small
    return found


FOUND = discover()
every_network = pytest.mark.parametrize("make", [pytest.param(make, id=name) for name, make in FOUND.items()])


def test_every_entry_has_a_small_form(catalog) -> None:
    """But for those that say why not."""
    assert FOUND, "no entry has a small form: this suite would pass empty"
    for section in SECTIONS:
        for entry in catalog.in_section(section):
            text = (catalog.root / entry.test).read_text(encoding="utf-8")
            is_other = kind_of(entry) == "concept" or "# no small():" in text
            assert f"{section}/{entry.id}" in FOUND or is_other, f"{entry.test} has no small()"


def made(make: Small, training: bool = False, seed: int = 0) -> tuple[nn.Module, Tensor]:
    torch.manual_seed(seed)
    model, x = make()
    return model.train(training), x


def call(model: nn.Module, x: Tensor) -> Tensor:
    with torch.no_grad():
        y = model(x)
    assert isinstance(y, Tensor)
    return y


@every_network
def test_a_sample_has_its_own_output(make: Small) -> None:
    """In eval mode: finite, the same twice, and the same for one sample alone.

    "The same" is a thousandth of what the sample itself changes: in a fresh network with batch normalization that may
    be a hundred-millionth of the output. Hence float64, and larger gains where the signal dies on its way.
    """
    model, x = made(make)
    assert len(x) > 1
    model, x = model.double(), x.double()
    for gain in (1.0, 2.0):
        for norm in model.modules():
            if isinstance(norm, nn.BatchNorm2d):
                nn.init.constant_(norm.weight, gain)
        y = call(model, x)
        assert y.isfinite().all()
        change = min((other - y[0]).abs().max().item() for other in y[1:])
        if change > 1e-11 * y.abs().max():
            break
    else:
        pytest.fail("the output does not depend on the sample")
    assert torch.equal(call(model, x), y)
    alone = torch.cat([call(model, x[i : i + 1]) for i in range(len(x))])
    assert (alone - y).abs().max() < 1e-3 * change


@every_network
def test_every_parameter_learns(make: Small) -> None:
    """In train mode a gradient reaches every parameter, and it is finite; of matrices and kernels it is not 0.

    Not 0 with one of three seeds: a few narrow ReLUs can all be off. Vectors before a batch normalization of two values
    have a gradient of 0 by theory.
    """
    silent: set[str] | None = None
    for seed in range(3):
        model, x = made(make, training=True, seed=seed)
        model(x).square().mean().backward()
        zero = set()
        for name, parameter in model.named_parameters():
            if parameter.requires_grad:
                assert parameter.grad is not None, f"no gradient reaches {name}"
                assert parameter.grad.isfinite().all(), name
                if parameter.dim() > 1 and not parameter.grad.any():
                    zero.add(name)
        silent = zero if silent is None else silent & zero
        if not silent:
            break
    assert not silent, "their gradient is 0"


@every_network
def test_memory_formats(make: Small) -> None:
    """Channels last, and an input that is a view with other strides, change nothing but the order in memory."""
    model, x = made(make)
    y = call(model, x)
    torch.testing.assert_close(call(model, x.transpose(0, -1).contiguous().transpose(0, -1)), y, rtol=1e-4, atol=1e-5)
    if x.dim() == 4:
        last = copy.deepcopy(model).to(memory_format=torch.channels_last)
        torch.testing.assert_close(call(last, x.to(memory_format=torch.channels_last)), y, rtol=1e-4, atol=1e-5)


@every_network
def test_bfloat16(make: Small) -> None:
    """The type is kept, and the outputs are those of float32 to two digits of their size."""
    model, x = made(make)
    y = call(model, x)
    low = call(model.to(torch.bfloat16), x.to(torch.bfloat16))
    assert low.dtype == torch.bfloat16
    assert (low.float() - y).abs().mean() <= 0.05 * y.abs().mean() + 1e-3


@every_network
def test_meta_device(make: Small) -> None:
    with torch.device("meta"):
        model, x = make()
    y = model.eval()(x.to("meta"))
    assert y.is_meta
    model, x = made(make)
    assert y.shape == call(model, x).shape


@every_network
def test_compiles_as_one_graph(make: Small) -> None:
    model, x = made(make)
    torch.compiler.reset()
    compiled = torch.compile(model, fullgraph=True, backend="eager")
    torch.testing.assert_close(call(compiled, x), call(model, x))


@every_network
def test_copies_and_saved_states(make: Small) -> None:
    """`deepcopy`, and a state saved and loaded with `weights_only`, give the same outputs."""
    model, x = made(make)
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    file.seek(0)
    torch.manual_seed(1)
    loaded, _ = make()
    loaded.load_state_dict(torch.load(file, weights_only=True))
    for other in (copy.deepcopy(model), loaded.eval()):
        torch.testing.assert_close(call(other, x), call(model, x), rtol=0, atol=0)
