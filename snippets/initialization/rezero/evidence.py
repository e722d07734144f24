"""Train 32 fully connected layers on digits: ReZero, pre-LayerNorm residual, plain residual, and no skip connection.

Source: Bachlechner et al., "ReZero is All You Need: Fast Convergence at Large Depth", 2020, section 4.
"""

import csv
import json
import math
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

DEPTH, WIDTH, SEEDS, STEPS, BATCH = 32, 64, 3, 60, 64
NAMES = ["ReZero", "residual, pre-LayerNorm", "residual", "no skip connection"]


def train(name: str, steps: int = STEPS) -> tuple[Tensor, Tensor]:
    """Loss of every step, (seeds, steps), and final alphas, (seeds, depth); all seeds run as one stack."""
    generators = [torch.Generator().manual_seed(seed) for seed in range(SEEDS)]
    draws = [torch.randn(DEPTH, WIDTH, WIDTH, generator=g, device=g.device) for g in generators]
    weights = (torch.stack(draws, 1) * math.sqrt(2 / WIDTH)).to(torch.get_default_device()).requires_grad_()
    biases = torch.zeros(DEPTH, SEEDS, 1, WIDTH, requires_grad=True)
    alphas = torch.zeros(DEPTH, SEEDS, 1, 1, requires_grad=True)
    read_out = torch.zeros(SEEDS, WIDTH, 10, requires_grad=True)
    optimizer = torch.optim.Adam([weights, biases, alphas, read_out], lr=1e-3)
    data = load_digits()
    x = torch.tensor(data.data, dtype=torch.float32)
    x, y = (x - x.mean()) / x.std(), torch.tensor(data.target)
    history = []
    for step in range(steps):
        batch = (torch.arange(BATCH) + step * BATCH) % len(x)
        h = x[batch].expand(SEEDS, -1, -1)  # (seeds, batch, width)
        for weight, bias, alpha in zip(weights, biases, alphas, strict=True):
            before = nn.functional.layer_norm(h, (WIDTH,)) if name == NAMES[1] else h
            branch = torch.relu(torch.baddbmm(bias, before, weight.mT))
            h = branch if name == NAMES[3] else h + (alpha * branch if name == NAMES[0] else branch)
        logits = (h @ read_out).mT  # (seeds, 10, batch)
        losses = nn.functional.cross_entropy(logits, y[batch].expand(SEEDS, -1), reduction="none").mean(1)
        optimizer.zero_grad()
        losses.sum().backward()
        optimizer.step()
        history.append(losses.detach())
    return torch.stack(history, 1), alphas.detach()[:, :, 0, 0].T


if __name__ == "__main__":
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), layout="constrained", width_ratios=[3, 2])
    rows = [["network", f"loss, mean of the last 10 of {STEPS} steps, median of {SEEDS} seeds"]]
    results = {}
    for name, style, marker in zip(NAMES, ["-", "--", "-.", ":"], "o^sv", strict=True):
        history, alphas = train(name)
        results[name] = {"losses": history.tolist(), "alphas": alphas.tolist()}
        low, middle, high = history.amin(0), history.median(0).values, history.amax(0)
        axes[0].semilogy(middle.tolist(), style, marker=marker, markevery=10, markersize=5, label=name)
        axes[0].fill_between(range(STEPS), low.tolist(), high.tolist(), alpha=0.2)
        rows.append([name, f"{history[:, -10:].mean(1).median():.2g}"])
        if name == "ReZero":
            axes[1].plot(alphas.T.tolist(), "o", markersize=3, color="C0")
    axes[0].set(title=f"{DEPTH} layers, Adam, no warm-up", xlabel="step", ylabel="training loss", ylim=(0.05, 1e5))
    axes[0].legend()
    axes[1].axhline(0, linewidth=1, linestyle=":", color="C6")
    axes[1].set(title=f"ReZero's alpha after {STEPS} steps", xlabel="layer", ylabel="alpha, three seeds")
    plt.savefig("rezero.svg")
    with Path("rezero.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    Path("rezero.json").write_text(json.dumps(results))
    trained = [row[0] for row in rows[1:] if float(row[1]) < 1.5]
    print("trained:", "; ".join(trained))
