"""What the experiments of several entries share.

For networks: counting what their stages cost, and drawing their blocks. For layers that normalize: measuring which
elements share statistics, and drawing them.
"""

import csv
import json
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import torch
from matplotlib.patches import Rectangle
from torch import Tensor, fx, nn

SHAPE = (3, 6, 3, 3)  # what a layer normalizes: batch, channel, height, width
PLACE = (1, 2, 1, 1)  # the element that is followed: second sample, third channel, middle

Rows = dict[str, dict[str, Any]]


class Stages(fx.Interpreter):
    """Runs a network without numbers and adds up, for each of its stages, parameters, multiply-adds and activations.

    Activations are the numbers that convolutions return, as Radosavovic et al. count them ("Designing Network Design
    Spaces", 2020, section 3.1). Dropout is not there: the network is counted as it predicts.
    The receptive field grows by (kernel - 1) * dilation * jump at each layer, the jump by the stride; a transposed
    convolution whose kernel is its stride looks at one pixel, and divides the jump.

    Args:
        model: what ``torch.fx`` can trace.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__(fx.symbolic_trace(model))
        self.rows: Rows = {}
        self.fields: dict[Any, tuple[int, int]] = {}

    def stage(self, target: str) -> str:
        """The stage that a module or parameter of this name counts for: the network's child that it lies in."""
        return target.partition(".")[0]

    def run_node(self, node: fx.Node) -> Any:
        """Run one operation, and count it for the stage that it stands in."""
        out = super().run_node(node)
        before = [self.fields.get(source, (1, 1)) for source in node.all_input_nodes]
        field, jump = max((f for f, _ in before), default=1), max((j for _, j in before), default=1)
        module = self.fetch_attr(str(node.target)) if node.op in ("call_module", "get_attr") else None
        if module is not None and not isinstance(module, nn.Dropout | nn.Identity):
            empty = {"parameters": 0, "multiply_adds": 0, "activations": 0}
            row = self.rows.setdefault(self.stage(str(node.target)), empty)
        if isinstance(module, nn.Parameter):
            row["parameters"] += module.numel()
        elif isinstance(module, nn.Module) and not isinstance(module, nn.Dropout | nn.Identity):
            row["parameters"] += sum(p.numel() for p in module.parameters())
            if isinstance(module, nn.Conv2d | nn.Linear):
                row["multiply_adds"] += out.numel() * module.weight[0].numel()
            at_each_place = isinstance(module, nn.Linear) and out.dim() > 2  # a 1x1 convolution in another layout
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d) or at_each_place:
                row["activations"] += out.numel()
            if isinstance(module, nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d):
                kernel, stride, dilation = (
                    one(getattr(module, name, 1)) for name in ("kernel_size", "stride", "dilation")
                )
                field, jump = field + (kernel - 1) * dilation * jump, jump * stride
            if isinstance(module, nn.ConvTranspose2d):
                row["multiply_adds"] += out.numel() * module.in_channels
                jump //= one(module.stride)
            row.update(shape=list(out.shape[1:]), field=max(field, row.get("field", 0)))
        self.fields[node] = (field, jump)
        return out


def one(value: Any) -> int:
    """A setting for both directions, as one number."""
    return int(value[0] if isinstance(value, tuple) else value)


def stages(model: nn.Module, size: int = 224, channels: int = 3, count: type[Stages] = Stages) -> Rows:
    """Stage -> output shape, parameters, multiply-adds, activations and receptive field, for one image.

    Args:
        model: made on the ``meta`` device, which holds shapes and no numbers.
        size: of the image's sides.
        channels: of the image.
        count: what tells stages apart.
    """
    counting = count(model.eval())
    counting.run(torch.empty(1, channels, size, size, device="meta"))
    return counting.rows


