"""What each stage of SE-ResNet-50 holds and costs for an image of 224 by 224, and what its gates add to ResNet-50.

Source: Hu et al., "Squeeze-and-Excitation Networks", 2017, section 3 and table 1
"""

import csv
import json
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import torch
from torch import Tensor, fx, nn

SIZE = 224
LAYERS = {50: [3, 4, 6, 3], 101: [3, 4, 23, 3], 152: [3, 8, 36, 3]}


class SqueezeExcite(nn.Module):
    """Each channel times a number from 0 to 1, computed from the means of all channels.

    Args:
        channels: of input and output.
        reduction: how many times fewer channels there are between the two layers.
    """

    def __init__(self, channels: int, reduction: int = 16) -> None:
        super().__init__()
        hidden = channels // reduction
        reduce, expand = nn.Conv2d(channels, hidden, 1), nn.Conv2d(hidden, channels, 1)
        self.gate = nn.Sequential(nn.AdaptiveAvgPool2d(1), reduce, nn.ReLU(), expand, nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, the same shape out."""
        return x * self.gate(x)


def conv_norm(channels: int, out: int, kernel: int, stride: int = 1) -> list[nn.Module]:
    """Convolution that keeps the map's size at stride 1, without a bias, and batch normalization."""
    return [nn.Conv2d(channels, out, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(out)]


class Block(nn.Module):
    """ReLU(shortcut(x) + gate(branch(x))), a bottleneck of 1×1, 3×3, 1×1 with a gate before the sum.

    Args:
        channels: of the input.
        width: of the 3×3 convolution; the output has four times as many channels.
        stride: of the 3×3 convolution.
        reduction: of the gate.
    """

    def __init__(self, channels: int, width: int, stride: int, reduction: int = 16) -> None:
        super().__init__()
        first, second = conv_norm(channels, width, 1), conv_norm(width, width, 3, stride)
        last = [*conv_norm(width, 4 * width, 1), SqueezeExcite(4 * width, reduction)]
        self.branch = nn.Sequential(*first, nn.ReLU(), *second, nn.ReLU(), *last)
        same = stride == 1 and channels == 4 * width
        self.shortcut = nn.Identity() if same else nn.Sequential(*conv_norm(channels, 4 * width, 1, stride))
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, (batch, 4 * width, height / stride, width / stride) out."""
        return self.relu(self.shortcut(x) + self.branch(x))


class SEResNet(nn.Module):
    """Images (batch, 3, height, width) to logits (batch, classes).

    Args:
        depth: 50, 101 or 152 layers, not counting those of the gates.
        classes: of the last layer.
        width: of the first stage, 64; each later stage has twice as many.
        reduction: of the gates.
    """

    def __init__(self, depth: int = 50, classes: int = 1000, width: int = 64, reduction: int = 16) -> None:
        super().__init__()
        self.stem = nn.Sequential(*conv_norm(3, width, 7, 2), nn.ReLU(), nn.MaxPool2d(3, 2, 1))
        channels = width
        for stage, blocks in enumerate(LAYERS[depth]):
            made = []
            for place in range(blocks):
                made.append(Block(channels, width << stage, 2 if stage and not place else 1, reduction))
                channels = 4 * width << stage
            self.add_module(f"stage{stage + 1}", nn.Sequential(*made))
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


REDUCTIONS = (4, 8, 16, 32)


def gates(reduction: int) -> dict[str, int]:
    """Parameters and multiply-adds of all gates; each weight multiplies once an image."""
    with torch.device("meta"):
        model = SEResNet(reduction=reduction)
    found = [module for module in model.modules() if isinstance(module, SqueezeExcite)]
    layers = [layer for gate in found for layer in gate.modules() if isinstance(layer, nn.Conv2d)]
    held = sum(parameter.numel() for gate in found for parameter in gate.parameters())
    return {"parameters": held, "multiply_adds": sum(layer.weight.numel() for layer in layers), "gates": len(found)}


def save_gates(rows: dict[str, dict[str, int]]) -> None:
    """The table of reductions, and its numbers beside those of the stages."""
    path = Path("senet.json")
    numbers = json.loads(path.read_text(encoding="utf-8"))
    without = {key: numbers[key] - rows["16"][key] for key in ("parameters", "multiply_adds")}
    path.write_text(json.dumps(numbers | {"gates": rows, "without": without}), encoding="utf-8")
    head = ["reduction", "parameters", "share of ResNet-50's", "multiply-adds", "share of ResNet-50's multiply-adds"]
    lines = [
        [
            reduction,
            f"{row['parameters']:,}",
            f"{row['parameters'] / without['parameters']:.1%}",
            f"{row['multiply_adds'] / 1e6:.1f} M",
            f"{row['multiply_adds'] / without['multiply_adds']:.2%}",
        ]
        for reduction, row in rows.items()
    ]
    with Path("senet-gates.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([head, *lines])


if __name__ == "__main__":
    with torch.device("meta"):
        model = SEResNet()
    save("senet", "SE-ResNet-50", stages(model))
    save_gates({str(reduction): gates(reduction) for reduction in REDUCTIONS})
    _, axes = plt.subplots(figsize=(4.5, 5))
    for name, height in (
        ("x: 256 channels", 0),
        ("bottleneck, 256", -1),
        ("times the gate", -4.2),
        ("+", -5.2),
        ("ReLU", -6.2),
    ):
        box(axes, 0, height, name)
    for start, end in ((0, -1), (-1, -4.2), (-4.2, -5.2), (-5.2, -6.2)):
        arrow(axes, (0, start), (0, end))
    gate = ["mean of each channel", "linear layer, 16, ReLU", "linear layer, 256, sigmoid"]
    for place, name in enumerate(gate):
        box(axes, 2.6, -1.7 - 0.8 * place, name)
        if place:
            arrow(axes, (2.6, -0.9 - 0.8 * place), (2.6, -1.7 - 0.8 * place))
    arrow(axes, (0.9, -1), (2.4, -1.7))
    arrow(axes, (2.4, -3.3), (0.7, -4.2))
    arrow(axes, (-0.7, 0), (-0.1, -5.2), bend=0.6)
    axes.set(xlim=(-2.6, 4.6), ylim=(-6.7, 0.5))
    axes.set_axis_off()
    plt.savefig("senet.svg")
