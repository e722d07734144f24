"""What each stage of EfficientNetV2-S holds and costs for an image of 384 by 384, and what fusing more stages costs.

Source: Tan and Le, "EfficientNetV2: Smaller Models and Faster Training", 2021, section 3
"""

import csv
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import torch
from torch import Tensor, fx, nn

SIZE = 384


Stage = tuple[bool, int, int, int, int]  # fused, expansion, stride, channels, blocks
S: list[Stage] = [(True, 1, 1, 24, 2), (True, 4, 2, 48, 4), (True, 4, 2, 64, 4)]
S += [(False, 4, 2, 128, 6), (False, 6, 1, 160, 9), (False, 6, 2, 256, 15)]
M: list[Stage] = [(True, 1, 1, 24, 3), (True, 4, 2, 48, 5), (True, 4, 2, 80, 5)]
M += [(False, 4, 2, 160, 7), (False, 6, 1, 176, 14), (False, 6, 2, 304, 18), (False, 6, 1, 512, 5)]
L: list[Stage] = [(True, 1, 1, 32, 4), (True, 4, 2, 64, 7), (True, 4, 2, 96, 7)]
L += [(False, 4, 2, 192, 10), (False, 6, 1, 224, 19), (False, 6, 2, 384, 25), (False, 6, 1, 640, 7)]
VARIANTS = {"S": (S, 0.2), "M": (M, 0.3), "L": (L, 0.4)}  # stages, dropout


def conv(channels: int, out: int, kernel: int, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    """Convolution without a bias, batch normalization."""
    layer = nn.Conv2d(channels, out, kernel, stride, kernel // 2, groups=groups, bias=False)
    return [layer, nn.BatchNorm2d(out, eps=1e-3)]


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


class Block(nn.Module):
    """MBConv or, fused, one 3×3 convolution in place of its first two; plus the input where shapes agree.

    Args:
        fused: a plain 3×3 convolution widens, and there is no gate.
        channels: of the input.
        out: of the output.
        stride: of the 3×3 convolution.
        expansion: how many times wider it is inside; a fused block with 1 is a single convolution.
        drop: share of the samples whose branch is left out in training.
    """

    def __init__(self, fused: bool, channels: int, out: int, stride: int, expansion: int, drop: float = 0.0) -> None:
        super().__init__()
        wide = channels * expansion
        if fused and expansion == 1:
            layers = [*conv(channels, out, 3, stride), nn.SiLU()]
        elif fused:
            layers = [*conv(channels, wide, 3, stride), nn.SiLU(), *conv(wide, out, 1)]
        else:
            layers = [*conv(channels, wide, 1), nn.SiLU(), *conv(wide, wide, 3, stride, groups=wide), nn.SiLU()]
            layers += [SqueezeExcite(wide, channels // 4), *conv(wide, out, 1)]
        self.branch = nn.Sequential(*layers)
        self.shortcut, self.drop_path = stride == 1 and channels == out, DropPath(drop)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, (batch, out, height / stride, width / stride) out."""
        return x + self.drop_path(self.branch(x)) if self.shortcut else self.branch(x)


class EfficientNetV2(nn.Module):
    """Images (batch, 3, height, width) to logits (batch, classes).

    Args:
        stages: the stages' settings, as in S.
        dropout: before the last layer.
        classes: of the last layer.
        head: channels before the mean over the map.
        drop_path: rate that grows with the block's place, from 0 to just below this.
    """

    def __init__(
        self,
        stages: list[Stage] = S,
        dropout: float = 0.2,
        classes: int = 1000,
        head: int = 1280,
        drop_path: float = 0.2,
    ) -> None:
        super().__init__()
        channels, place, total = stages[0][3], 0, sum(stage[-1] for stage in stages)
        self.stem = nn.Sequential(*conv(3, channels, 3, 2), nn.SiLU())
        for number, (fused, expansion, stride, out, blocks) in enumerate(stages, 1):
            made = []
            for first in [True] + [False] * (blocks - 1):
                drop = drop_path * place / total
                made.append(Block(fused, channels, out, stride if first else 1, expansion, drop))
                channels, place = out, place + 1
            self.add_module(f"stage{number}", nn.Sequential(*made))
        pooled = [*conv(channels, head, 1), nn.SiLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
        self.head = nn.Sequential(*pooled, nn.Dropout(dropout), nn.Linear(head, classes))
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


def fused_up_to() -> dict[str, dict[str, int]]:
    """The last stage with fused blocks -> what the whole network of S's stages then holds and costs."""
    forms = {}
    for fused in (True, False):  # stage 1 does not widen, so that it is fused in any case
        with torch.device("meta"):
            model = EfficientNetV2([(fused or number == 0, *stage[1:]) for number, stage in enumerate(S)])
        forms[fused] = stages(model)
    rows = {}
    for last in range(1, 7):
        parts = [forms[name <= f"stage{last}"][name] for name in forms[True]]
        rows[str(last)] = {key: sum(part[key] for part in parts) for key in ("parameters", "multiply_adds")}
    return rows


def save_fused(rows: dict[str, dict[str, int]]) -> None:
    """The table, and the numbers beside those of the stages."""
    lines = [
        [last, f"{row['parameters'] / 1e6:.1f} M", f"{row['multiply_adds'] / 1e9:.1f} G"] for last, row in rows.items()
    ]
    with Path("efficientnet-v2-fused.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["last fused stage", "parameters", "multiply-adds"], *lines])
    path = Path("efficientnet-v2.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"fused": rows}), encoding="utf-8")


def draw() -> None:
    """A block of stage 4 beside the same block, fused."""
    _, axes = plt.subplots(figsize=(5, 5.5))
    columns: list[tuple[float, list[str], list[float]]] = [
        (-1.7, ["MBConv", "1×1, 256", "3×3 depthwise, 256", "times the gate", "1×1, 64", "+"], [0, -1, -2, -3, -4, -5]),
        (1.7, ["fused", "3×3, 256", "1×1, 64", "+"], [0, -1.5, -4, -5]),
    ]
    for x, names, heights in columns:
        for name, height in zip(names, heights, strict=True):
            box(axes, x, height, name)
        for start, end in pairwise(heights):
            arrow(axes, (x, start), (x, end))
        arrow(axes, (x + 0.3, 0), (x + 0.15, -5), bend=-0.5)
    axes.set(xlim=(-3.3, 3.9), ylim=(-5.5, 0.5))
    axes.set_axis_off()
    plt.savefig("efficientnet-v2.svg")


if __name__ == "__main__":
    with torch.device("meta"):
        model = EfficientNetV2()
    save("efficientnet-v2", "EfficientNetV2-S", stages(model))
    save_fused(fused_up_to())
    draw()
