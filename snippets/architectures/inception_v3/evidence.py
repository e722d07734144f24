"""What each part of Inception v3 holds and costs for an image of 299 by 299, and a picture of its middle blocks.

Source: Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", 2015, table 1 and figure 6
"""

import csv
import json
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import torch
from torch import Tensor, fx, nn

SIZE = 299
Kernel = int | tuple[int, int]


def conv(channels: int, out: int, kernel: Kernel = 1, stride: int = 1, padding: Kernel = 0) -> nn.Sequential:
    """Convolution, batch normalization, ReLU."""
    layer = nn.Conv2d(channels, out, kernel, stride, padding, bias=False)
    return nn.Sequential(layer, nn.BatchNorm2d(out, eps=1e-3), nn.ReLU())


def wide(channels: int, out: int, kernel: int) -> nn.Sequential:
    """1 by ``kernel``, keeping the size."""
    return conv(channels, out, (1, kernel), padding=(0, kernel // 2))


def tall(channels: int, out: int, kernel: int) -> nn.Sequential:
    """``kernel`` by 1, keeping the size."""
    return conv(channels, out, (kernel, 1), padding=(kernel // 2, 0))


class Branches(nn.Module):
    """Several modules on one input, side by side; their outputs are concatenated."""

    def __init__(self, *branches: nn.Module) -> None:
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, the branches' channels together out."""
        return torch.cat([branch(x) for branch in self.branches], dim=1)


def pooled(channels: int, out: int) -> nn.Sequential:
    """Mean of 3×3 pixels, and a 1×1 convolution."""
    return nn.Sequential(nn.AvgPool2d(3, 1, 1), conv(channels, out))


def two_small(c: int, pool: int) -> Branches:
    """Figure 5: two 3×3 convolutions in place of a 5×5 in one branch; torchvision keeps a 5×5 in another."""
    five = nn.Sequential(conv(c, 48), conv(48, 64, 5, padding=2))
    double = nn.Sequential(conv(c, 64), conv(64, 96, 3, padding=1), conv(96, 96, 3, padding=1))
    return Branches(conv(c, 64), five, double, pooled(c, pool))


def factorized(c: int, n: int) -> Branches:
    """Figure 6: 1×7 and 7×1 in place of 7×7; ``n`` channels within."""
    once = nn.Sequential(conv(c, n), wide(n, n, 7), tall(n, 192, 7))
    twice = nn.Sequential(conv(c, n), tall(n, n, 7), wide(n, n, 7), tall(n, n, 7), wide(n, 192, 7))
    return Branches(conv(c, 192), once, twice, pooled(c, 192))


def expanded(c: int) -> Branches:
    """Figure 7: 1×3 and 3×1 side by side."""
    once = nn.Sequential(conv(c, 384), Branches(wide(384, 384, 3), tall(384, 384, 3)))
    both = Branches(wide(384, 384, 3), tall(384, 384, 3))
    return Branches(conv(c, 320), once, nn.Sequential(conv(c, 448), conv(448, 384, 3, padding=1), both), pooled(c, 192))


def halve(c: int) -> Branches:
    """Figure 10: convolutions with stride 2 beside a max-pooling with stride 2."""
    double = nn.Sequential(conv(c, 64), conv(64, 96, 3, padding=1), conv(96, 96, 3, 2))
    return Branches(conv(c, 384, 3, 2), double, nn.MaxPool2d(3, 2))


def halve_again(c: int) -> Branches:
    """The same before the last blocks, with a factorized branch."""
    seven = nn.Sequential(conv(c, 192), wide(192, 192, 7), tall(192, 192, 7), conv(192, 192, 3, 2))
    return Branches(nn.Sequential(conv(c, 192), conv(192, 320, 3, 2)), seven, nn.MaxPool2d(3, 2))


class InceptionV3(nn.Module):
    """Images (batch, 3, height, width), usually of 299 by 299 and from -1 to 1, to logits (batch, classes)."""

    def __init__(self, classes: int = 1000) -> None:
        super().__init__()
        first = [conv(3, 32, 3, 2), conv(32, 32, 3), conv(32, 64, 3, padding=1), nn.MaxPool2d(3, 2)]
        self.stem = nn.Sequential(*first, conv(64, 80), conv(80, 192, 3), nn.MaxPool2d(3, 2))
        self.blocks35 = nn.Sequential(two_small(192, 32), two_small(256, 64), two_small(288, 64))
        self.halve = halve(288)
        self.blocks17 = nn.Sequential(*(factorized(768, n) for n in (128, 160, 160, 192)))
        self.halve_again = halve_again(768)
        self.blocks8 = nn.Sequential(expanded(1280), expanded(2048))
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(), nn.Linear(2048, classes))

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
            row.update(shape=list(out.shape[1:]), field=max(field, row.get("field", 0)))  # the widest branch
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
        model = InceptionV3()
    rows, x = stages(model), torch.empty(1, 3, SIZE, SIZE, device="meta")
    for name, part in model.named_children():  # a block ends with a concatenation, which is no module
        x = part(x)
        rows[name]["shape"] = list(x.shape[1:])
    save("inception-v3", "Inception v3", rows)
    _, axes = plt.subplots(figsize=(5, 5.6))
    columns = {
        -0.3: ["1×1", "7×1", "1×7", "7×1", "1×7"],
        2.2: ["1×1", "1×7", "7×1"],
        4.4: ["pooling", "1×1"],
        6.9: ["1×1"],
    }
    box(axes, 3.3, 0, "x")
    box(axes, 3.3, -6, "concatenation")
    for place, parts in columns.items():
        top = 6 - len(parts)
        for row, part_name in enumerate(parts, top):
            box(axes, place, -row, part_name)
            if row > top:
                arrow(axes, (place, 1 - row), (place, -row))
        arrow(axes, (3.3, 0), (place, -top))
        arrow(axes, (place, -5), (3.3, -6))
    axes.set(xlim=(-1.2, 8), ylim=(-6.5, 0.5))
    axes.set_axis_off()
    plt.savefig("inception-v3.svg")
