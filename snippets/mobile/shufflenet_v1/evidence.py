"""What each stage of ShuffleNet v1 holds and costs for an image of 224 by 224, and a picture of its unit.

Source: Zhang et al., "ShuffleNet: An Extremely Efficient Convolutional Neural Network for Mobile Devices", 2017,
table 1 and figure 2
"""

import csv
import json
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import torch
from torch import Tensor, fx, nn

SIZE = 224

FIRST = {3: 240, 8: 384}  # groups -> channels of the first stage; each later stage has twice as many


class Unit(nn.Module):
    """Grouped 1×1 convolution, shuffle, 3×3 convolution of each channel, grouped 1×1 convolution, and a shortcut.

    With a stride of 2 the shortcut is an average of the input, which is joined and not added.

    Args:
        channels: of the input.
        out: of the output.
        groups: of the 1×1 convolutions.
        stride: 1 or 2.
        whole: the first convolution has no groups.
    """

    def __init__(self, channels: int, out: int, groups: int, stride: int, whole: bool = False) -> None:
        super().__init__()
        inside, added = out // 4, out - channels if stride > 1 else out
        self.branch = nn.Sequential(
            nn.Conv2d(channels, inside, 1, groups=1 if whole else groups, bias=False),
            nn.BatchNorm2d(inside),
            nn.ReLU(),
            nn.ChannelShuffle(groups),
            nn.Conv2d(inside, inside, 3, stride, 1, groups=inside, bias=False),
            nn.BatchNorm2d(inside),
            nn.Conv2d(inside, added, 1, groups=groups, bias=False),
            nn.BatchNorm2d(added),
        )
        self.stride, self.mean, self.relu = stride, nn.AvgPool2d(3, 2, 1), nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, (batch, out, height / stride, width / stride) out."""
        if self.stride > 1:
            return self.relu(torch.cat([self.mean(x), self.branch(x)], dim=1))
        return self.relu(x + self.branch(x))


class ShuffleNetV1(nn.Module):
    """Images (batch, 3, height, width) to logits (batch, classes).

    Args:
        groups: of the 1×1 convolutions, 3 or 8.
        width: factor for the channels of the stages.
        classes: of the last layer.
        channels: of the first convolution.
    """

    def __init__(self, groups: int = 3, width: float = 1.0, classes: int = 1000, channels: int = 24) -> None:
        super().__init__()
        stem = [nn.Conv2d(3, channels, 3, 2, 1, bias=False), nn.BatchNorm2d(channels), nn.ReLU()]
        self.stem = nn.Sequential(*stem, nn.MaxPool2d(3, 2, 1))
        for place, units in enumerate((4, 8, 4)):
            out = int(FIRST[groups] * width) << place
            first = Unit(channels, out, groups, 2, whole=place == 0)
            self.add_module(
                f"stage{place + 1}", nn.Sequential(first, *(Unit(out, out, groups, 1) for _ in range(units - 1)))
            )
            channels = out
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes, bias=False))

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
        model = ShuffleNetV1()
    save("shufflenet-v1", "ShuffleNet v1, 3 groups", stages(model))
    _, axes = plt.subplots(figsize=(4.5, 5.5))
    names = ["x: 240 channels", "1×1 convolution, 60, 3 groups", "channel shuffle", "3×3 depthwise, 60"]
    names += ["1×1 convolution, 240, 3 groups", "+"]
    for place, name in enumerate(names):
        box(axes, 0, -place, name)
        if place:
            arrow(axes, (0, 1 - place), (0, -place))
    arrow(axes, (1.1, 0), (0.1, -5), bend=-0.8)
    axes.set(xlim=(-2.2, 3), ylim=(-5.5, 0.5))
    axes.set_axis_off()
    plt.savefig("shufflenet-v1.svg")
