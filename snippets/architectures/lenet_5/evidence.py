"""What each layer of LeNet-5 holds and costs, and what its features do when a digit is moved.

Source: LeCun et al., "Gradient-based learning applied to document recognition", 1998, section II
"""

import csv
import json
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, fx, nn
from torch.nn import functional as F

SIZE, SHIFTS = 32, range(9)


class LeNet5(nn.Module):
    """Logits of small images in one channel.

    Args:
        classes: number of classes.
        padding: 0 for images of 32 by 32 pixels, 2 for MNIST's 28 by 28.
    """

    def __init__(self, classes: int = 10, padding: int = 0) -> None:
        super().__init__()
        self.c1 = nn.Sequential(nn.Conv2d(1, 6, 5, padding=padding), nn.ReLU(), nn.MaxPool2d(2))
        self.c3 = nn.Sequential(nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2))
        self.c5 = nn.Sequential(nn.Conv2d(16, 120, 5), nn.ReLU())
        self.f6 = nn.Sequential(nn.Linear(120, 84), nn.ReLU())
        self.out = nn.Linear(84, classes)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, 1, 32, 32) in, (batch, classes) out; with padding 2 (batch, 1, 28, 28) in."""
        return self.out(self.f6(self.c5(self.c3(self.c1(x))).flatten(1)))


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
    interpreter.run(torch.empty(1, 1, size, size, device="meta"))
    return interpreter.rows


def save(name: str, network: str, rows: dict[str, dict[str, Any]]) -> None:
    """The table, and all numbers at full precision."""
    with Path(f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
        head = ["stage", "output", "parameters", "multiply-adds", "receptive field"]
        lines = [
            [stage, "×".join(map(str, r["shape"])), f"{r['parameters']:,}", f"{r['multiply_adds']:,}", r["field"]]
            for stage, r in rows.items()
        ]
        csv.writer(file).writerows([head, *lines])
    total = {key: sum(r[key] for r in rows.values()) for key in ("parameters", "multiply_adds", "activations")}
    Path(f"{name}.json").write_text(json.dumps({"network": network, **total, "stages": rows}), encoding="utf-8")
    print(f"{network}: {total['parameters']:,} parameters, {total['multiply_adds']:,} multiply-adds")


def moved(part: nn.Module, jump: int, x: Tensor) -> list[float]:
    """For each shift: how far the features are from the moved features of the image in place, relative to their size.

    Args:
        part: layers that give the features.
        jump: pixels of the image from one feature to the next.
        x: images (batch, 1, height, width).
    """
    place, distances = part(x), []
    for shift in SHIFTS:
        steps = round(shift / jump)
        ours, expected = part(x.roll(shift, dims=3))[..., steps:], place[..., : place.shape[-1] - steps]
        distances.append(((ours - expected).norm() / (expected - expected.mean()).norm()).item())
    return distances


if __name__ == "__main__":
    with torch.device("meta"):
        model = LeNet5()
    save("lenet-5", "LeNet-5", stages(model))
    digits = load_digits()
    images = torch.tensor(digits.images[:100], dtype=torch.float32).unsqueeze(1) / 16
    x = F.pad(F.interpolate(images, (20, 20), mode="bilinear"), (6, 6, 6, 6))  # room to move
    torch.manual_seed(0)
    model, results = LeNet5(), {}
    with torch.no_grad():
        for name, part, jump, style in (
            ("after the first pooling", model.c1, 2, "o-"),
            ("after the second pooling", nn.Sequential(model.c1, model.c3), 4, "s--"),
        ):
            results[name] = moved(part, jump, x)
            plt.plot(SHIFTS, results[name], style, label=name)
    plt.xlabel("shift to the right (pixels)")
    plt.ylabel("distance from the moved features")
    plt.ylim(-0.02, 0.6)  # room for the legend
    plt.legend()
    plt.savefig("lenet-5.svg")
    kept = json.loads(Path("lenet-5.json").read_text(encoding="utf-8"))
    Path("lenet-5.json").write_text(json.dumps({**kept, "shifted": results}), encoding="utf-8")
