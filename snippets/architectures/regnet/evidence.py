"""What each stage of RegNetY-3.2GF holds and costs at 224 by 224, its block, and where its widths come from.

Source: Radosavovic et al., "Designing Network Design Spaces", 2020, section 3.3
"""

import csv
import json
import math
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import torch
from torch import Tensor, fx, nn

SIZE = 224
VARIANTS = {  # blocks, width of the first, slope, step, width of a group; whether it has gates
    "X-400MF": (22, 24, 24.48, 2.54, 16, False),
    "X-3.2GF": (25, 88, 26.31, 2.25, 48, False),
    "Y-400MF": (16, 48, 27.89, 2.09, 8, True),
    "Y-3.2GF": (21, 80, 42.63, 2.66, 24, True),
    "Y-8GF": (17, 192, 76.82, 2.19, 56, True),
}


def stage_sizes(blocks: int, first: int, slope: float, step: float, group: int) -> list[tuple[int, int]]:
    """Width and number of blocks of each stage.

    A line gives each block its width; the width is rounded to a power of ``step`` times the first, then to a
    multiple of 8. Blocks of one width are a stage, and its width is rounded to whole groups.
    """
    powers = [round(math.log((first + slope * place) / first) / math.log(step)) for place in range(blocks)]
    widths = [8 * round(first * step**power / 8) for power in powers]
    return [(to_multiple(width, min(group, width)), widths.count(width)) for width in sorted(set(widths))]


