"""What each stage of RepVGG-A0 holds and costs for an image of 224 by 224, in training and afterwards.

Source: Ding et al., "RepVGG: Making VGG-style ConvNets Great Again", 2021, section 3
"""

import copy
import csv
import json
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import torch
from torch import Tensor, fx, nn

SIZE = 224


DEEP_A, DEEP_B = (2, 4, 14, 1), (4, 6, 16, 1)  # blocks of the four stages after the first block
VARIANTS = {"A0": (DEEP_A, 0.75, 2.5), "A1": (DEEP_A, 1, 2.5), "A2": (DEEP_A, 1.5, 2.75), "B0": (DEEP_B, 1, 2.5)}
VARIANTS |= {"B1": (DEEP_B, 2, 4), "B2": (DEEP_B, 2.5, 5), "B3": (DEEP_B, 3, 5)}


class RepBlock(nn.Module):
    """ReLU(identity + 3×3 + 1×1), each normalized by itself; no identity where the shape changes.

    Args:
        channels: of the input.
        out: of the output.
        stride: 2 halves height and width.
    """

    def __init__(self, channels: int, out: int, stride: int = 1) -> None:
        super().__init__()
        self.identity = nn.BatchNorm2d(out) if stride == 1 and channels == out else None
        self.large, self.large_norm = nn.Conv2d(channels, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out)
        self.small, self.small_norm = nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out)

    def branches(self, x: Tensor) -> Tensor:
        """What goes into the ReLU: in eval mode, linear in x but for a constant."""
        y = self.large_norm(self.large(x)) + self.small_norm(self.small(x))
        return y if self.identity is None else y + self.identity(x)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, (batch, out, height / stride, width / stride) out."""
        return self.branches(x).relu()


def as_convolution(block: RepBlock) -> nn.Conv2d:
    """The convolution with which the block's branches agree in eval mode.

    Each of 9 * channels inputs is zero but for one pixel. What one place of the output answers is a kernel's entry.
    """
    weight = block.large.weight  # (out, channels, 3, 3)
    out, channels, stride = *weight.shape[:2], block.large.stride[0]
    pixels = torch.eye(9 * channels, dtype=weight.dtype, device=weight.device).view(-1, channels, 3, 3)
    inputs = nn.functional.pad(torch.cat([torch.zeros_like(pixels[:1]), pixels]), (1, 1, 1, 1))
    with torch.no_grad():
        answers = block.eval().branches(inputs)[:, :, 2 // stride, 2 // stride]  # this place sees all nine pixels
    conv = nn.Conv2d(channels, out, 3, stride, 1).to(weight)
    conv.load_state_dict({"weight": (answers[1:] - answers[0]).T.reshape(weight.shape), "bias": answers[0]})
    return conv


class RepVGG(nn.Module):
    """Images (batch, 3, height, width) to logits (batch, classes).

    Args:
        blocks: of stages 1 to 4; before them stands one block.
        width: factor for the channels of the first three stages.
        last: factor for the channels of the last stage.
        classes: of the last layer.
    """

    def __init__(
        self, blocks: tuple[int, ...] = DEEP_A, width: float = 0.75, last: float = 2.5, classes: int = 1000
    ) -> None:
        super().__init__()
        channels = min(64, int(64 * width))
        self.stem = nn.Sequential(RepBlock(3, channels, 2))
        for stage, count in enumerate(blocks):
            made, out = [], int((64 << stage) * (last if stage == 3 else width))
            for place in range(count):
                made.append(RepBlock(channels, out, 1 if place else 2))
                channels = out
            self.add_module(f"stage{stage + 1}", nn.Sequential(*made))
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes))

    def forward(self, x: Tensor) -> Tensor:
        """Logits (batch, classes)."""
        for part in self.children():
            x = part(x)
        return x


def fused(model: RepVGG) -> RepVGG:
    """A copy in which each block is one 3×3 convolution and ReLU, for inference."""
    plain = copy.deepcopy(model).eval()
    for name, part in plain.named_children():
        if name.startswith("st"):  # the stem and the stages
            blocks = [block for block in part.children() if isinstance(block, RepBlock)]
            setattr(plain, name, nn.Sequential(*(layer for b in blocks for layer in (as_convolution(b), nn.ReLU()))))
    return plain


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


def draw() -> None:
    """The block in training and after training."""
    _, axes = plt.subplots(figsize=(5, 4.5))
    for x, name in ((-2.6, "3×3"), (-1.1, "1×1"), (0.4, "identity")):
        box(axes, x, -1, name)
        box(axes, x, -2, "norm")
        arrow(axes, (-1.1, 0), (x, -1))
        arrow(axes, (x, -1), (x, -2))
        arrow(axes, (x, -2), (-1.1, -3))
    arrow(axes, (-1.1, -3), (-1.1, -4))
    for x, y, name in ((-1.1, 0, "in training"), (-1.1, -3, "+"), (-1.1, -4, "ReLU"), (2.4, 0, "afterwards")):
        box(axes, x, y, name)
    for y, name in ((-2, "3×3 with bias"), (-4, "ReLU")):
        box(axes, 2.4, y, name)
        arrow(axes, (2.4, y + 2), (2.4, y))
    axes.set(xlim=(-3.3, 3.6), ylim=(-4.5, 0.5))
    axes.set_axis_off()
    plt.savefig("repvgg.svg")


if __name__ == "__main__":
    with torch.device("meta"):
        model = RepVGG()
        training, single = stages(model), stages(fused(model))
    save("repvgg", "RepVGG-A0, after training", single)
    path = Path("repvgg.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"training": training}), encoding="utf-8")
    draw()
