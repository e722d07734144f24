"""What each stage of SqueezeNet 1.0 holds and costs for an image of 224 by 224, and a picture of its module.

Source: Iandola et al., "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and <0.5MB model size", 2016,
table 1
"""

import csv
import json
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import torch
from torch import Tensor, fx, nn

SIZE = 224

STAGES = {  # version -> channels of the squeeze in each fire module; their outputs are eight times as many
    "1.0": [[16, 16, 32], [32, 48, 48, 64], [64]],
    "1.1": [[16, 16], [32, 32], [48, 48, 64, 64]],
}


class Fire(nn.Module):
    """A 1×1 convolution to few channels; from these a 1×1 and a 3×3 convolution, joined. ReLU after each.

    Args:
        channels: of the input.
        narrow: channels of the squeeze.
        each: channels of each of the two outputs.
    """

    def __init__(self, channels: int, narrow: int, each: int) -> None:
        super().__init__()
        self.squeeze = nn.Sequential(nn.Conv2d(channels, narrow, 1), nn.ReLU())
        self.expand1 = nn.Conv2d(narrow, each, 1)
        self.expand3 = nn.Conv2d(narrow, each, 3, padding=1)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, (batch, 2 * each, height, width) out."""
        x = self.squeeze(x)
        return self.relu(torch.cat([self.expand1(x), self.expand3(x)], dim=1))


class SqueezeNet(nn.Module):
    """Images (batch, 3, height, width) to logits (batch, classes), none of them negative.

    Args:
        version: 1.0 as in the paper, or 1.1 with less than half of the work.
        classes: of the last layer.
        dropout: before the last layer.
    """

    def __init__(self, version: str = "1.0", classes: int = 1000, dropout: float = 0.5) -> None:
        super().__init__()
        channels, kernel = (96, 7) if version == "1.0" else (64, 3)
        self.stem = nn.Sequential(nn.Conv2d(3, channels, kernel, 2), nn.ReLU())
        for place, narrow in enumerate(STAGES[version]):
            stage = nn.Sequential(nn.MaxPool2d(3, 2, ceil_mode=True))
            for each in narrow:
                stage.append(Fire(channels, each, 4 * each))
                channels = 8 * each
            self.add_module(f"stage{place + 1}", stage)
        last = [nn.Dropout(dropout), nn.Conv2d(channels, classes, 1), nn.ReLU()]
        self.head = nn.Sequential(*last, nn.AdaptiveAvgPool2d(1), nn.Flatten())

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
        model = SqueezeNet()
    save("squeezenet", "SqueezeNet 1.0", stages(model))
    _, axes = plt.subplots(figsize=(4.5, 4))
    places: dict[str, tuple[float, float]] = {
        "x: 128 channels": (0, 0),
        "1×1 convolution, 16": (0, -1),
        "join: 128 channels": (0, -3),
    }
    places |= {"1×1 convolution, 64": (-1.2, -2), "3×3 convolution, 64": (1.2, -2)}
    for name, (x, y) in places.items():
        box(axes, x, y, name)
    arrow(axes, (0, 0), (0, -1))
    for side in (-1.2, 1.2):
        arrow(axes, (0, -1), (side, -2))
        arrow(axes, (side, -2), (0, -3))
    axes.set(xlim=(-2.4, 2.4), ylim=(-3.5, 0.5))
    axes.set_axis_off()
    plt.savefig("squeezenet.svg")
