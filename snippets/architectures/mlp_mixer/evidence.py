"""What the parts of Mixer-B/16 hold and cost for an image of 224 by 224, and a picture of its block.

Source: Tolstikhin et al., "MLP-Mixer: An all-MLP Architecture for Vision", 2021, figure 1 and table 1
"""

import csv
import json
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import torch
from torch import Tensor, fx, nn

SIZE = 224


def mlp(features: int, inside: int) -> nn.Sequential:
    """Two linear layers over the last axis, with GELU between them."""
    return nn.Sequential(nn.Linear(features, inside), nn.GELU(), nn.Linear(inside, features))


class Block(nn.Module):
    """Mixes the patches of each channel, then the channels of each patch; both are added to the input.

    Args:
        patches: number of patches.
        channels: of each patch.
    """

    def __init__(self, patches: int, channels: int) -> None:
        super().__init__()
        self.norm1, self.mix_patches = nn.LayerNorm(channels, eps=1e-6), mlp(patches, channels // 2)
        self.norm2, self.mix_channels = nn.LayerNorm(channels, eps=1e-6), mlp(channels, 4 * channels)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, patches, channels) in, the same shape out."""
        x = x + self.mix_patches(self.norm1(x).transpose(1, 2)).transpose(1, 2)
        return x + self.mix_channels(self.norm2(x))


class MLPMixer(nn.Module):
    """Images (batch, 3, size, size) to logits (batch, classes).

    Args:
        patch: side of a patch in pixels.
        blocks: number of blocks.
        channels: of each patch.
        size: side of the image in pixels; the weights that mix patches fit one size only.
        classes: of the last layer.
    """

    def __init__(
        self, patch: int = 16, blocks: int = 12, channels: int = 768, size: int = 224, classes: int = 1000
    ) -> None:
        super().__init__()
        patches = (size // patch) ** 2
        self.stem = nn.Conv2d(3, channels, patch, patch)  # the same linear layer for each patch
        self.blocks = nn.Sequential(*(Block(patches, channels) for _ in range(blocks)))
        self.norm, self.head = nn.LayerNorm(channels, eps=1e-6), nn.Linear(channels, classes)
        for name, parameter in self.named_parameters():
            if parameter.dim() > 1:  # matrices and kernels: LeCun's standard deviation
                nn.init.kaiming_normal_(parameter, nonlinearity="linear")
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)
        nn.init.zeros_(self.head.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (batch, classes)."""
        x = self.stem(x).flatten(2).transpose(1, 2)  # (batch, patches, channels)
        return self.head(self.norm(self.blocks(x)).mean(dim=1))


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


def parts(model: MLPMixer) -> dict[str, dict[str, Any]]:
    """The stages, with the blocks' two kinds of layers apart; from the first block on, a place sees the whole image."""
    whole = stages(model)
    block = Stages(model.blocks[0])
    block.run(torch.empty(1, 196, 768, device="meta"))
    rows = {"stem": whole["stem"]}
    for name, children in (
        ("mixing patches", ("norm1", "mix_patches")),
        ("mixing channels", ("norm2", "mix_channels")),
    ):
        keys = ("parameters", "multiply_adds", "activations")
        rows[name] = {key: len(model.blocks) * sum(block.rows[child][key] for child in children) for key in keys}
        rows[name] |= {"shape": [196, 768], "field": SIZE}
    for name in ("norm", "head"):
        rows[name] = whole[name] | {"field": SIZE}
    return rows


if __name__ == "__main__":
    with torch.device("meta"):
        model = MLPMixer()
    save("mlp-mixer", "Mixer-B/16", parts(model))
    _, axes = plt.subplots(figsize=(4.5, 6))
    names = ["196 patches, 768 channels", "layer normalization", "over patches: 384, GELU, 196", "+"]
    names += ["layer normalization", "over channels: 3072, GELU, 768", "+"]
    for place, name in enumerate(names):
        box(axes, 0, -place, name)
        if place:
            arrow(axes, (0, 1 - place), (0, -place))
    arrow(axes, (1.5, 0), (0.1, -3), bend=-1.1)
    arrow(axes, (-0.1, -3), (-0.1, -6), bend=1.5)
    axes.set(xlim=(-3, 3), ylim=(-6.5, 0.5))
    axes.set_axis_off()
    plt.savefig("mlp-mixer.svg")
