"""Four training programs with broadcasting traps and two without, on digits: what torch says, what the network learns.

Source: the documentation of PyTorch, "Broadcasting semantics". The digits are scikit-learn's.
"""

import csv
import json
import warnings
from collections.abc import Callable
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional as F

SEEDS, STEPS, TRAIN, EVERY = 3, 240, 1000, 20
Loss = Callable[[Tensor, Tensor, Tensor], Tensor]

# Outputs are (batch, 1), targets and weights (batch,). In two programs half of the targets are wrong and weigh 0.
LOSSES: dict[str, Loss] = {
    "squeezed": lambda out, t, w: F.mse_loss(out.squeeze(1), t),
    "mse_loss of column and row": lambda out, t, w: F.mse_loss(out, t),
    "own formula": lambda out, t, w: (out - t).square().mean(),
    "binary cross-entropy": lambda out, t, w: F.binary_cross_entropy_with_logits(out, (t > 0).float()),
    "weights in a row": lambda out, t, w: (w * (out.squeeze(1) - t).square()).sum() / w.sum(),
    "weights in a column": lambda out, t, w: (w[:, None] * (out.squeeze(1) - t).square()).mean(),
}


def data(seed: int) -> tuple[Tensor, Tensor]:
    """Pixels (1797, 64), and how much more ink the upper half has than the lower one, standardized."""
    torch.manual_seed(seed)
    x = torch.tensor(load_digits().data / 16, dtype=torch.float32)
    x = x[torch.randperm(len(x))]
    t = (x[:, :32].sum(1) - x[:, 32:].sum(1)).tanh() + x[:, 20] * x[:, 36]
    return x, (t - t.mean()) / t.std()


def train(loss_fn: Loss, x: Tensor, t: Tensor, weigh: bool) -> tuple[list[float], str]:
    """Error on test data, of which 1 is that of the mean, every 20 steps; and what torch said."""
    wrong = torch.rand(len(t)) < (0.5 if weigh else 0.0)
    given = torch.where(wrong, t[torch.randperm(len(t))] * 2 + 2, t)
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=4e-3, fused=True)
    errors, said = [], "nothing"
    for step in range(STEPS + 1):
        if step % EVERY == 0:
            with torch.no_grad():
                errors.append(F.mse_loss(model(x[TRAIN:]).squeeze(1), t[TRAIN:]).item())
        batch = torch.randint(TRAIN, (64,))
        optimizer.zero_grad()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                loss = loss_fn(model(x[batch]), given[batch], (~wrong[batch]).float())
            except ValueError:
                return [], "an error"
        said = "a warning" if caught else said
        loss.backward()
        optimizer.step()
    return errors, said


if __name__ == "__main__":
    plt.figure(figsize=(9, 4))
    rows = [["loss", "torch says", "error on test data, that of the mean is 1"]]
    numbers = {}
    for (name, loss_fn), marker in zip(LOSSES.items(), "os^vDP", strict=True):
        runs = [train(loss_fn, *data(seed), weigh="weights" in name) for seed in range(SEEDS)]
        errors = torch.tensor([run[0] for run in runs])  # (seeds, points)
        if errors.numel():
            plt.plot(range(0, STEPS + 1, EVERY), errors.mean(0).tolist(), marker=marker, label=name)
        rows.append([name, runs[0][1], f"{errors[:, -1].mean():.2f}" if errors.numel() else "–"])
        numbers[name] = {"said": [run[1] for run in runs], "last": errors[:, -1].tolist() if errors.numel() else []}
    plt.axhline(1, linestyle=":", color="gray")
    plt.yscale("log")
    plt.xlabel("step")
    plt.ylabel("error on test data")
    plt.legend(fontsize="small", loc="center left", bbox_to_anchor=(1, 0.5))
    plt.tight_layout()
    plt.savefig("shape-broadcast-traps.svg")
    with Path("shape-broadcast-traps.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    Path("shape-broadcast-traps.json").write_text(json.dumps(numbers))
    print("torch said nothing:", sum(set(each["said"]) == {"nothing"} for each in numbers.values()), "of", len(LOSSES))
