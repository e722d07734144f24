"""What each stage of EfficientNet-B0 holds and costs for an image of 224 by 224, and what scaling it costs.

Source: Tan and Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", 2019, section 3
"""

import csv
import json
import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import torch
from torch import Tensor, fx, nn

SIZE = 224
STAGES = [  # expansion, kernel, stride, channels, blocks
    *[(1, 3, 1, 16, 1), (6, 3, 2, 24, 2), (6, 5, 2, 40, 2), (6, 3, 2, 80, 3)],
    *[(6, 5, 1, 112, 3), (6, 5, 2, 192, 4), (6, 3, 1, 320, 1)],
]


def rounded(channels: float) -> int:
    """The nearest multiple of 8; the next one above where that would lose more than 10%."""
    nearest = max(8, int(channels + 4) // 8 * 8)
    return nearest if nearest >= 0.9 * channels else nearest + 8


def conv(channels: int, out: int, kernel: int, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    """Convolution without a bias, batch normalization."""
    return [nn.Conv2d(channels, out, kernel, stride, kernel // 2, groups=groups, bias=False), nn.BatchNorm2d(out)]


class SqueezeExcite(nn.Module):
    """Each channel times a number from 0 to 1, computed from the means of all channels."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        reduce, expand = nn.Conv2d(channels, hidden, 1), nn.Conv2d(hidden, channels, 1)
        self.gate = nn.Sequential(nn.AdaptiveAvgPool2d(1), reduce, nn.SiLU(), expand, nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, the same shape out."""
        return x * self.gate(x)


class DropPath(nn.Module):
    """In training, zero for a share p of the samples, the others divided by 1 - p."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, the same shape out."""
        if not self.training or self.p == 0:
            return x
        return x * x.new_empty(x.shape[0], 1, 1, 1).bernoulli_(1 - self.p).div_(1 - self.p)


class MBConv(nn.Module):
    """Widen, filter each channel by itself, weigh the channels, narrow; plus the input where shapes agree.

    Args:
        channels: of the input.
        out: of the output.
        kernel: size of the depthwise kernel.
        stride: of the depthwise convolution.
        expansion: how many times wider it is inside than at its input; 1 leaves the first convolution out.
        drop: share of the samples whose branch is left out in training.
    """

    def __init__(self, channels: int, out: int, kernel: int, stride: int, expansion: int, drop: float = 0.0) -> None:
        super().__init__()
        wide = rounded(channels * expansion)
        widen = [*conv(channels, wide, 1), nn.SiLU()] if expansion > 1 else []
        filtered = [*conv(wide, wide, kernel, stride, groups=wide), nn.SiLU(), SqueezeExcite(wide, channels // 4)]
        self.branch = nn.Sequential(*widen, *filtered, *conv(wide, out, 1))
        self.shortcut, self.drop_path = stride == 1 and channels == out, DropPath(drop)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, (batch, out, height / stride, width / stride) out."""
        return x + self.drop_path(self.branch(x)) if self.shortcut else self.branch(x)


class EfficientNet(nn.Module):
    """Images (batch, 3, height, width) to logits (batch, classes).

    Args:
        width: factor for the channels of all layers.
        depth: factor for the blocks of all stages.
        dropout: before the last layer.
        classes: of the last layer.
        drop_path: rate that grows with the block's place, from 0 to just below this.
    """

    def __init__(
        self, width: float = 1.0, depth: float = 1.0, dropout: float = 0.2, classes: int = 1000, drop_path: float = 0.2
    ) -> None:
        super().__init__()
        channels, place = rounded(32 * width), 0
        total = sum(math.ceil(blocks * depth) for *_, blocks in STAGES)
        self.stem = nn.Sequential(*conv(3, channels, 3, 2), nn.SiLU())
        for number, (expansion, kernel, stride, base, blocks) in enumerate(STAGES, 1):
            made, out = [], rounded(base * width)
            for first in [True] + [False] * (math.ceil(blocks * depth) - 1):
                made.append(MBConv(channels, out, kernel, stride if first else 1, expansion, drop_path * place / total))
                channels, place = out, place + 1
            self.add_module(f"stage{number}", nn.Sequential(*made))
        pooled = [*conv(channels, 4 * channels, 1), nn.SiLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
        self.head = nn.Sequential(*pooled, nn.Dropout(dropout), nn.Linear(4 * channels, classes))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")

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


SCALED: dict[str, tuple[float, float, int]] = {
    "B0": (1, 1, 224),
    "twice as deep": (1, 2, 224),
    "twice as wide": (2, 1, 224),
    "twice the resolution": (1, 1, 448),
}
SCALED |= {"all three": (1.1, 1.2, 257)}


def scaling() -> dict[str, dict[str, float]]:
    """Network -> the factor of multiply-adds by the formula and as counted, and the parameters."""
    rows: dict[str, dict[str, float]] = {}
    for name, (width, depth, size) in SCALED.items():
        with torch.device("meta"):
            parts = stages(EfficientNet(width, depth), size).values()
        count = {key: sum(part[key] for part in parts) for key in ("parameters", "multiply_adds", "activations")}
        rows[name] = {"formula": depth * width**2 * (size / SIZE) ** 2, **count}
    return rows


def save_scaling(rows: dict[str, dict[str, float]]) -> None:
    """The table, and the numbers beside those of the stages."""
    head = ["network", "formula", "multiply-adds counted", "activations", "parameters"]
    lines = [
        [
            name,
            f"{row['formula']:.2f}",
            *(f"{row[key] / rows['B0'][key]:.2f}" for key in ("multiply_adds", "activations", "parameters")),
        ]
        for name, row in rows.items()
    ]
    with Path("efficientnet-scaling.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([head, *lines])
    path = Path("efficientnet.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"scaled": rows}), encoding="utf-8")


if __name__ == "__main__":
    with torch.device("meta"):
        model = EfficientNet()
    save("efficientnet", "EfficientNet-B0", stages(model))
    save_scaling(scaling())
    _, axes = plt.subplots(figsize=(4.5, 6))
    names = [
        "x: 40 channels",
        "1×1 convolution, 240",
        "5×5 depthwise, 240",
        "times the gate",
        "1×1 convolution, 40",
        "+",
    ]
    heights = [0, -1, -2, -4.2, -5.2, -6.2]
    for name, height in zip(names, heights, strict=True):
        box(axes, 0, height, name)
    for start, end in pairwise(heights):
        arrow(axes, (0, start), (0, end))
    for name, height in (("mean of each channel", -2.6), ("1×1, 10; 1×1, 240; sigmoid", -3.4)):
        box(axes, 2.6, height, name)
    arrow(axes, (1.2, -2), (2.4, -2.6))
    arrow(axes, (2.6, -2.6), (2.6, -3.4))
    arrow(axes, (2.4, -3.4), (0.9, -4.2))
    arrow(axes, (-0.8, 0), (-0.1, -6.2), bend=0.65)
    axes.set(xlim=(-2.8, 4.4), ylim=(-6.7, 0.5))
    axes.set_axis_off()
    plt.savefig("efficientnet.svg")
