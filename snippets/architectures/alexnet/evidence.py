"""What each layer of AlexNet holds and costs for an image of 224 by 224, and its share of the whole.

Source: Krizhevsky et al., "ImageNet Classification with Deep Convolutional Neural Networks", 2012, section 3.5
"""

import csv
import json
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import torch
from torch import Tensor, fx, nn

SIZE = 224


class AlexNet(nn.Module):
    """Logits of images of 224 by 224 pixels; others are averaged to the same 6 by 6 features.

    Args:
        classes: number of classes.
        paper: the network of 2012: two towers, which are groups here, more channels, local response normalization.
        width: units of the two hidden fully connected layers.
    """

    def __init__(self, classes: int = 1000, paper: bool = False, width: int = 4096) -> None:
        super().__init__()
        a, b, c, d, e = (96, 256, 384, 384, 256) if paper else (64, 192, 384, 256, 256)
        towers = 2 if paper else 1

        def norm() -> list[nn.Module]:  # torch divides alpha by the number of channels, 5, the paper does not
            return [nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2)] if paper else []

        self.features = nn.Sequential(
            nn.Conv2d(3, a, 11, stride=4, padding=2), nn.ReLU(inplace=True), *norm(), nn.MaxPool2d(3, 2),
            nn.Conv2d(a, b, 5, padding=2, groups=towers), nn.ReLU(inplace=True), *norm(), nn.MaxPool2d(3, 2),
            nn.Conv2d(b, c, 3, padding=1), nn.ReLU(inplace=True),
            nn.Conv2d(c, d, 3, padding=1, groups=towers), nn.ReLU(inplace=True),
            nn.Conv2d(d, e, 3, padding=1, groups=towers), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2),
        )  # fmt: skip
        self.pool = nn.AdaptiveAvgPool2d(6)
        self.head = nn.Sequential(
            nn.Dropout(0.5), nn.Linear(e * 6 * 6, width), nn.ReLU(inplace=True),
            nn.Dropout(0.5), nn.Linear(width, width), nn.ReLU(inplace=True), nn.Linear(width, classes),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        """(batch, 3, height, width) in, (batch, classes) out."""
        return self.head(self.pool(self.features(x)).flatten(1))


class Stages(fx.Interpreter):
    """Runs a network without numbers and adds up parameters, multiply-adds and activations of each layer with weights.

    The receptive field grows by (kernel - 1) * dilation * jump at each layer, the jump by the stride.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__(fx.symbolic_trace(model))
        self.rows: dict[str, dict[str, Any]] = {}
        self.fields: dict[Any, tuple[int, int]] = {}
        self.layer = ""  # what follows a convolution or linear layer counts with it

    def run_node(self, node: fx.Node) -> Any:
        """Run one operation, and count it for the layer with weights that it follows."""
        out = super().run_node(node)
        before = [self.fields.get(source, (1, 1)) for source in node.all_input_nodes]
        field, jump = max((f for f, _ in before), default=1), max((j for _, j in before), default=1)
        module = self.fetch_attr(str(node.target)) if node.op == "call_module" else nn.Dropout()
        if not isinstance(module, nn.Dropout):
            if isinstance(module, nn.Conv2d | nn.Linear):
                kind = "convolution" if isinstance(module, nn.Conv2d) else "linear"
                self.layer = f"{kind} {sum(kind in name for name in self.rows) + 1}"
            row = self.rows.setdefault(self.layer, {"parameters": 0, "multiply_adds": 0, "activations": 0})
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
    """Layer -> output shape, parameters, multiply-adds, activations and receptive field, for one image."""
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


if __name__ == "__main__":
    with torch.device("meta"):
        model = AlexNet()
    rows = stages(model)
    save("alexnet", "AlexNet", rows)
    _, axes = plt.subplots(figsize=(5, 4))
    for offset, (key, hatch) in enumerate({"parameters": "", "multiply_adds": "///"}.items()):
        total = sum(row[key] for row in rows.values())
        places = [-place - 0.4 * offset for place in range(len(rows))]
        shares = [100 * row[key] / total for row in rows.values()]
        axes.barh(places, shares, height=0.38, hatch=hatch, label=key.replace("_", "-"), alpha=0.7)
    axes.set_yticks([-place - 0.2 for place in range(len(rows))], list(rows))
    axes.set_xlabel("% of the network")
    axes.legend()
    plt.savefig("alexnet.svg")
