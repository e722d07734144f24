"""Fit a chirp and look between its points: sine networks with SIREN's and torch's default weights, and a ReLU network.

Source: Sitzmann et al., "Implicit Neural Representations with Periodic Activation Functions", 2020, section 4.
"""

import csv
import itertools
import json
import math
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch import Tensor, nn

from snippets.initialization.siren_init.use import siren_init_

NAMES = ["sine, SIREN initialization", "sine, torch's default", "ReLU, Kaiming"]
SEEDS, STEPS, WIDTH, OMEGA = 3, 150, 64, 30.0


class Sine(nn.Module):
    """sin(omega * x), element by element."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.sin(OMEGA * x)


def network(name: str) -> nn.Sequential:
    """Three hidden layers of WIDTH units on one coordinate."""
    sizes = [1, WIDTH, WIDTH, WIDTH]
    layers: list[nn.Module] = []
    for n, m in itertools.pairwise(sizes):
        linear = nn.Linear(n, m)
        if name == NAMES[0]:
            siren_init_(linear.weight, OMEGA, first=n == 1)
            nn.init.zeros_(linear.bias)
        elif name == NAMES[2]:
            nn.init.kaiming_normal_(linear.weight, nonlinearity="relu")
        layers += [linear, nn.ReLU() if name == NAMES[2] else Sine()]
    return nn.Sequential(*layers, nn.Linear(WIDTH, 1))


def chirp(x: Tensor) -> Tensor:
    """A sine whose frequency rises from 0 to 6 periods per unit along [-1, 1]."""
    return torch.sin(3 * torch.pi * (x + 1) ** 2)


def train(name: str, seed: int, x: Tensor, dense: Tensor) -> tuple[list[float], Tensor]:
    """Loss at the points x before each of STEPS steps of Adam, then the fit at all points of the dense grid."""
    torch.manual_seed(seed)
    model = network(name)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4 if "sine" in name else 3e-3)
    losses = []
    for _ in range(STEPS):
        loss = nn.functional.mse_loss(model(x), chirp(x))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses, model(dense).detach()


if __name__ == "__main__":
    dense = torch.linspace(-1, 1, 1021)[:, None]  # (points, 1)
    x = dense[::4]  # 256 training points; the three between each two of them are never seen
    figure, axes = plt.subplots(1, 4, figsize=(10, 3), layout="constrained", width_ratios=[1.3, 1, 1, 1])
    rows: list[list[str]] = []
    results = {}
    for place, (name, style) in enumerate(zip(NAMES, ["-", "--", ":"], strict=True)):
        runs = [train(name, seed, x, dense) for seed in range(SEEDS)]
        results[name] = [{"losses": losses, "fit": fit.flatten().tolist()} for losses, fit in runs]
        curves = torch.tensor([losses for losses, _ in runs])  # (seeds, steps)
        axes[0].semilogy(curves.median(0).values.tolist(), style, color=f"C{place}")
        axes[0].fill_between(
            range(STEPS), curves.min(0).values.tolist(), curves.max(0).values.tolist(), alpha=0.2, color=f"C{place}"
        )
        axis = axes[place + 1]
        axis.plot(dense.flatten().tolist(), runs[0][1].flatten().tolist(), style, color=f"C{place}", label=name)
        axis.plot(dense.flatten().tolist(), chirp(dense).flatten().tolist(), color="C6", alpha=0.5, zorder=0)
        axis.set(title=name.replace(", ", ",\n"), xlabel="x", ylim=(-2.2, 2.2), xlim=(0, 1))
        axis.sharey(axes[1])
        unseen = torch.arange(len(dense)) % 4 != 0
        errors = torch.stack([(fit - chirp(dense))[unseen].square().mean() for _, fit in runs])
        rows.append([name, f"{curves[:, -1].median():.0e}", f"{errors.median():.0e}"])
        axes[0].annotate(
            name.split(", ")[0 if place == 2 else 1],
            (STEPS * 0.98, curves[:, -1].median().item()),
            ha="right",
            va="bottom",
        )
    axes[0].set(title="error at the training points", xlabel="step")
    plt.savefig("siren-init.svg")
    with Path("siren-init.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["network", "squared error at training points", "squared error between them"])
        table.writerows(rows)
    Path("siren-init.json").write_text(json.dumps(results))
    for name, at_points, between in rows:
        orders = [round(math.log10(float(error))) for error in (at_points, between)]
        print(f"{name}: error near 1e{orders[0]} at training points, near 1e{orders[1]} between them")
