"""A network on 200 digits, a fifth of them with random labels: plain, with one method at a time, and with two.

Source: LeCun et al., "Efficient BackProp", 1998, section 4.3; Krogh and Hertz, "A Simple Weight Decay", 1991
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

SEEDS, STEPS, TRAIN, WRONG = 3, 80, 200, 0.2
METHODS = {
    "plain": "x-",
    "standardized inputs": "o-",
    "batch norm": "s-",
    "weight decay": "^--",
    "dropout": "v--",
    "standardized + weight decay": "D:",
}


def model_for(method: str) -> nn.Sequential:
    """A network with 64 hidden units, with the layer that the method adds."""
    layers: list[nn.Module] = [nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10)]
    if method == "batch norm":
        layers.insert(1, nn.BatchNorm1d(64))
    if method == "dropout":
        layers.insert(2, nn.Dropout(0.5))
    return nn.Sequential(*layers)


def train(method: str, seed: int, x: Tensor, y: Tensor) -> dict[str, list[float]]:
    """Loss at each step; then, in eval mode, training loss and test accuracy at the end."""
    torch.manual_seed(seed)
    order = torch.randperm(len(x))
    x, y = x[order], y[order]
    if "standardized" in method:
        std, mean = torch.std_mean(x[:TRAIN], dim=0)
        x = (x - mean) / torch.where(std > 0, std, 1.0)
    wrong = torch.rand(TRAIN) < WRONG
    targets = torch.where(wrong, torch.randint(10, (TRAIN,)), y[:TRAIN])
    model = model_for(method)
    decay = 0.02 if "weight decay" in method else 0.0
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=decay)
    losses = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x[:TRAIN]), targets)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    model.eval()
    with torch.no_grad():
        final = nn.functional.cross_entropy(model(x[:TRAIN]), targets).item()
        outputs = model(x[TRAIN:])
    accuracy = (outputs.argmax(dim=1) == y[TRAIN:]).float().mean().item()
    return {"losses": losses, "train": [final], "accuracy": [accuracy]}


if __name__ == "__main__":
    digits = load_digits()
    x, y = torch.tensor(digits.data, dtype=torch.float32) / 16, torch.tensor(digits.target)
    results: dict[str, list[dict[str, list[float]]]] = {}
    rows = []
    for method, style in METHODS.items():
        runs = results[method] = [train(method, seed, x, y) for seed in range(SEEDS)]
        curve = torch.tensor([run["losses"] for run in runs]).mean(dim=0)
        plt.plot(range(1, STEPS + 1), curve.tolist(), style, markevery=20, label=method)
        loss, accuracy = (sum(run[key][0] for run in runs) / SEEDS for key in ("train", "accuracy"))
        rows.append([method, f"{curve[20].item():.2f}", f"{loss:.2f}", f"{accuracy:.2f}"])
    plt.xlabel("step")
    plt.ylabel("training loss")
    plt.ylim(0, 2.5)
    plt.legend()
    plt.savefig("normalization-vs-standardization-vs-regularization.svg")
    head = ["method", "training loss at step 21", "training loss at the end", "test accuracy"]
    with Path("normalization-vs-standardization-vs-regularization.csv").open("w", newline="") as file:
        csv.writer(file).writerows([head, *rows])
    Path("normalization-vs-standardization-vs-regularization.json").write_text(json.dumps(results))
    print(f"{int(WRONG * 100)}% of {TRAIN} training labels are random, {STEPS} steps, {SEEDS} seeds")
