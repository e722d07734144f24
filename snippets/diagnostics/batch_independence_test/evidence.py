"""Six networks on digits, four of which mix samples: how strongly, and what that does to the accuracy.

Source: Karpathy, "A Recipe for Training Neural Networks", 2019, section 2, "use backprop to chart dependencies".
The digits are scikit-learn's.
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from snippets.diagnostics.batch_independence_test.from_scratch import influence

SEEDS, TRAIN, SHOWN = 3, 1000, 12
NETS = [
    "no mixing",
    "batch norm in eval mode",
    "batch norm in train mode",
    "softmax over the samples",
    "reshape without transpose",
    "attention over the samples",
]


class Net(nn.Module):
    """Rows of an image as a sequence of eight; each kind mixes samples in its own way, or not."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self.embed, self.last = nn.Linear(8, 8), nn.Linear(64, 10)
        self.norm = nn.BatchNorm1d(64)
        self.attention = nn.MultiheadAttention(8, 2)  # batch_first=False

    def forward(self, x: Tensor) -> Tensor:
        h = self.embed(x).tanh()  # (samples, time, 8)
        if self.kind == "attention over the samples":
            h = h + self.attention(h, h, h, need_weights=False)[0]
        if self.kind == "reshape without transpose":
            h = h.transpose(0, 1)  # (time, samples, 8)
        h = h.reshape(len(x), 64)
        if "batch norm" in self.kind:
            h = self.norm(h)
        if self.kind == "softmax over the samples":
            h = h * h.softmax(dim=0) * len(x)
        return self.last(h)


def trained(kind: str, x: Tensor, y: Tensor) -> Net:
    """After 250 steps with 64 images."""
    model = Net(kind)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3, fused=True)
    for _ in range(250):
        batch = torch.randint(TRAIN, (64,))
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
        optimizer.step()
    return model.train(kind == "batch norm in train mode")


def influence_on_sums(model: Net, x: Tensor) -> Tensor:
    """How strongly the sum of a sample's outputs depends on each sample: one backward pass a sample."""
    return influence(lambda samples: model(samples).sum(dim=1, keepdim=True), x)


@torch.no_grad()
def accuracy(model: Net, x: Tensor, y: Tensor, size: int) -> float:
    """On the samples in whole batches of this size."""
    x, y = x[: len(x) // size * size], y[: len(y) // size * size]
    return (torch.cat([model(part).argmax(1) for part in x.split(size)]) == y).float().mean().item()


if __name__ == "__main__":
    digits = load_digits()
    torch.manual_seed(0)
    order = torch.randperm(len(digits.target))
    x = torch.tensor(digits.images / 16, dtype=torch.float32)[order]  # (1797, 8, 8)
    y = torch.tensor(digits.target)[order]
    test = x[TRAIN : TRAIN + 384], y[TRAIN : TRAIN + 384]
    figure, axes = plt.subplots(2, 3, figsize=(8, 5), layout="constrained")
    rows = [["network", "largest influence of another sample", "accuracy in batches of 64", "accuracy in batches of 2"]]
    numbers = {}
    for kind, axis in zip(NETS, axes.flat, strict=True):
        large, small, others = [], [], []
        for seed in range(SEEDS):
            torch.manual_seed(seed)
            model = trained(kind, x, y)
            matrix = influence_on_sums(model, x[-SHOWN:])
            matrix = matrix / matrix.diagonal().mean()
            others.append((matrix - matrix.diagonal().diag()).max().item())
            large.append(accuracy(model, *test, 64))
            small.append(accuracy(model, *test, 2))
            if seed == 0:
                image = axis.imshow(matrix.tolist(), vmin=0, vmax=1)
        axis.set_title(kind, fontsize="medium")
        axis.set_xticks([])
        axis.set_yticks([])
        means = [sum(values) / SEEDS for values in (large, small)]
        rows.append([kind, f"{max(others):.2f}", *(f"{mean:.2f}" for mean in means)])
        numbers[kind] = {"others": others, "batches of 64": large, "batches of 2": small}
    figure.supxlabel("sample of the input", fontsize="medium")
    figure.supylabel("sample of the output", fontsize="medium")
    figure.colorbar(image, ax=axes, shrink=0.7)
    plt.savefig("batch-independence-test.svg")
    with Path("batch-independence-test.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    Path("batch-independence-test.json").write_text(json.dumps(numbers))
    print("networks in which samples influence each other:", sum(max(n["others"]) > 0 for n in numbers.values()))
