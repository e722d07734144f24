"""What experiments share counts rightly: each kind of layer by hand, receptive fields by gradients."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from snippets import experiment
from snippets.experiment import PLACE, SHAPE, Stages, reach, save, stages


class Net(nn.Module):
    """A stage of each kind, with a parameter of its own, a skip, and a dropout that is not counted."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(8, 1, 1))
        self.first = nn.Sequential(nn.Conv2d(3, 8, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU())
        self.deep = nn.Sequential(nn.Conv2d(8, 8, 3, padding=2, dilation=2, groups=4), nn.Dropout(0.5), nn.MaxPool2d(2))
        self.up = nn.ConvTranspose2d(8, 4, 2, 2)
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 10))

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        return self.head(self.up(self.deep(x * self.scale)))


def net() -> Net:
    with torch.device("meta"):
        return Net()


def test_counts() -> None:
    """Parameters, multiply-adds, convolutions' outputs, shapes and fields of each stage, worked out by hand."""
    rows = stages(net(), size=32)
    numbers = {name: (r["parameters"], r["multiply_adds"], r["activations"]) for name, r in rows.items()}
    assert numbers == {
        "scale": (8, 0, 0),
        "first": (216 + 16, 16 * 16 * 8 * 27, 16 * 16 * 8),
        "deep": (8 * 2 * 9 + 8, 16 * 16 * 8 * 18, 16 * 16 * 8),
        "up": (8 * 4 * 4 + 4, 16 * 16 * 4 * 8, 16 * 16 * 4),
        "head": (50, 40, 0),
    }
    assert {name: rows[name]["field"] for name in ("first", "deep", "up")} == {"first": 3, "deep": 13, "up": 13}
    assert {name: rows[name]["shape"] for name in ("deep", "up", "head")} == {
        "deep": [8, 8, 8],
        "up": [4, 16, 16],
        "head": [10],
    }
    assert sum(row["parameters"] for row in rows.values()) == sum(p.numel() for p in Net().parameters())


def test_a_linear_layer_at_each_place_is_a_convolution() -> None:
    """It counts as the 1 x 1 convolution that it is; a head of one vector an image does not."""
    with torch.device("meta"):
        model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Sequential(nn.Flatten(2), nn.Linear(16, 5)))
    rows = stages(model, size=4)
    assert (rows["0"]["activations"], rows["1"]["activations"]) == (4 * 16, 4 * 5)


def test_field_is_what_gradients_see() -> None:
    """Of a stack with strides and dilations: as many pixels a side as move one output."""
    model = nn.Sequential(nn.Conv2d(3, 4, 3, 2), nn.Conv2d(4, 4, 3, dilation=2), nn.AvgPool2d(2), nn.Conv2d(4, 4, 3))
    for weight in model.parameters():
        nn.init.constant_(weight, 1.0)
    x = torch.ones(1, 3, 64, 64, requires_grad=True)
    y = model(x)
    (slope,) = torch.autograd.grad(y[0, 0, 2, 2], x)
    seen = slope[0, 0].abs().sum(0).nonzero()
    assert stages(model, size=64)["3"]["field"] == int(seen.max() - seen.min()) + 1


def test_another_stage() -> None:
    """What a subclass says counts together."""

    class All(Stages):
        def stage(self, target: str) -> str:
            return "all"

    rows = stages(net(), size=32, count=All)
    assert list(rows) == ["all"]
    assert rows["all"]["parameters"] == sum(p.numel() for p in Net().parameters())


@pytest.mark.parametrize(("small", "shown"), [(False, "0.1 M"), (True, "55,296")])
def test_saved(small: bool, shown: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    """The table as people read it, the sums and all numbers as they are."""
    monkeypatch.chdir(tmp_path)
    rows = {"first": stages(net(), size=32)["first"]}
    save("net", "Net", rows, small=small)
    assert (tmp_path / "net.csv").read_text().splitlines()[1] == f"first,8×16×16,232,{shown},3".replace(
        shown, f'"{shown}"' if small else shown
    )
    kept = json.loads((tmp_path / "net.json").read_text())
    assert (kept["network"], kept["parameters"], kept["multiply_adds"]) == ("Net", 232, 55_296)
    assert kept["stages"] == rows
    assert capsys.readouterr().out.startswith("Net: 232 parameters, ")


@pytest.mark.parametrize(
    ("layer", "shared"),
    [(nn.InstanceNorm2d(6), 9), (nn.LayerNorm(SHAPE[1:]), 54), (nn.BatchNorm2d(6), 27), (nn.Identity(), 1)],
)
def test_reach(layer: nn.Module, shared: int) -> None:
    """As many elements as one map, one sample, one channel of all samples, or itself; always itself."""
    reached = reach(layer)
    assert int(reached.sum()) == shared
    assert reached[PLACE]


def test_it_is_silent_on_import(capsys) -> None:
    """Like every snippet."""
    import importlib

    importlib.reload(experiment)
    assert capsys.readouterr().out == ""
