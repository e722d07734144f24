"""Training loss of plain and residual networks on digits, by depth: the degradation that skip connections remove.

Source: He et al., "Deep Residual Learning for Image Recognition", 2015, section 1 and figure 1
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor
from torch.nn import functional as F

SEEDS, WIDTH, STEPS, LAYERS = 4, 32, 40, [2, 8, 24]


def normalized(x: Tensor) -> Tensor:
    """Batch normalization over the samples of each seed; (seeds, batch, width)."""
    return (x - x.mean(dim=1, keepdim=True)) * (x.var(dim=1, keepdim=True, correction=0) + 1e-5).rsqrt()


def final_loss(layers: int, residual: bool, x: Tensor, y: Tensor) -> list[float]:
    """Mean training loss over the last 10 steps, for each seed; all seeds are trained at once."""
    torch.manual_seed(0)
    hidden = [torch.randn(SEEDS, WIDTH, WIDTH) * (2 / WIDTH) ** 0.5 for _ in range(layers)]
    ends = [torch.randn(SEEDS, 64, WIDTH) / 8, torch.randn(SEEDS, WIDTH, 10) / WIDTH**0.5]
    weights = [weight.requires_grad_() for weight in (*ends, *hidden)]
    optimizer = torch.optim.Adam(weights, lr=3e-3, fused=True)
    losses = []
    for _ in range(STEPS):
        batch = torch.randint(len(x), (SEEDS, 64))
        h = normalized(x[batch] @ weights[0]).relu()
        for first, second in zip(weights[2::2], weights[3::2], strict=True):  # a block has two layers
            branch = normalized(normalized(h @ first).relu() @ second)
            h = (h + branch if residual else branch).relu()
        loss = F.cross_entropy((h @ weights[1]).flatten(0, 1), y[batch].flatten(), reduction="none").view(SEEDS, 64)
        optimizer.zero_grad()
        loss.mean(dim=1).sum().backward()
        optimizer.step()
        losses.append(loss.detach().mean(dim=1))
    return torch.stack(losses[-10:]).mean(dim=0).tolist()


if __name__ == "__main__":
    digits = load_digits()
    x = torch.tensor(digits.data, dtype=torch.float32) / 16  # (1797, 64)
    y = torch.tensor(digits.target)  # (1797,)
    results = {
        name: {str(layers): final_loss(layers, name == "residual", x, y) for layers in LAYERS}
        for name in ("plain", "residual")
    }
    rows = []
    for (name, runs), style in zip(results.items(), ("s--", "o-"), strict=True):
        means = [sum(run) / SEEDS for run in runs.values()]
        plt.plot(LAYERS, means, style, label=name)
        rows.append([name, *(f"{mean:.2f}" for mean in means)])
    plt.axhline(torch.log(torch.tensor(10.0)).item(), linestyle=":", label="random guessing")
    plt.xlabel("hidden layers")
    plt.ylabel("training loss, mean of the last 10 steps")
    plt.legend()
    plt.savefig("resnet-depth.svg")
    with Path("resnet-depth.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["network", *(f"{layers} layers" for layers in LAYERS)], *rows])
    Path("resnet-depth.json").write_text(json.dumps(results))
    print(f"24 layers: training loss {rows[0][-1]} plain, {rows[1][-1]} residual")
