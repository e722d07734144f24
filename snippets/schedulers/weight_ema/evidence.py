"""How long to look back: test loss of moving averages with four decays during a run at a constant rate, three seeds.

Source: Polyak and Juditsky, "Acceleration of Stochastic Approximation by Averaging", 1992; digits from scikit-learn.
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import nn

from snippets.schedulers.weight_ema.use import make_ema

STEPS, EVERY, SEEDS, LR = 600, 20, (0, 1, 2), 0.4
DECAYS = (0.0, 0.9, 0.99, 0.999)  # 0: the model itself


def train(seed: int) -> torch.Tensor:
    """Test loss of each average every EVERY updates, (decays, measurements)."""
    torch.manual_seed(seed)
    data = load_digits()
    x = torch.tensor(data.data[:900], dtype=torch.get_default_dtype()) / 16  # (digits, pixels)
    y = torch.tensor(data.target[:900])
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=LR)
    averages = [make_ema(model, decay) for decay in DECAYS]
    losses = []
    for step in range(STEPS):
        batch = torch.randint(400, (16,))
        loss = nn.functional.cross_entropy(model(x[batch]), y[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        for average in averages:
            average.update_parameters(model)
        if step % EVERY == EVERY - 1:
            with torch.no_grad():
                losses.append([nn.functional.cross_entropy(a(x[400:]), y[400:]).item() for a in averages])
    return torch.tensor(losses).T


if __name__ == "__main__":
    runs = torch.stack([train(seed) for seed in SEEDS])  # (seeds, decays, measurements)
    middle = runs.median(0).values
    steps = range(EVERY, STEPS + 1, EVERY)
    plt.figure(figsize=(7.2, 3.6))
    rows = []
    for decay, curve, marker in zip(DECAYS, middle, "osD^", strict=True):
        name = f"decay {decay}" if decay else "the model"
        plt.plot(steps, curve, marker=marker, markevery=4, label=name)
        rows.append([name, *(f"{curve[at // EVERY - 1]:.3f}" for at in (100, 200, 400, 600))])
    plt.xlabel("update")
    plt.ylabel("test loss")
    plt.yscale("log")
    plt.legend(fontsize="small")
    plt.tight_layout()
    plt.savefig("weight-ema.svg")
    with Path("weight-ema.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["what is tested", "after 100", "after 200", "after 400", "after 600"], *rows])
    Path("weight-ema.json").write_text(json.dumps({str(decay): runs[:, i].tolist() for i, decay in enumerate(DECAYS)}))
    print("test loss after 600 updates:", ", ".join(f"{row[0]} {row[4]}" for row in rows))
