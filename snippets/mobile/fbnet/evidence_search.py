"""A search among four filters of known quality and cost: what it chooses as the cost weighs more.

Source: Wu et al., "FBNet: Hardware-Aware Efficient ConvNet Design via Differentiable Neural Architecture Search", 2018,
sections 3.2 and 3.3
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional as F

from snippets.mobile.fbnet.use import Choice, search_loss

KERNELS = {"nothing": 1, "3×3": 3, "5×5": 5, "7×7": 7}
WEIGHTS = [0.0, 0.3, 0.6, 1.2, 2.4, 4.8]
REST, NOISE, STEPS = 40.0, 0.2, 80  # multiply-adds for a pixel in the rest of the network; noise of the wanted images


def blur(kernel: int) -> Tensor:
    """The middle of a blur of 7 × 7, (1, 1, kernel, kernel), that sums to 1."""
    reach = torch.arange(kernel) - kernel // 2
    line = torch.exp(-(reach**2) / (2 * 1.3**2))
    return (torch.outer(line, line) / line.sum() ** 2)[None, None]


class Filter(nn.Module):
    """A fixed blur of each image."""

    kernel: Tensor

    def __init__(self, kernel: int) -> None:
        super().__init__()
        self.register_buffer("kernel", blur(kernel))

    def forward(self, x: Tensor) -> Tensor:
        """(batch, 1, height, width) in and out."""
        return F.conv2d(x, self.kernel, padding=self.kernel.shape[-1] // 2)


def search(beta: float) -> dict[str, float]:
    """The share of each filter after the search."""
    torch.manual_seed(0)
    images = torch.tensor(load_digits().images[:60]).float()[:, None] / 16
    choice = Choice([Filter(kernel) for kernel in KERNELS.values()], [float(k**2) for k in KERNELS.values()])
    optimizer = torch.optim.Adam([choice.scores], lr=0.15)
    for step in range(STEPS):
        wanted = Filter(7)(images) + NOISE * torch.randn_like(images)
        mixture, cost = choice(images, temperature=5 * 0.97**step)
        loss = search_loss(F.mse_loss(mixture, wanted), REST + cost, alpha=10.0, beta=beta)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return dict(zip(KERNELS, choice.scores.softmax(0).tolist(), strict=True))


if __name__ == "__main__":
    found = {beta: search(beta) for beta in WEIGHTS}
    for (name, kernel), style in zip(KERNELS.items(), ["o-", "s--", "^-.", "v:"], strict=True):
        plt.plot(range(len(WEIGHTS)), [shares[name] for shares in found.values()], style, label=f"{name}: {kernel**2}")
    plt.xticks(range(len(WEIGHTS)), [f"{beta:g}" for beta in WEIGHTS])
    plt.xlabel("weight of the cost β")
    plt.ylabel("share after the search")
    plt.legend(title="multiply-adds for a pixel")
    plt.savefig("fbnet-search.svg")
    with Path("fbnet-search.csv").open("w", newline="", encoding="utf-8") as file:
        rows = [[f"{beta:g}", *(f"{share:.2f}" for share in shares.values())] for beta, shares in found.items()]
        csv.writer(file).writerows([["weight of the cost β", *KERNELS], *rows])
    Path("fbnet-search.json").write_text(json.dumps({f"{b:g}": s for b, s in found.items()}), encoding="utf-8")
    print(f"chosen: { {beta: max(shares, key=lambda name: shares[name]) for beta, shares in found.items()} }")
