"""What each stage of ShuffleNet V2 holds and costs for an image of 224 by 224, and a picture of its unit.

Source: Ma et al., "ShuffleNet V2: Practical Guidelines for Efficient CNN Architecture Design", 2018,
table 5 and figure 3
"""

import csv
import json
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import torch
from torch import Tensor, fx, nn

SIZE = 224

CHANNELS = {  # width -> channels of the three stages and of the last convolution
    0.5: (48, 96, 192, 1024),
    1.0: (116, 232, 464, 1024),
    1.5: (176, 352, 704, 1024),
    2.0: (244, 488, 976, 2048),
}


def mix(channels: int, out: int) -> list[nn.Module]:
    """1×1 convolution, batch normalization, ReLU."""
    return [nn.Conv2d(channels, out, 1, bias=False), nn.BatchNorm2d(out), nn.ReLU()]


def spread(channels: int, stride: int) -> list[nn.Module]:
    """3×3 convolution of each channel by itself, batch normalization, no activation."""
    return [nn.Conv2d(channels, channels, 3, stride, 1, groups=channels, bias=False), nn.BatchNorm2d(channels)]


class Unit(nn.Module):
    """Half of the channels pass as they are, the other half through three convolutions; then all are shuffled.

    With a stride of 2 both branches get all channels, and the number of channels changes.

    Args:
        channels: of the input.
        out: of the output; without a stride as many as the input's.
        stride: 1 or 2.
    """

    def __init__(self, channels: int, out: int, stride: int) -> None:
        super().__init__()
        half, self.stride = out // 2, stride
        left = [*spread(channels, stride), *mix(channels, half)] if stride > 1 else []
        self.left = nn.Sequential(*left)
        enter = channels if stride > 1 else half
        self.right = nn.Sequential(*mix(enter, half), *spread(half, stride), *mix(half, half))
        self.shuffle = nn.ChannelShuffle(2)  # deals them out: first of each half, second of each half, and so on

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, (batch, out, height / stride, width / stride) out."""
        left, right = (x, x) if self.stride > 1 else x.chunk(2, dim=1)
        return self.shuffle(torch.cat([self.left(left), self.right(right)], dim=1))


class ShuffleNetV2(nn.Module):
    """Images (batch, 3, height, width) to logits (batch, classes).

    Args:
        channels: of the three stages and of the last convolution; by default those of width 1.
        classes: of the last layer.
    """

    def __init__(self, channels: tuple[int, int, int, int] = CHANNELS[1.0], classes: int = 1000) -> None:
        super().__init__()
        stem = [nn.Conv2d(3, 24, 3, 2, 1, bias=False), nn.BatchNorm2d(24), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
        self.stem = nn.Sequential(*stem)
        before = 24
        for place, (out, units) in enumerate(zip(channels, (4, 8, 4), strict=False)):
            self.add_module(
                f"stage{place + 1}",
                nn.Sequential(Unit(before, out, 2), *(Unit(out, out, 1) for _ in range(units - 1))),
            )
            before = out
        self.last = nn.Sequential(*mix(before, channels[-1]))
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels[-1], classes))

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
        model = ShuffleNetV2()
    save("shufflenet-v2", "ShuffleNet V2 1.0×", stages(model))
    _, axes = plt.subplots(figsize=(4.5, 5.5))
    names = ["x: 116 channels", "1×1 convolution, 58, ReLU", "3×3 depthwise, 58", "1×1 convolution, 58, ReLU"]
    for place, name in enumerate(names):
        box(axes, 0.8 if place else 0, -place, name)
        if place > 1:
            arrow(axes, (0.8, 1 - place), (0.8, -place))
    box(axes, 0, -4, "join: 116 channels")
    box(axes, 0, -5, "channel shuffle")
    arrow(axes, (0.2, 0), (0.8, -1))
    arrow(axes, (0.8, -3), (0.2, -4))
    arrow(axes, (-0.2, 0), (-0.2, -4), bend=0.5)
    arrow(axes, (0, -4), (0, -5))
    axes.text(-1.6, -2, "58")
    axes.set(xlim=(-2, 3), ylim=(-5.5, 0.5))
    axes.set_axis_off()
    plt.savefig("shufflenet-v2.svg")
