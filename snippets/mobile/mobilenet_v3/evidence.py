"""What each stage of MobileNetV3-Large holds and costs for an image of 224 by 224, and a picture of its block.

Source: Howard et al., "Searching for MobileNetV3", 2019, table 1 and figure 4
"""

import csv
import json
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import torch
from torch import Tensor, fx, nn

SIZE = 224

BLOCKS = {  # kernel, channels inside, channels, squeeze, hard swish, stride; a stage is a group of rows
    "large": [
        [(3, 16, 16, False, False, 1)],
        [(3, 64, 24, False, False, 2), (3, 72, 24, False, False, 1)],
        [(5, 72, 40, True, False, 2), (5, 120, 40, True, False, 1), (5, 120, 40, True, False, 1)],
        [(3, 240, 80, False, True, 2), (3, 200, 80, False, True, 1)] + 2 * [(3, 184, 80, False, True, 1)],
        [(3, 480, 112, True, True, 1), (3, 672, 112, True, True, 1)],
        [(5, 672, 160, True, True, 2), (5, 960, 160, True, True, 1), (5, 960, 160, True, True, 1)],
    ],
    "small": [
        [(3, 16, 16, True, False, 2)],
        [(3, 72, 24, False, False, 2), (3, 88, 24, False, False, 1)],
        [(5, 96, 40, True, True, 2), (5, 240, 40, True, True, 1), (5, 240, 40, True, True, 1)],
        [(5, 120, 48, True, True, 1), (5, 144, 48, True, True, 1)],
        [(5, 288, 96, True, True, 2), (5, 576, 96, True, True, 1), (5, 576, 96, True, True, 1)],
    ],
}


def rounded(channels: float) -> int:
    """The nearest multiple of 8; the next one above where that would lose more than 10%."""
    nearest = max(8, int(channels + 4) // 8 * 8)
    return nearest if nearest >= 0.9 * channels else nearest + 8


def conv(channels: int, out: int, kernel: int, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    """Convolution without a bias, batch normalization with the paper's constants."""
    layer = nn.Conv2d(channels, out, kernel, stride, kernel // 2, groups=groups, bias=False)
    return [layer, nn.BatchNorm2d(out, eps=1e-3, momentum=0.01)]


class Squeeze(nn.Module):
    """Multiplies each channel by a number from 0 to 1 that two small layers compute from the means of all channels."""

    def __init__(self, channels: int, narrow: int) -> None:
        super().__init__()
        first, second = nn.Conv2d(channels, narrow, 1), nn.Conv2d(narrow, channels, 1)
        self.scale = nn.Sequential(nn.AdaptiveAvgPool2d(1), first, nn.ReLU(), second, nn.Hardsigmoid())

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, the same shape out."""
        return x * self.scale(x)


class InvertedResidual(nn.Module):
    """MobileNetV2's block with a choice of kernel and activation, and a squeeze before it narrows.

    Args:
        channels: of the input.
        kernel: of the depthwise convolution.
        wide: channels inside.
        out: of the output.
        squeeze: whether channels are weighted.
        hard: hard swish in place of ReLU.
        stride: of the depthwise convolution.
    """

    def __init__(self, channels: int, kernel: int, wide: int, out: int, squeeze: bool, hard: bool, stride: int) -> None:
        super().__init__()
        act = nn.Hardswish if hard else nn.ReLU
        widen = [*conv(channels, wide, 1), act()] if wide != channels else []
        filtered = [*conv(wide, wide, kernel, stride, groups=wide), act()]
        weighted = [Squeeze(wide, rounded(wide // 4))] if squeeze else []
        self.branch = nn.Sequential(*widen, *filtered, *weighted, *conv(wide, out, 1))
        self.shortcut = stride == 1 and channels == out

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, (batch, out, height / stride, width / stride) out."""
        return x + self.branch(x) if self.shortcut else self.branch(x)


class MobileNetV3(nn.Module):
    """Images (batch, 3, height, width) to logits (batch, classes).

    Args:
        size: large or small.
        width: factor for the channels of all layers.
        classes: of the last layer.
        dropout: before the last layer.
    """

    def __init__(self, size: str = "large", width: float = 1.0, classes: int = 1000, dropout: float = 0.2) -> None:
        super().__init__()
        channels = rounded(16 * width)
        self.stem = nn.Sequential(*conv(3, channels, 3, 2), nn.Hardswish())
        for place, rows in enumerate(BLOCKS[size]):
            stage = nn.Sequential()
            for kernel, inside, base, squeeze, hard, stride in rows:
                out = rounded(base * width)
                stage.append(InvertedResidual(channels, kernel, rounded(inside * width), out, squeeze, hard, stride))
                channels = out
            self.add_module(f"stage{place + 1}", stage)
        last, hidden = 6 * channels, rounded({"large": 1280, "small": 1024}[size] * width)
        self.last = nn.Sequential(*conv(channels, last, 1), nn.Hardswish())
        linear = [nn.Linear(last, hidden), nn.Hardswish(), nn.Dropout(dropout), nn.Linear(hidden, classes)]
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), *linear)

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


if __name__ == "__main__":
    with torch.device("meta"):
        model = MobileNetV3()
    save("mobilenet-v3", "MobileNetV3-Large", stages(model))
    _, axes = plt.subplots(figsize=(4.5, 5.5))
    names = [
        "x: 112 channels",
        "1×1 convolution, 672",
        "3×3 depthwise, 672",
        "squeeze: 672 factors",
        "1×1 convolution, 112",
        "+",
    ]
    for place, name in enumerate(names):
        box(axes, 0, -place, name)
        if place:
            arrow(axes, (0, 1 - place), (0, -place))
    arrow(axes, (1.1, 0), (0.1, -5), bend=-0.8)
    axes.set(xlim=(-2.2, 3), ylim=(-5.5, 0.5))
    axes.set_axis_off()
    plt.savefig("mobilenet-v3.svg")
