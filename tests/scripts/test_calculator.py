"""The calculator's arithmetic equals torch on hundreds of random stacks: sizes, refusals, costs, receptive fields."""

from __future__ import annotations

import json
import math
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


def drawn(chance: random.Random, depth: int, steps: tuple[int, int] = (1, 3)) -> list[Layer]:
    """A stack such as people type: most fit, some do not."""
    stack: list[Layer] = []
    for _ in range(depth):
        kind = chance.choice(["conv", "conv", "transposed", "transposed", "max", "average"])
        layer: Layer = {"kind": kind, "kernel": chance.randint(1, 5), "stride": chance.randint(*steps)}
        layer["padding"] = chance.randint(0, 2)
        if kind in ("conv", "transposed", "max"):
            layer["dilation"] = chance.choice([1, 1, 2, 3])
        if kind in ("conv", "transposed"):
            layer |= {"out": chance.choice([2, 4, 6]), "groups": chance.choice([1, 1, 1, 2, 3])}
        if kind == "transposed":
            layer["outputPadding"] = chance.choice([0, 0, 1, 2])
        stack.append(layer)
    return stack


def built(layer: Layer, channels: int, lines: bool = False) -> nn.Module:
    """torch's layer, or that of one dimension; it may refuse."""
    names = {"kernel": "kernel_size", "outputPadding": "output_padding"}
    settings = {names.get(k, k): v for k, v in layer.items() if k not in ("kind", "out")}
    given = [channels, layer["out"]] if "out" in layer else []
    kind = CLASSES[layer["kind"]]
    return (getattr(nn, kind.__name__.replace("2d", "1d")) if lines else kind)(*given, **settings)


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


def sees(stack: list[Layer], side: int) -> Tensor:
    """Which of the side's inputs reach which outputs, (inputs, outputs): each input alone is 1, torch's own layers do
    the rest. Along one side, since both are alike; with positive weights, so that nothing cancels."""
    x = torch.eye(side, dtype=torch.float64).unsqueeze(1)
    for layer in stack:
        module = built({**layer, "out": 1, "groups": 1} if "out" in layer else layer, 1, lines=True).double()
        for name, parameter in module.named_parameters():
            nn.init.constant_(parameter, 0.0 if name == "bias" else 1.0)
        x = module(x) > 0  # what reaches it at all
        x = x.double()
    return x[:, 0] > 0


@pytest.mark.parametrize(("depth", "up", "side"), [((1, 3), 0, 192), ((4, 6), 0, 192), ((1, 2), 4, 48)])
def test_receptive_fields_and_jumps_equal_measured_ones(depth: tuple[int, int], up: int, side: int) -> None:
    """Hundreds of stacks with pools, far from the borders: short ones, deep ones, ones that end in a long decoder."""
    chance, tried, transposed = random.Random(1), 0, 0
    while tried < 120:
        stack = drawn(chance, chance.randint(*depth), steps=(1, 3) if depth[0] == 1 else (2, 4))
        for _ in range(up):  # kernels of about the stride, which see one place or two
            stride = chance.randint(2, 4)
            layer = {"kind": "transposed", "out": 1, "kernel": stride + chance.choice([-1, 0, 0, 1]), "stride": stride}
            stack.append({**layer, "padding": chance.randint(0, 1)})
        rows = ask("rows", {"channels": 12, "height": side, "width": side}, [{**each, "groups": 1} for each in stack])
        if "fault" in rows[-1] or not 64 < rows[-1]["shape"][-1] < 40_000 or rows[-1]["field"] > side // 4:
            continue  # it would reach the borders, or leaves too little
        reach = sees(stack, side)
        middle = reach[:, reach.shape[1] // 4 : -(reach.shape[1] // 4)]
        places = torch.arange(side).unsqueeze(1)
        first = torch.where(middle, places, side).amin(0)
        last = torch.where(middle, places, -1).amax(0)
        again = math.prod(layer["stride"] for layer in stack if layer["kind"] == "transposed")
        if len(first) < 2 * again:
            continue
        extents = (last - first + 1).clamp_min(0)
        assert (rows[-1]["field"], rows[-1]["atLeast"]) == (extents.max().item(), False), stack
        used = (extents[again:] > 0) & (extents[:-again] > 0)
        assert ((first[again:] - first[:-again])[used] == round(again * rows[-1]["jump"])).all(), stack
        tried += 1
        transposed += again > 64
    assert transposed > 5 or not up


def test_field_that_has_too_many_kinds_of_places() -> None:
    """Then it is said as what it is at least, and not forever."""
    stack = [{"kind": "transposed", "out": 1, "kernel": 900, "stride": 900}] * 2
    (_, row) = ask("rows", {"channels": 1, "height": 4, "width": 4}, stack)
    assert (row["field"], row["atLeast"]) == (1, True)


def test_a_well_known_stack() -> None:
    """ResNet's beginning: 7x7 with stride 2, then pooling with stride 2: a field of 11, a jump of 4."""
    stack = [
        {"kind": "conv", "out": 64, "kernel": 7, "stride": 2, "padding": 3},
        {"kind": "max", "kernel": 3, "stride": 2, "padding": 1},
    ]
    first, last = ask("rows", {"channels": 3, "height": 224, "width": 224}, stack)
    size, field = {"shape": [64, 112, 112], "jump": 2}, {"field": 7, "atLeast": False}
    assert first == size | field | {"parameters": 9472, "multiplyAdds": 118013952}
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
    """Also a faulty one, which is what somebody asks about."""
    chance = random.Random(3)
    for _ in range(30):
        given = {"channels": 3, "height": 32, "width": 48}
        stack = [*drawn(chance, 3), {"kind": "conv", "kernel": 700, "groups": 5}]
        assert ask("complete", given, stack)
        back = ask("read", ask("write", given, stack))
        assert back["input"] == given
        assert ask("rows", given, back["stack"]) == ask("rows", given, stack)


@pytest.mark.parametrize("value", [None, 1.5, -1, 1e30])
def test_what_has_no_address(value: float | None) -> None:
    """A field that is empty, or holds no whole number."""
    given = {"channels": 3, "height": 32, "width": 48}
    assert not ask("complete", given, [{"kind": "conv", "kernel": value}])
    assert not ask("complete", given | {"height": value}, [])


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
