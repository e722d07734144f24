"""Hessian norms at the start over the scale of the weights, beside the training loss, on digits.

Source: Skorski et al., "Revisiting Initialization of Neural Networks", 2020.
"""

import csv
import json
import math
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from snippets.initialization.hessian_chain_init.use import hessian_norms

WIDTH, DEPTH, STEPS, SEEDS = 48, 8, 60, 2
GAINS = [0.5, 0.71, 0.84, 1.0, 1.19, 1.41]
RATES = [0.01, 0.1]


def network(gain: float, seed: int) -> nn.Sequential:
    """ReLU network without biases; every weight has ``gain`` times Kaiming's standard deviation."""
    torch.manual_seed(seed)
    layers: list[nn.Module] = []
    for i in range(DEPTH):
        layers += [nn.Linear(64 if i == 0 else WIDTH, WIDTH, bias=False), nn.ReLU()]
    model = nn.Sequential(*layers, nn.Linear(WIDTH, 10, bias=False))
    for weight in model.parameters():
        nn.init.normal_(weight, std=gain * (2 / weight.shape[1]) ** 0.5)
    return model


def norms(model: nn.Module, x: Tensor, y: Tensor) -> list[float]:
    """Largest eigenvalue of each weight's Hessian block, by 12 steps of power iteration."""
    return list(hessian_norms(model, nn.functional.cross_entropy, x, y, iterations=12).values())


def train(model: nn.Module, lr: float, x: Tensor, y: Tensor) -> float:
    """Mean loss of the last ten steps, at most 10."""
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, fused=True)
    losses = []
    for _ in range(STEPS):
        batch = torch.randint(len(x), (64,))
        loss = nn.functional.cross_entropy(model(x[batch]), y[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    mean = sum(losses[-10:]) / 10
    return min(mean, 10.0) if math.isfinite(mean) else 10.0


if __name__ == "__main__":
    digits = load_digits()
    x = (torch.tensor(digits.data, dtype=torch.get_default_dtype()) - 4.9) / 6.0
    y = torch.tensor(digits.target)
    rows = [["times Kaiming", "smallest block norm", "largest block norm", *(f"loss at rate {lr}" for lr in RATES)]]
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6))
    table: dict[float, list[float]] = {lr: [] for lr in RATES}
    results = {}
    for gain, style in zip(GAINS, ("o-", "s--", "^:", "D-", "v--", "P:"), strict=True):
        drawn = [norms(network(gain, seed), x[:128], y[:128]) for seed in range(SEEDS)]
        trained = {lr: [train(network(gain, seed), lr, x, y) for seed in range(SEEDS)] for lr in RATES}
        results[f"{gain}"] = {"norms": drawn, "losses": trained}
        blocks = torch.tensor(drawn).mean(0).tolist()
        axes[0].plot(range(1, DEPTH + 2), blocks, style, label=f"{gain}")
        for lr in RATES:
            table[lr].append(sum(trained[lr]) / SEEDS)
        losses = [f"{table[lr][-1]:.2f}" for lr in RATES]
        rows.append([f"{gain}", f"{min(blocks):.1e}", f"{max(blocks):.1e}", *losses])
    for lr, style in zip(RATES, ("o-", "s--"), strict=True):
        axes[1].plot(GAINS, table[lr], style, label=f"learning rate {lr}")
    axes[0].set(xlabel="layer", ylabel="norm of the Hessian block", yscale="log", ylim=(1e-7, 2e3))
    axes[0].legend(title="times Kaiming", ncols=3, loc="lower center")
    axes[1].set(xlabel="standard deviation, times Kaiming", ylabel=f"loss after {STEPS} steps (10 = diverged)")
    axes[1].legend()
    figure.tight_layout()
    plt.savefig("hessian-chain-init.svg")
    with Path("hessian-chain-init.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    Path("hessian-chain-init.json").write_text(json.dumps(results))
