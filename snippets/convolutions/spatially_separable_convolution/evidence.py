"""What pairs of thin kernels see, the ranks of known kernels, and a trained layer that is replaced by pairs.

Source: Jaderberg et al., "Speeding up Convolutional Neural Networks with Low Rank Expansions", 2014, sections 2 and 3
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional as F

K, CHANNELS, STEPS, TRAIN = 5, 16, 120, 1200
RANKS = [1, 2, 4, 8, 16, 24, 40, 80]
CURVES = ("test accuracy", "error of the kernel", "error, untrained kernel")


def known_kernels() -> dict[str, Tensor]:
    """Kernels of image processing, (k, k)."""
    binomial = torch.tensor([1.0, 4, 6, 4, 1])
    y, x = torch.meshgrid(torch.arange(-3, 4), torch.arange(-3, 4), indexing="ij")
    return {
        "mean, 5 × 5": torch.ones(5, 5),
        "Gaussian (binomial), 5 × 5": torch.outer(binomial, binomial),
        "Sobel, 3 × 3": torch.outer(torch.tensor([1.0, 2, 1]), torch.tensor([-1.0, 0, 1])),
        "Laplacian, 3 × 3": torch.tensor([[0.0, 1, 0], [1, -4, 1], [0, 1, 0]]),
        "disc, 7 × 7": (x**2 + y**2 <= 9).float(),
        "diagonal line, 5 × 5": torch.eye(5),
    }


def pairs(weight: Tensor, rank: int) -> tuple[Tensor, float]:
    """The kernel that this many pairs can make nearest to a weight, and its relative error."""
    outputs, channels, k, _ = weight.shape
    u, s, v = torch.linalg.svd(weight.permute(1, 2, 0, 3).reshape(channels * k, outputs * k), full_matrices=False)
    near = ((u[:, :rank] * s[:rank]) @ v[:rank]).view(channels, k, outputs, k).permute(2, 0, 1, 3)
    return near.contiguous(), (s[rank:].norm() / s.norm()).item()


def trained(x: Tensor, y: Tensor) -> tuple[nn.Sequential, nn.Conv2d, Tensor]:
    """A small network on digits, its 5 × 5 layer, and that layer's weight at the start."""
    conv = nn.Conv2d(CHANNELS, CHANNELS, K, padding=2)
    layers = [nn.Conv2d(1, CHANNELS, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), conv, nn.ReLU()]
    model = nn.Sequential(*layers, nn.Flatten(), nn.Linear(CHANNELS * 16, 10))
    start = conv.weight.detach().clone()
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    for _ in range(STEPS):
        batch = torch.randint(TRAIN, (64,)).tolist()
        optimizer.zero_grad()
        F.cross_entropy(model(x[batch]), y[batch]).backward()
        optimizer.step()
    return model, conv, start


def seen(*kernels: tuple[int, int], beside: bool = False) -> Tensor:
    """On how many ways each pixel of 7 × 7 reaches the output in the middle, by gradients; in a row or side by side."""
    x = torch.zeros(1, 1, 7, 7, requires_grad=True)
    outs = []
    y: Tensor = x
    for h, w in kernels:
        y = F.conv2d(x if beside else y, torch.ones(1, 1, h, w), padding=(h // 2, w // 2))
        outs.append(y)
    (sum(outs) if beside else y)[0, 0, 3, 3].backward()  # type: ignore[index]
    assert x.grad is not None
    return x.grad[0, 0]


def write(name: str, rows: list[list]) -> None:
    """A table that the page shows."""
    with Path(name).open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)


if __name__ == "__main__":
    reach = {
        "5 × 1": seen((5, 1)),
        "5 × 1, then 1 × 5": seen((5, 1), (1, 5)),
        "5 × 1 beside 1 × 5": seen((5, 1), (1, 5), beside=True),
    }
    figure, panels = plt.subplots(1, 3, figsize=(6, 2.3))
    for axes, (name, ways) in zip(panels, reach.items(), strict=True):
        axes.imshow((ways > 0).float().tolist(), cmap="viridis", vmin=-0.3, vmax=1.2)
        axes.set(xticks=[], yticks=[])
        axes.set_title(name, fontsize=9)
    figure.tight_layout()
    plt.savefig("spatially-separable-convolution-reach.svg")
    ranks = {}
    for name, kernel in known_kernels().items():
        s = torch.linalg.svdvals(kernel)
        ranks[name] = [int((s > 1e-5 * s[0]).sum()), (s[0] ** 2 / s.square().sum()).item()]
    rows = [[name, rank, f"{share:.0%}"] for name, (rank, share) in ranks.items()]
    head = ["kernel", "column-row pairs", "energy in the first pair"]
    write("spatially-separable-convolution-kernels.csv", [head, *rows])
    digits = load_digits()
    x, y = torch.tensor(digits.images, dtype=torch.float32)[:, None] / 16, torch.tensor(digits.target)
    accuracy, after, before = [], [], []
    for seed in range(2):
        torch.manual_seed(seed)
        model, conv, start = trained(x, y)
        weight = conv.weight.detach().clone()
        found = [pairs(weight, rank) for rank in RANKS]
        after.append([error for _, error in found])
        before.append([pairs(start, rank)[1] for rank in RANKS])
        scores = []
        for near, _ in found:
            conv.weight.data = near
            scores.append((model(x[TRAIN:]).argmax(dim=1) == y[TRAIN:]).float().mean().item())
        accuracy.append(scores)
    costs = [rank * 2 / (K * CHANNELS) for rank in RANKS]
    means = [torch.tensor(each).mean(dim=0).tolist() for each in (accuracy, after, before)]
    plt.figure()
    for values, style, label in zip(means, ("o-", "s--", "^:"), CURVES, strict=True):
        plt.plot(costs, values, style, label=label)
    plt.xlabel("multiply-adds, as a share of the 5 × 5 layer's")
    plt.xscale("log")
    plt.axvline(1, linestyle=":", linewidth=1, color="gray")
    plt.legend()
    plt.savefig("spatially-separable-convolution.svg")
    rows = [[r, f"{c:.3f}", *(f"{v[i]:.3f}" for v in means)] for i, (r, c) in enumerate(zip(RANKS, costs, strict=True))]
    write("spatially-separable-convolution.csv", [["column-row pairs", "multiply-adds, share", *CURVES], *rows])
    results = {"ranks": ranks, "reach": {name: ways.tolist() for name, ways in reach.items()}, "pairs": RANKS}
    results |= {"costs": costs, "accuracy": accuracy, "after": after, "before": before}
    Path("spatially-separable-convolution.json").write_text(json.dumps(results), encoding="utf-8")
    print(f"pairs of known kernels: {[rank for rank, _ in ranks.values()]}")
    print(f"16 of 80 pairs: {costs[4]:.0%} of the multiply-adds, loss of accuracy {means[0][-1] - means[0][4]:.2f}")
