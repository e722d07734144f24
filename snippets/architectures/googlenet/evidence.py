"""What each group of blocks of GoogLeNet holds and costs for an image of 224 by 224, and a picture of its block.

Source: Szegedy et al., "Going Deeper with Convolutions", 2014, table 1 and figure 2b
"""

import csv
import json
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import torch
from torch import Tensor, fx, nn

SIZE = 224
BLOCKS = {  # 1×1; reduction and 3×3; reduction and 5×5; behind the pooling
    "inception3": [(64, 96, 128, 16, 32, 32), (128, 128, 192, 32, 96, 64)],
    "inception4": [
        (192, 96, 208, 16, 48, 64),
        (160, 112, 224, 24, 64, 64),
        (128, 128, 256, 24, 64, 64),
        (112, 144, 288, 32, 64, 64),
        (256, 160, 320, 32, 128, 128),
    ],
    "inception5": [(256, 160, 320, 32, 128, 128), (384, 192, 384, 48, 128, 128)],
}


def conv(channels: int, out: int, kernel: int, stride: int = 1) -> nn.Sequential:
    """Convolution that keeps the map's size at stride 1, batch normalization, ReLU."""
    layer = nn.Conv2d(channels, out, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(out, eps=1e-3), nn.ReLU())


class Inception(nn.Module):
    """Four branches side by side, whose outputs are concatenated.

    Args:
        channels: of the input.
        widths: outputs of 1×1; of reduction and 3×3; of reduction and third branch; behind the pooling.
        kernel: of the third branch: 5 in the paper, 3 in torchvision.
    """

    def __init__(self, channels: int, widths: tuple[int, ...], kernel: int = 3) -> None:
        super().__init__()
        one, reduce3, three, reduce5, five, pooled = widths
        self.point = conv(channels, one, 1)
        self.middle = nn.Sequential(conv(channels, reduce3, 1), conv(reduce3, three, 3))
        self.wide = nn.Sequential(conv(channels, reduce5, 1), conv(reduce5, five, kernel))
        self.pool = nn.Sequential(nn.MaxPool2d(3, 1, 1), conv(channels, pooled, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, (batch, sum of the four outputs, height, width) out."""
        return torch.cat([self.point(x), self.middle(x), self.wide(x), self.pool(x)], dim=1)


class GoogLeNet(nn.Module):
    """Images (batch, 3, height, width) to logits (batch, classes).

    Args:
        classes: of the last layer.
        kernel: of the third branch: 5 in the paper, 3 in torchvision.
    """

    def __init__(self, classes: int = 1000, kernel: int = 3) -> None:
        super().__init__()
        pool = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.stem = nn.Sequential(conv(3, 64, 7, 2), pool, conv(64, 64, 1), conv(64, 192, 3), pool)
        channels = 192
        for name, blocks in BLOCKS.items():
            made: list[nn.Module] = []
            for widths in blocks:
                made.append(Inception(channels, widths, kernel))
                channels = widths[0] + widths[2] + widths[4] + widths[5]
            if name != "inception5":
                made.append(nn.MaxPool2d(3 if name == "inception3" else 2, 2, ceil_mode=True))
            self.add_module(name, nn.Sequential(*made))
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2), nn.Linear(channels, classes))

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
        model = GoogLeNet()
    rows, x = stages(model), torch.empty(1, 3, SIZE, SIZE, device="meta")
    for name, part in model.named_children():  # a block ends with a concatenation, which is no module
        x = part(x)
        rows[name]["shape"] = list(x.shape[1:])
    save("googlenet", "GoogLeNet", rows)
    _, axes = plt.subplots(figsize=(5, 4.2))
    columns = {-0.3: ["1×1"], 2.2: ["1×1", "3×3"], 4.4: ["1×1", "5×5"], 6.6: ["pooling", "1×1"]}
    box(axes, 3.3, 0, "x")
    box(axes, 3.3, -3, "concatenation")
    for place, parts in columns.items():
        top = 3 - len(parts)
        for row, part_name in enumerate(parts, top):
            box(axes, place, -row, part_name)
        arrow(axes, (3.3, 0), (place, -top))
        if len(parts) > 1:
            arrow(axes, (place, -1), (place, -2))
        arrow(axes, (place, -2), (3.3, -3))
    axes.set(xlim=(-1.2, 7.8), ylim=(-3.5, 0.5))
    axes.set_axis_off()
    plt.savefig("googlenet.svg")
