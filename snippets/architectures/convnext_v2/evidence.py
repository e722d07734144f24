"""What each stage of ConvNeXt V2-T holds and costs for an image of 224 by 224, and a picture of its block.

Source: Woo et al., "ConvNeXt V2: Co-designing and Scaling ConvNets with Masked Autoencoders", 2023, figure 5 and A.1
"""

import csv
import json
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import torch
from torch import Tensor, fx, nn
from torch.nn import functional as F

SIZE = 224


class ChannelNorm(nn.LayerNorm):
    """Layer normalization of each pixel over its channels."""

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, the same shape out."""
        last = F.layer_norm(x.permute(0, 2, 3, 1), self.normalized_shape, self.weight, self.bias, self.eps)
        return last.permute(0, 3, 1, 2)


class GlobalResponseNorm(nn.Module):
    """x + weight * x * size / mean size + bias; the size of a channel is its Euclidean norm over the map."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.zeros(channels)), nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """(batch, height, width, channels) in, the same shape out."""
        size = torch.linalg.vector_norm(x, dim=(1, 2), keepdim=True)  # (batch, 1, 1, channels)
        relative = size / (size.mean(dim=-1, keepdim=True) + 1e-6)
        return x + self.weight * (x * relative) + self.bias


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
    """ConvNeXt's block with global response normalization after GELU, and without a layer scale.

    Args:
        channels: of input and output.
        drop: share of the samples whose branch is left out in training.
    """

    def __init__(self, channels: int, drop: float = 0.0) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, 7, padding=3, groups=channels)
        self.norm = nn.LayerNorm(channels, eps=1e-6)
        self.expand, self.gelu = nn.Linear(channels, 4 * channels), nn.GELU()
        self.respond = GlobalResponseNorm(4 * channels)
        self.narrow, self.drop_path = nn.Linear(4 * channels, channels), DropPath(drop)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, the same shape out."""
        y = self.norm(self.depthwise(x).permute(0, 2, 3, 1))  # (batch, height, width, channels)
        y = self.narrow(self.respond(self.gelu(self.expand(y)))).permute(0, 3, 1, 2)
        return x + self.drop_path(y)


class ConvNeXtV2(nn.Module):
    """Images (batch, 3, height, width) to logits (batch, classes).

    Args:
        width: channels of the first stage; each later stage has twice as many.
        blocks: of the four stages.
        classes: of the last layer.
        drop_path: rate of the last block; it grows from 0 in the first.
    """

    def __init__(
        self, width: int = 96, blocks: tuple[int, ...] = (3, 3, 9, 3), classes: int = 1000, drop_path: float = 0.2
    ) -> None:
        super().__init__()
        rates = iter([drop_path * place / max(sum(blocks) - 1, 1) for place in range(sum(blocks))])
        self.stem = nn.Sequential(nn.Conv2d(3, width, 4, 4), ChannelNorm(width, eps=1e-6))
        for stage, count in enumerate(blocks):
            channels = width << stage
            if stage:
                smaller = nn.Conv2d(channels // 2, channels, 2, 2)
                self.add_module(f"down{stage + 1}", nn.Sequential(ChannelNorm(channels // 2, eps=1e-6), smaller))
            self.add_module(f"stage{stage + 1}", nn.Sequential(*(Block(channels, next(rates)) for _ in range(count))))
        norm = nn.LayerNorm(channels, eps=1e-6)
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), norm, nn.Linear(channels, classes))
        for name, parameter in self.named_parameters():
            if parameter.dim() > 1:  # matrices and kernels
                nn.init.trunc_normal_(parameter, std=0.02)
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)

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
        if node.op in ("call_module", "get_attr"):
            row = self.rows.setdefault(
                str(node.target).partition(".")[0], {"parameters": 0, "multiply_adds": 0, "activations": 0}
            )
        if node.op == "get_attr":  # a parameter that one of our own modules uses
            row["parameters"] += out.numel()
        if node.op == "call_module":
            module = self.fetch_attr(str(node.target))
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
        model = ConvNeXtV2()
    save("convnext-v2", "ConvNeXt V2-T", stages(model))
    _, axes = plt.subplots(figsize=(4.5, 5.5))
    names = ["x: 96 channels", "7×7 depthwise, 96", "layer normalization", "linear layer, 384", "GELU"]
    names += ["global response normalization", "linear layer, 96", "+"]
    for place, name in enumerate(names):
        box(axes, 0, -place, name)
        if place:
            arrow(axes, (0, 1 - place), (0, -place))
    arrow(axes, (0.9, 0), (0.1, -7), bend=-0.8)
    axes.set(xlim=(-2.2, 3.4), ylim=(-7.5, 0.5))
    axes.set_axis_off()
    plt.savefig("convnext-v2.svg")
