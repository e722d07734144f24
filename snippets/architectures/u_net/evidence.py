"""What each level of U-Net holds and costs, a picture of it, and where the gradient of one output pixel arrives.

Source: Ronneberger et al., "U-Net: Convolutional Networks for Biomedical Image Segmentation", 2015, figure 1
"""

import csv
import json
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import torch
from torch import Tensor, fx, nn

SIZE = 572


class TwoConvs(nn.Sequential):
    """Two 3×3 convolutions, each with a ReLU; without padding an image loses two pixels at each of its four sides."""

    def __init__(self, channels: int, width: int, padding: int) -> None:
        first = nn.Conv2d(channels, width, 3, padding=padding)
        second = nn.Conv2d(width, width, 3, padding=padding)
        super().__init__(first, nn.ReLU(inplace=True), second, nn.ReLU(inplace=True))


class UNet(nn.Module):
    """Scores of each pixel: down to see far, up again to the image's resolution, with skips between equal sizes.

    Args:
        channels: of the image.
        classes: labels that a pixel can have.
        width: channels of the first level; each level below has twice as many.
        depth: how often the image is halved.
        padding: 0 as in the paper, or 1, with which the output is as large as the image.
    """

    def __init__(self, channels: int = 1, classes: int = 2, width: int = 64, depth: int = 4, padding: int = 0) -> None:
        super().__init__()
        widths = [width * 2**level for level in range(depth)]
        self.down = nn.ModuleList(TwoConvs(a, b, padding) for a, b in zip([channels, *widths], widths, strict=False))
        self.pool = nn.ModuleList(nn.MaxPool2d(2) for _ in widths)
        self.bottom = TwoConvs(widths[-1], 2 * widths[-1], padding)
        self.up = nn.ModuleList(nn.ConvTranspose2d(2 * w, w, 2, stride=2) for w in widths[::-1])
        self.merge = nn.ModuleList(TwoConvs(2 * w, w, padding) for w in widths[::-1])
        self.head = nn.Conv2d(width, classes, 1)
        self.crops = [0 if padding else 12 * 2**k - 8 for k in range(depth)]  # what the levels below lost at each side

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, (batch, classes, height, width) out, 92 pixels less at each side."""
        skips = []
        for block, pool in zip(self.down, self.pool, strict=True):
            x = block(x)
            skips.append(x)
            x = pool(x)
        x = self.bottom(x)
        for up, merge, crop in zip(self.up, self.merge, self.crops, strict=True):
            skip = skips.pop()
            if crop:
                skip = skip[:, :, crop:-crop, crop:-crop]
            x = merge(torch.cat([skip, up(x)], dim=1))
        return self.head(x)


class Stages(fx.Interpreter):
    """Runs a network without numbers and adds up, for each of its children, parameters, multiply-adds and activations.

    The receptive field grows by (kernel - 1) * dilation * jump at each layer, the jump by the stride. A transposed
    convolution of kernel and stride 2 looks at one pixel, and halves the jump.
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
            stage, part = str(node.target).split(".")[0], str(node.target).split(".")[1:2]
            stage = ".".join([stage, *part]) if stage != "bottom" else stage
            row = self.rows.setdefault(stage, {"parameters": 0, "multiply_adds": 0, "activations": 0})
            row["parameters"] += sum(p.numel() for p in module.parameters())
            row["activations"] += out.numel()
            if isinstance(module, nn.Conv2d | nn.Linear):
                row["multiply_adds"] += out.numel() * module.weight[0].numel()
            if isinstance(module, nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d):
                kernel, stride, dilation = (
                    one(getattr(module, name, 1)) for name in ("kernel_size", "stride", "dilation")
                )
                field, jump = field + (kernel - 1) * dilation * jump, jump * stride
            if isinstance(module, nn.ConvTranspose2d):
                row["multiply_adds"] += out.numel() * module.in_channels
                jump //= one(module.stride)
            row.update(shape=list(out.shape[1:]), field=field)
        self.fields[node] = (field, jump)
        return out


