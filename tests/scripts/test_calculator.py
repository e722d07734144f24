"""The calculator's arithmetic equals torch on hundreds of random stacks: sizes, refusals, costs, receptive fields."""

from __future__ import annotations

import json
import random
from functools import cache
from typing import Any

import pytest
import quickjs
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from scripts.problems import ROOT

FILE = ROOT / "docs/theme/assets/layers/arithmetic.js"
CLASSES: dict[str, type[nn.Module]] = {
    "conv": nn.Conv2d,
    "transposed": nn.ConvTranspose2d,
    "max": nn.MaxPool2d,
    "average": nn.AvgPool2d,
}
Layer = dict[str, Any]


@cache
def arithmetic() -> quickjs.Context:
    context = quickjs.Context()
    context.eval(FILE.read_text(encoding="utf-8"))
    context.eval("var ask = (what, given) => JSON.stringify(LayerArithmetic[what](...JSON.parse(given)));")
    return context


def ask(what: str, *given: Any) -> Any:
    return json.loads(str(arithmetic().get("ask")(what, json.dumps(given))))


def drawn(chance: random.Random, depth: int, pools: bool = True) -> list[Layer]:
    """A stack such as people type: most fit, some do not."""
    stack: list[Layer] = []
    for _ in range(depth):
        kind = chance.choice(["conv", "conv", "transposed", *(["max", "average"] if pools else [])])
        layer: Layer = {"kind": kind, "kernel": chance.randint(1, 5), "stride": chance.randint(1, 3)}
        layer["padding"] = chance.randint(0, 2)
        if kind in ("conv", "transposed", "max"):
            layer["dilation"] = chance.choice([1, 1, 2, 3])
        if kind in ("conv", "transposed"):
            layer |= {"out": chance.choice([2, 4, 6]), "groups": chance.choice([1, 1, 1, 2, 3])}
        if kind == "transposed":
            layer["outputPadding"] = chance.choice([0, 0, 1, 2])
        stack.append(layer)
    return stack


def built(layer: Layer, channels: int) -> nn.Module:
    """torch's layer; it may refuse."""
    names = {"kernel": "kernel_size", "outputPadding": "output_padding"}
    settings = {names.get(k, k): v for k, v in layer.items() if k not in ("kind", "out")}
    given = [channels, layer["out"]] if "out" in layer else []
    return CLASSES[layer["kind"]](*given, **settings)


def shapes(channels: int, height: int, width: int, stack: list[Layer]) -> tuple[list[list[int]], list[nn.Module]]:
    """What torch gives, layer by layer, up to the first that it refuses or that leaves nothing."""
    x, found, modules = torch.zeros(1, channels, height, width), [], []
    for layer in stack:
        try:
            module = built(layer, x.shape[1])
            x = module(x)
        except (RuntimeError, ValueError):
            break
        if not x.numel():  # a transposed convolution may leave nothing without a word
            break
        found.append(list(x.shape[1:]))
        modules.append(module)
    return found, modules


def test_sizes_refusals_and_costs_equal_torchs() -> None:
    """400 stacks: every size, every refusal at the same layer, every parameter, every multiply-add."""
    chance, refused = random.Random(0), 0
    for _ in range(400):
        channels, height, width = chance.choice([2, 4, 6]), chance.randint(1, 20), chance.randint(1, 20)
        stack = drawn(chance, chance.randint(1, 4))
        rows = ask("rows", {"channels": channels, "height": height, "width": width}, stack)
        expected, modules = shapes(channels, height, width, stack)
        assert [row["shape"] for row in rows if "shape" in row] == expected, stack
        assert ("fault" in rows[-1]) == (len(expected) < len(stack)), stack
        refused += "fault" in rows[-1]
        x = torch.zeros(1, channels, height, width)
        for row, module in zip(rows, modules, strict=False):
            with FlopCounterMode(display=False) as counter:
                x = module(x)
            assert row["parameters"] == sum(p.numel() for p in module.parameters())
            assert row["multiplyAdds"] == counter.get_total_flops() / 2, (stack, module)
    assert 60 < refused < 300


def extent(modules: list[nn.Module], channels: int, side: int) -> int:
    """The largest number of input pixels in a row that one of the middle outputs sees, by gradients."""
    x = torch.rand(1, channels, side, side, dtype=torch.float64, requires_grad=True)
    y: Tensor = x
    for module in modules:
        y = module.double()(y)
    middle, largest = y.shape[-1] // 2, 0
    for place in range(max(0, middle - 5), min(y.shape[-1], middle + 5)):
        (gradient,) = torch.autograd.grad(y[0, 0, :, place].sum(), x, retain_graph=True)
        columns = (gradient.abs().sum((0, 1, 2)) > 0).nonzero().flatten().tolist()
        largest = max(largest, columns[-1] - columns[0] + 1 if columns else 0)
    return largest


def test_receptive_fields_equal_measured_ones() -> None:
    """40 stacks of convolutions and transposed ones with positive weights, far from the borders."""
    chance = random.Random(1)
    tried = 0
    for _ in range(60):
        stack = [{**layer, "groups": 1} for layer in drawn(chance, chance.randint(1, 3), pools=False)]
        rows = ask("rows", {"channels": 2, "height": 96, "width": 96}, stack)
        if "fault" in rows[-1] or rows[-1]["field"] > 64:  # it would reach the borders
            continue
        _, modules = shapes(2, 96, 96, stack)
        for module in modules:
            for parameter in module.parameters():
                nn.init.constant_(parameter, 0.1)
        assert rows[-1]["field"] == extent(modules, 2, 96), stack
        tried += 1
    assert tried > 30


def test_a_well_known_stack() -> None:
    """ResNet's beginning: 7x7 with stride 2, then pooling with stride 2: a field of 11, a jump of 4."""
    stack = [
        {"kind": "conv", "out": 64, "kernel": 7, "stride": 2, "padding": 3},
        {"kind": "max", "kernel": 3, "stride": 2, "padding": 1},
    ]
    first, last = ask("rows", {"channels": 3, "height": 224, "width": 224}, stack)
    assert first == {"shape": [64, 112, 112], "field": 7, "jump": 2, "parameters": 9472, "multiplyAdds": 118013952}
    assert (last["shape"], last["field"], last["jump"]) == ([64, 56, 56], 11, 4)


def test_code_makes_the_same_layers() -> None:
    chance = random.Random(2)
    for _ in range(60):
        stack = drawn(chance, 3)
        expected, modules = shapes(4, 20, 20, stack)
        stack = stack[: len(expected)]
        names: dict[str, Any] = {}
        exec(ask("python", {"channels": 4, "height": 20, "width": 20}, stack), names)
        assert [str(module) for module in names["model"]] == [str(module) for module in modules]


def test_address_keeps_the_stack() -> None:
    chance = random.Random(3)
    for _ in range(30):
        given = {"channels": 3, "height": 32, "width": 48}
        stack = drawn(chance, 3)
        back = ask("read", ask("write", given, stack))
        assert back["input"] == given
        assert ask("rows", given, back["stack"]) == ask("rows", given, stack)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "in=3.2&layers=",
        "in=3.4.5&layers=conv.1",
        "in=3.4.5&layers=constructor.1",
        "in=3.4.5&layers=conv.1.1.1.1.1.x",
    ],
)
def test_an_address_that_is_none(text: str) -> None:
    assert ask("read", text) is None