def save(name: str, network: str, rows: Rows, small: bool = False) -> None:
    """The table, and all numbers at full precision.

    Args:
        name: of the files, without their endings.
        network: what is counted.
        rows: what :func:`stages` returns.
        small: whether multiply-adds are few enough to be written out.
    """
    with Path(f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
        head = ["stage", "output", "parameters", "multiply-adds", "receptive field"]
        lines = [
            [
                stage,
                "×".join(map(str, r["shape"])),
                f"{r['parameters']:,}",
                f"{r['multiply_adds']:,}" if small else f"{r['multiply_adds'] / 1e6:,.1f} M",
                r["field"],
            ]
            for stage, r in rows.items()
        ]
        csv.writer(file).writerows([head, *lines])
    total = {key: sum(r[key] for r in rows.values()) for key in ("parameters", "multiply_adds", "activations")}
    Path(f"{name}.json").write_text(json.dumps({"network": network, **total, "stages": rows}), encoding="utf-8")
    count = f"{total['multiply_adds']:,}" if small else f"{total['multiply_adds'] / 1e9:.2f} G"
    print(f"{network}: {total['parameters']:,} parameters, {count} multiply-adds")


def box(axes: plt.Axes, x: float, y: float, text: str) -> None:
    """A box of a diagram, with its words; arrows lead from box to box."""
    axes.text(
        x, y, text, ha="center", va="center", bbox={"boxstyle": "round,pad=0.4", "facecolor": "none", "edgecolor": "C0"}
    )


def arrow(axes: plt.Axes, start: tuple[float, float], end: tuple[float, float], bend: float = 0.0) -> None:
    """An arrow of a diagram; ``bend`` leads it around boxes."""
    style = {"arrowstyle": "->", "color": "C1", "connectionstyle": f"arc3,rad={bend}", "shrinkA": 12, "shrinkB": 12}
    axes.annotate("", end, start, arrowprops=style)


def reach(layer: nn.Module) -> Tensor:
    """Which elements of the input move the output at PLACE, (batch, channel, height, width) of bool."""
    torch.manual_seed(0)
    x = torch.randn(SHAPE, dtype=torch.float64, requires_grad=True)
    layer.double()(x)[PLACE].backward()
    assert x.grad is not None
    return x.grad.abs() > 1e-9


def draw_reach(reached: Tensor, axes: plt.Axes, title: str) -> None:
    """A row of maps for each sample, a column for each channel; the element at PLACE has a frame."""
    samples, channels, height, width = SHAPE
    for n in range(samples):
        for c in range(channels):
            left, top = c * (width + 1), n * (height + 1)
            for h in range(height):
                for w in range(width):
                    color = "C0" if reached[n, c, h, w] else "0.85"
                    axes.add_patch(Rectangle((left + w, top + h), 0.94, 0.94, facecolor=color))
    n, c, h, w = PLACE
    corner = (c * (width + 1) + w, n * (height + 1) + h)
    axes.add_patch(Rectangle(corner, 0.94, 0.94, facecolor="none", edgecolor="C1", linewidth=2.5))
    axes.set_xlim(-0.2, channels * (width + 1) - 0.8)
    axes.set_ylim(samples * (height + 1) - 0.8, -0.2)
    axes.set_aspect("equal")
    axes.set_xticks([c * (width + 1) + width / 2 for c in range(channels)], [str(c + 1) for c in range(channels)])
    axes.set_yticks([n * (height + 1) + height / 2 for n in range(samples)], [str(n + 1) for n in range(samples)])
    axes.set(xlabel="channel", ylabel="sample", title=title)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def save_reach(name: str, title: str, layer: nn.Module, shares: str = "share the statistics of") -> None:
    """The drawing and the elements of one layer, as ``<name>.svg`` and ``<name>.json``."""
    reached = reach(layer)
    _, axes = plt.subplots(figsize=(5, 2.7))
    draw_reach(reached, axes, title)
    plt.savefig(f"{name}.svg")
    Path(f"{name}.json").write_text(json.dumps(reached.int().tolist()))
    print(f"{int(reached.sum())} of {reached.numel()} elements {shares} the framed one.")
