"""What Muon does to an update's singular values, and to the training of a small network on digits.

Source: Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024.
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

STEPS, SEEDS = 60, 3
RATES = (1e-3, 4e-3, 1.6e-2, 6.4e-2)


def train(muon: bool, lr: float, seed: int, x: Tensor, y: Tensor) -> tuple[float, Tensor]:
    """Training loss over all digits at the end, and singular values of the last step of the middle matrix."""
    torch.manual_seed(seed)
    hidden = nn.Linear(64, 64)
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), hidden, nn.ReLU(), nn.Linear(64, 10))
    middle = hidden.weight
    if muon:
        others = [p for p in model.parameters() if p is not middle]
        optimizers: list[torch.optim.Optimizer] = [torch.optim.AdamW(others, lr=lr)]
        optimizers.append(torch.optim.Muon([middle], lr=lr, weight_decay=0.01, adjust_lr_fn="match_rms_adamw"))
    else:
        optimizers = [torch.optim.AdamW(model.parameters(), lr=lr)]
    before = middle.detach()
    for _ in range(STEPS):
        rows = torch.randint(len(x), (128,))
        nn.functional.cross_entropy(model(x[rows]), y[rows]).backward()
        before = middle.detach().clone()
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
    values = torch.linalg.svdvals(middle.detach() - before)
    return nn.functional.cross_entropy(model(x), y).item(), values / values[0]


if __name__ == "__main__":
    digits = load_digits()
    x = torch.tensor(digits.data, dtype=torch.float32) / 16  # (1797, 64)
    y = torch.tensor(digits.target)  # (1797,)
    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 3.2))
    table = [["optimizer", "32nd singular value of a step / largest", *(f"loss, lr {lr:g}" for lr in RATES)]]
    results = {}
    for name, muon, style in (("AdamW", False, "o--"), ("Muon on the middle matrix", True, "s-")):
        runs = [[train(muon, lr, seed, x, y) for seed in range(SEEDS)] for lr in RATES]
        losses = torch.tensor([[loss for loss, _ in row] for row in runs])
        values = runs[1][0][1]
        left.plot(range(1, 65), values.tolist(), style[1:], label=name)
        right.errorbar(RATES, losses.mean(1).tolist(), losses.std(1).tolist(), fmt=style, capsize=3, label=name)
        results[name] = {"losses": losses.tolist(), "values": [v.tolist() for _, v in runs[1]]}  # values (seeds, 64)
        table.append([name, f"{values[31]:.2f}", *(f"{mean:.2f}" for mean in losses.mean(1).tolist())])
    left.set(xlabel="singular value of the step, by rank", ylabel="relative to the largest", ylim=(0, 1.05))
    right.set(xscale="log", yscale="log", xlabel="learning rate", ylabel=f"training loss after {STEPS} steps")
    left.legend()
    figure.tight_layout()
    plt.savefig("muon.svg")
    with Path("muon.csv").open("w", newline="") as file:
        csv.writer(file).writerows(table)
    Path("muon.json").write_text(json.dumps(results))
    print("runs:", 2 * SEEDS * len(RATES))