def to_multiple(width: int, of: int) -> int:
    """The nearest multiple; the next one above where that would lose more than 10%."""
    nearest = max(of, int(width + of / 2) // of * of)
    return nearest if nearest >= 0.9 * width else nearest + of


def conv_norm(channels: int, out: int, kernel: int, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    """Convolution that keeps the map's size at stride 1, without a bias, and batch normalization."""
    return [nn.Conv2d(channels, out, kernel, stride, kernel // 2, groups=groups, bias=False), nn.BatchNorm2d(out)]


class SqueezeExcite(nn.Module):
    """Each channel times a number from 0 to 1, computed from the means of all channels."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        reduce, expand = nn.Conv2d(channels, hidden, 1), nn.Conv2d(hidden, channels, 1)
        self.gate = nn.Sequential(nn.AdaptiveAvgPool2d(1), reduce, nn.ReLU(), expand, nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, the same shape out."""
        return x * self.gate(x)


class Block(nn.Module):
    """ReLU(shortcut(x) + branch(x)): 1×1, grouped 3×3 and 1×1 convolutions, all of one width.

    Args:
        channels: of the input.
        width: of all three convolutions.
        stride: of the grouped convolution.
        group: channels of one group.
        gated: whether a gate follows the grouped convolution.
    """

    def __init__(self, channels: int, width: int, stride: int, group: int, gated: bool) -> None:
        super().__init__()
        same = stride == 1 and channels == width
        self.shortcut = nn.Identity() if same else nn.Sequential(*conv_norm(channels, width, 1, stride))
        grouped = conv_norm(width, width, 3, stride, groups=width // min(group, width))
        gate = [SqueezeExcite(width, round(0.25 * channels))] if gated else []
        first, last = conv_norm(channels, width, 1), conv_norm(width, width, 1)
        self.branch = nn.Sequential(*first, nn.ReLU(), *grouped, nn.ReLU(), *gate, *last)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, (batch, width, height / stride, width / stride) out."""
        return self.relu(self.shortcut(x) + self.branch(x))


class RegNet(nn.Module):
    """Images (batch, 3, height, width) to logits (batch, classes).

    Args:
        blocks: of all stages together.
        first: width of the first block, before rounding.
        slope: by how much each block is wider than the one before, before rounding.
        step: factor between the widths of two stages, before rounding.
        group: channels of one group.
        gated: RegNetY; else RegNetX.
        classes: of the last layer.
    """

    def __init__(
        self, blocks: int, first: int, slope: float, step: float, group: int, gated: bool, classes: int = 1000
    ) -> None:
        super().__init__()
        self.stem, channels = nn.Sequential(*conv_norm(3, 32, 3, 2), nn.ReLU()), 32
        for stage, (width, count) in enumerate(stage_sizes(blocks, first, slope, step, group), 1):
            made = [
                Block(width if place else channels, width, 1 if place else 2, group, gated) for place in range(count)
            ]
            self.add_module(f"stage{stage}", nn.Sequential(*made))
            channels = width
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        """Logits (batch, classes)."""
        for part in self.children():
            x = part(x)
        return x


class Stages(fx.Interpreter):
    """Runs a network without numbers and adds up, for each of its children, parameters, multiply-adds and activations.

    The receptive field grows by (kernel - 1) * dilation * jump at each layer, the jump by the stride.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__(fx.symbolic_trace(model))
        self.rows: dict[str, dict[str, Any]] = {}
        self.fields: dict[Any, tuple[int, int]] = {}

    def run_node(self, node: fx.Node) -> Any:
        """Run one operation, and count it for the child that it stands in."""
        out = super().run_node(node)
        before = [self.fields.get(source, (1, 1)) for source in node.all_input_nodes]
        field, jump = max((f for f, _ in before), default=1), max((j for _, j in before), default=1)
        if node.op == "call_module":
            module = self.fetch_attr(str(node.target))
            row = self.rows.setdefault(
                str(node.target).partition(".")[0], {"parameters": 0, "multiply_adds": 0, "activations": 0}
            )
            row["parameters"] += sum(p.numel() for p in module.parameters())
            row["activations"] += out.numel()
            if isinstance(module, nn.Conv2d | nn.Linear):
                row["multiply_adds"] += out.numel() * module.weight[0].numel()
            if isinstance(module, nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d):
                kernel, stride, dilation = (
                    one(getattr(module, name, 1)) for name in ("kernel_size", "stride", "dilation")
                )
                field, jump = field + (kernel - 1) * dilation * jump, jump * stride
            row.update(shape=list(out.shape[1:]), field=field)
        self.fields[node] = (field, jump)
        return out


def one(value: Any) -> int:
    """A setting for both directions, as one number."""
    return int(value[0] if isinstance(value, tuple) else value)


def stages(model: nn.Module, size: int = SIZE) -> dict[str, dict[str, Any]]:
    """Child -> output shape, parameters, multiply-adds, activations and receptive field, for one image."""
    interpreter = Stages(model.eval())
    interpreter.run(torch.empty(1, 3, size, size, device="meta"))
    return interpreter.rows


def save(name: str, network: str, rows: dict[str, dict[str, Any]]) -> None:
    """The table, and all numbers at full precision."""
    with Path(f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
        head = ["stage", "output", "parameters", "multiply-adds", "receptive field"]
        lines = [
            [
                stage,
                "×".join(map(str, r["shape"])),
                f"{r['parameters']:,}",
                f"{r['multiply_adds'] / 1e6:,.1f} M",
                r["field"],
            ]
            for stage, r in rows.items()
        ]
        csv.writer(file).writerows([head, *lines])
    total = {key: sum(r[key] for r in rows.values()) for key in ("parameters", "multiply_adds", "activations")}
    Path(f"{name}.json").write_text(json.dumps({"network": network, **total, "stages": rows}), encoding="utf-8")
    print(f"{network}: {total['parameters']:,} parameters, {total['multiply_adds'] / 1e9:.2f} G multiply-adds")


def box(axes: plt.Axes, x: float, y: float, text: str) -> None:
    """A box of a diagram, with its words; arrows lead from box to box."""
    axes.text(
        x, y, text, ha="center", va="center", bbox={"boxstyle": "round,pad=0.4", "facecolor": "none", "edgecolor": "C0"}
    )


def arrow(axes: plt.Axes, start: tuple[float, float], end: tuple[float, float], bend: float = 0.0) -> None:
    """An arrow of a diagram; ``bend`` leads it around boxes."""
    style = {"arrowstyle": "->", "color": "C1", "connectionstyle": f"arc3,rad={bend}", "shrinkA": 12, "shrinkB": 12}
    axes.annotate("", end, start, arrowprops=style)


def draw_block() -> None:
    """The block of the second stage, as a diagram."""
    _, axes = plt.subplots(figsize=(4.5, 5))
    names = [
        "x: 216 channels",
        "1×1 convolution, 216",
        "3×3 in 9 groups, 216",
        "gate, 54 hidden",
        "1×1 convolution, 216",
    ]
    names += ["+", "ReLU"]
    for place, name in enumerate(names):
        box(axes, 0, -place, name)
        if place:
            arrow(axes, (0, 1 - place), (0, -place))
    arrow(axes, (1.0, 0), (0.1, -5), bend=-0.9)
    axes.set(xlim=(-2.2, 3), ylim=(-6.5, 0.5))
    axes.set_axis_off()
    plt.savefig("regnet.svg")


def draw_widths(blocks: int, first: int, slope: float, step: float, group: int) -> None:
    """The line, and the width that each block has."""
    sizes = stage_sizes(blocks, first, slope, step, group)
    widths = [width for width, count in sizes for _ in range(count)]
    places = list(range(1, blocks + 1))
    _, axes = plt.subplots()
    axes.plot(places, [first + slope * (place - 1) for place in places], ":", label="line")
    axes.plot(places, widths, "o", label="width of the block")
    axes.set(xlabel="block", ylabel="channels", yscale="log")
    axes.legend()
    plt.savefig("regnet-widths.svg")
    with Path("regnet-widths.csv").open("w", newline="", encoding="utf-8") as file:
        lines = [
            [place, f"{first + slope * (place - 1):.1f}", width] for place, width in zip(places, widths, strict=True)
        ]
        csv.writer(file).writerows([["block", "line", "width of the block"], *lines])


if __name__ == "__main__":
    with torch.device("meta"):
        model = RegNet(*VARIANTS["Y-3.2GF"])
    save("regnet", "RegNetY-3.2GF", stages(model))
    draw_block()
    draw_widths(*VARIANTS["Y-3.2GF"][:5])
