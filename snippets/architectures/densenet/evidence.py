"""What each block of DenseNet-121 holds and costs for an image of 224 by 224, and a picture of a dense block.

Source: Huang et al., "Densely Connected Convolutional Networks", 2016, table 1 and figure 1
"""

import csv
import json
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import torch
from torch import Tensor, fx, nn

SIZE = 224
LAYERS = {121: [6, 12, 24, 16], 169: [6, 12, 32, 32], 201: [6, 12, 48, 32], 161: [6, 12, 36, 24]}


class DenseLayer(nn.Module):
    """Returns its input with ``growth`` new channels behind it.

    Args:
        channels: of the input.
        growth: new channels; a 1×1 convolution first reduces the input to four times as many.
    """

    def __init__(self, channels: int, growth: int) -> None:
        super().__init__()
        self.branch = nn.Sequential(
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, 4 * growth, 1, bias=False),
            nn.BatchNorm2d(4 * growth),
            nn.ReLU(),
            nn.Conv2d(4 * growth, growth, 3, padding=1, bias=False),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, (batch, channels + growth, height, width) out."""
        return torch.cat([x, self.branch(x)], dim=1)


def transition(channels: int) -> nn.Sequential:
    """Half the channels, half the height and width."""
    conv = nn.Conv2d(channels, channels // 2, 1, bias=False)
    return nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU(), conv, nn.AvgPool2d(2))


class DenseNet(nn.Module):
    """Images (batch, 3, height, width) to logits (batch, classes).

    Args:
        depth: 121, 169, 201, or 161, which has a growth of 48.
        growth: new channels of a layer, 32.
        classes: of the last layer.
    """

    def __init__(self, depth: int = 121, growth: int = 32, classes: int = 1000) -> None:
        super().__init__()
        channels = 2 * growth
        stem = nn.Conv2d(3, channels, 7, 2, 3, bias=False)
        self.stem = nn.Sequential(stem, nn.BatchNorm2d(channels), nn.ReLU(), nn.MaxPool2d(3, 2, 1))
        for place, layers in enumerate(LAYERS[depth], 1):
            made = [DenseLayer(channels + growth * layer, growth) for layer in range(layers)]
            self.add_module(f"block{place}", nn.Sequential(*made))
            channels += growth * layers
            if place < len(LAYERS[depth]):
                self.add_module(f"transition{place}", transition(channels))
                channels //= 2
        self.last = nn.Sequential(nn.BatchNorm2d(channels), nn.ReLU())
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)

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
        model = DenseNet()
    rows, x = stages(model), torch.empty(1, 3, SIZE, SIZE, device="meta")
    for name, part in model.named_children():  # a block ends with a concatenation, which is no module
        x = part(x)
        rows[name]["shape"] = list(x.shape[1:])
    save("densenet", "DenseNet-121", rows)
    _, axes = plt.subplots(figsize=(4.2, 5))
    names = ["x: 64 channels", "layer 1: 32 new", "layer 2: 32 new", "layer 3: 32 new", "160 channels"]
    for place, name in enumerate(names):
        box(axes, 0, -2 * place, name)
        for before in range(place):
            side = 1 if (place - before) % 2 else -1
            start = 0.0 if place == before + 1 else 0.75 * side
            arrow(axes, (start, -2 * before), (start, -2 * place), bend=-0.5 * side if start else 0.0)
    axes.set(xlim=(-3.4, 3.4), ylim=(-9, 1))
    axes.set_axis_off()
    plt.savefig("densenet.svg")