def one(value: Any) -> int:
    """A setting for both directions, as one number."""
    return int(value[0] if isinstance(value, tuple) else value)


def stages(model: nn.Module, size: int = SIZE) -> dict[str, dict[str, Any]]:
    """Child -> output shape, parameters, multiply-adds, activations and receptive field, for one image."""
    interpreter = Stages(model.eval())
    interpreter.run(torch.empty(1, 1, size, size, device="meta"))
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
            if r["parameters"]
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


def influence(with_skips: bool, size: int = 220) -> Tensor:
    """Mean size of an output pixel's gradient at each input pixel (size, size), of untrained networks."""
    total = torch.zeros(size, size)
    for seed in range(2):
        torch.manual_seed(seed)
        model = UNet(width=8)
        if not with_skips:
            for merge in model.merge:
                for name, weight in merge.named_parameters():
                    if name == "0.weight":
                        nn.init.zeros_(weight[:, : weight.shape[1] // 2].detach())
        x = torch.randn(1, 1, size, size, requires_grad=True)
        y = model(x)
        (slope,) = torch.autograd.grad(y[0, 0, y.shape[-2] // 2, y.shape[-1] // 2], x)
        total += slope[0, 0].abs() / slope.abs().sum()
    return total / 2


def diagram() -> None:
    """The U: levels from top to bottom, the way down at the left, the way up at the right."""
    _, axes = plt.subplots(figsize=(4.5, 4.5))
    for level, width in enumerate([64, 128, 256, 512]):
        box(axes, -1.6 + 0.3 * level, -level, f"{width}")
        box(axes, 1.6 - 0.3 * level, -level, f"{width}")
        arrow(axes, (-1.6 + 0.3 * level, -level), (1.6 - 0.3 * level, -level))
        arrow(axes, (-1.6 + 0.3 * level, -level), (-1.3 + 0.3 * level if level < 3 else 0, -level - 1))
        arrow(axes, (1.3 - 0.3 * level if level < 3 else 0, -level - 1), (1.6 - 0.3 * level, -level))
    box(axes, 0, -4, "1024")
    axes.text(0, 0.15, "skip", ha="center")
    axes.text(-1.7, -3, "max pooling", ha="center", va="center")
    axes.text(1.7, -3, "upsampling", ha="center", va="center")
    axes.set(xlim=(-2.4, 2.4), ylim=(-4.5, 0.6))
    axes.set_axis_off()
    plt.savefig("u-net.svg")
    plt.close()


if __name__ == "__main__":
    with torch.device("meta"):
        model = UNet()
    save("u-net", "U-Net", stages(model))
    diagram()
    shares = {}
    for with_skips, style in ((True, "-"), (False, "--")):
        gradient = influence(with_skips)
        middle, sizes = gradient.shape[0] // 2, list(range(1, 101, 3))
        within = [gradient[middle - r : middle + r + 1, middle - r : middle + r + 1].sum().item() for r in sizes]
        name = "with skips" if with_skips else "without skips"
        shares[name] = dict(zip([2 * r + 1 for r in sizes], within, strict=True))
        plt.plot([2 * r + 1 for r in sizes], within, style, label=name)
    plt.xlabel("side of a square of input pixels around the output pixel")
    plt.ylabel("share of the gradient inside")
    plt.legend()
    plt.savefig("u-net-influence.svg")
    with Path("u-net-influence.csv").open("w", newline="", encoding="utf-8") as file:
        lines = [[side, *(f"{share[side]:.3f}" for share in shares.values())] for side in shares["with skips"]]
        csv.writer(file).writerows([["side", *shares], *lines])
    kept = json.loads(Path("u-net.json").read_text(encoding="utf-8"))
    Path("u-net.json").write_text(json.dumps({**kept, "influence": shares}), encoding="utf-8")
    for name, share in shares.items():
        print(f"{name}: {share[15]:.2f} of the gradient is within 15 by 15 pixels")
