"""What each stage of VGG-16 holds and costs for an image of 224 by 224, and how much of a signal leaves each layer.

Source: Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", 2014, table 1
"""

import csv
import json
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import torch
from torch import Tensor, fx, nn

SIZE = 224
CONVS = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
WIDTHS = (64, 128, 256, 512, 512)


def stage(channels: int, width: int, convs: int, norm: bool) -> nn.Sequential:
    """So many 3×3 convolutions that keep height and width, and a max pooling that halves them."""
    layers: list[nn.Module] = []
    for before in (channels, *[width] * (convs - 1)):
        layers.append(nn.Conv2d(before, width, 3, padding=1))
        if norm:
            layers.append(nn.BatchNorm2d(width))
        layers.append(nn.ReLU(inplace=True))
    return nn.Sequential(*layers, nn.MaxPool2d(2))


class VGG(nn.Module):
    """Logits of images; 224 by 224 pixels give the paper's 7 by 7 features, others are averaged to that.

    Args:
        depth: layers with weights: 11, 13, 16 or 19, the paper's networks A, B, D and E.
        classes: number of classes.
        norm: batch normalization after each convolution, which the paper did not have.
        width: units of the two hidden fully connected layers.
    """

    def __init__(self, depth: int = 16, classes: int = 1000, norm: bool = False, width: int = 4096) -> None:
        super().__init__()
        before = (3, *WIDTHS)
        self.stages = nn.Sequential(*(stage(*sizes, norm) for sizes in zip(before, WIDTHS, CONVS[depth], strict=False)))
        self.pool = nn.AdaptiveAvgPool2d(7)
        self.head = nn.Sequential(
            nn.Linear(512 * 7 * 7, width), nn.ReLU(inplace=True), nn.Dropout(0.5),
            nn.Linear(width, width), nn.ReLU(inplace=True), nn.Dropout(0.5),
            nn.Linear(width, classes),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        """(batch, 3, height, width) in, (batch, classes) out."""
        return self.head(self.pool(self.stages(x)).flatten(1))


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
            name = str(node.target).removeprefix("stages.").partition(".")[0]
            stage = f"stage {int(name) + 1}" if name.isdigit() else name
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


def diagram() -> None:
    """Stages as boxes, as wide as their images, each with its number of convolutions and channels."""
    _, axes = plt.subplots(figsize=(4.5, 3.6))
    for place, (width, convs) in enumerate(zip(WIDTHS, CONVS[16], strict=True)):
        axes.barh(-place, 224 / 2**place, color="C0", alpha=0.4)
        axes.text(114, -place, f"{convs} convolutions, {width} channels", va="center", ha="center")
    axes.set_yticks([-place for place in range(5)], [str(224 // 2**place) for place in range(5)])
    axes.set(xlim=(0, 228), ylabel="pixels a side")
    axes.set_xticks([])
    plt.savefig("vgg.svg")
    plt.close()


def signal(init: str, depth: int = 19) -> list[float]:
    """By how much two random images still differ after each convolution: root mean square, after the ReLU."""
    torch.manual_seed(0)
    x = torch.randn(2, 3, 32, 32)
    sizes = []
    for channels, width, convs in zip((3, *WIDTHS), WIDTHS, CONVS[depth], strict=False):
        for layer in stage(channels, width, convs, norm=False):
            if isinstance(layer, nn.Conv2d) and init == "Kaiming":
                nn.init.normal_(layer.weight, std=(2 / layer.weight[0].numel()) ** 0.5)
                nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
            x = layer(x)
            if isinstance(layer, nn.ReLU):
                sizes.append((x[0] - x[1]).square().mean().sqrt().item())
    return sizes


if __name__ == "__main__":
    with torch.device("meta"):
        model = VGG()
    save("vgg", "VGG-16", stages(model))
    diagram()
    sizes = {}
    with torch.no_grad():
        for init, style in (("Kaiming", "o-"), ("torch's default", "s--")):
            sizes[init] = signal(init)
            plt.semilogy(range(1, 17), sizes[init], style, label=init)
    plt.xlabel("convolution")
    plt.ylabel("difference of two images")
    plt.legend()
    plt.savefig("vgg-signal.svg")
    with Path("vgg-signal.csv").open("w", newline="", encoding="utf-8") as file:
        lines = [[n, *(f"{size[n - 1]:.1e}" for size in sizes.values())] for n in range(1, 17)]
        csv.writer(file).writerows([["convolution", *sizes], *lines])
    kept = json.loads(Path("vgg.json").read_text(encoding="utf-8"))
    Path("vgg.json").write_text(json.dumps({**kept, "signal": sizes}), encoding="utf-8")
    for init, size in sizes.items():
        print(f"difference of two images after 16 convolutions, {init}: {size[-1]:.0e}")
