"""A small convolutional network on digits with four normalizers, batches of 2 and of 32, and what SwitchNorm chooses.

Source: Luo et al., "Differentiable Learning-to-Normalize via Switchable Normalization", 2018.
"""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from statistics import mean

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from snippets.normalization.switchable_normalization.use import SwitchNorm

BATCHES, SEEDS, STEPS = [2, 32], 2, 60


NORMS: dict[str, Callable[[int], nn.Module]] = {
    "batch": nn.BatchNorm2d,
    "instance": lambda channels: nn.InstanceNorm2d(channels, affine=True),
    "layer": lambda channels: nn.GroupNorm(1, channels),
    "switchable": SwitchNorm,
}


def run(norm: Callable[[int], nn.Module], size: int, seed: int, x: Tensor, y: Tensor) -> tuple[float, list]:
    """Test accuracy in eval mode after STEPS steps of Adam, and the proportions of each switchable layer's means."""
    torch.manual_seed(seed)
    first, second = nn.Conv2d(1, 8, 3, padding=1, bias=False), nn.Conv2d(8, 16, 3, stride=2, padding=1, bias=False)
    model = nn.Sequential(first, norm(8), nn.ReLU(), second, norm(16), nn.ReLU(), nn.Flatten(), nn.Linear(256, 10))
    order = torch.randperm(len(x))
    train, test = order[:1000], order[1000:]
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(STEPS):
        batch = train[torch.randint(len(train), (size,))]
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        accuracy = (model(x[test]).argmax(dim=1) == y[test]).float().mean().item()
    return accuracy, [part.mean_logits.softmax(0).tolist() for part in model if isinstance(part, SwitchNorm)]


if __name__ == "__main__":
    digits = load_digits()
    x = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16  # (1797, 1, 8, 8)
    y = torch.tensor(digits.target)
    results: dict[str, dict[str, list]] = {}
    rows = []
    for place, (name, norm) in enumerate(NORMS.items()):
        runs = [[run(norm, size, seed, x, y) for seed in range(SEEDS)] for size in BATCHES]
        accuracies = [[accuracy for accuracy, _ in of_size] for of_size in runs]  # (batch sizes, seeds)
        results[name] = {"accuracy": accuracies, "proportions": [[chosen for _, chosen in of_size] for of_size in runs]}
        for number, of_size in enumerate(accuracies):
            label = f"batches of {BATCHES[number]}" if place == 0 else None
            left = place + 0.4 * number
            plt.bar(left, mean(of_size), 0.38, color=f"C{number}", hatch=["", "//"][number], label=label)
        rows.append([name, *(" / ".join(f"{accuracy:.2f}" for accuracy in of_size) for of_size in accuracies)])
    plt.xticks([place + 0.2 for place in range(len(NORMS))], list(NORMS))
    plt.ylim(0, 1.2)
    plt.ylabel("test accuracy, mean of two seeds")
    plt.legend(loc="upper left", ncols=2)
    plt.savefig("switchable-normalization.svg")
    with Path("switchable-normalization.csv").open("w", newline="") as file:
        head = ["normalization", *(f"accuracy, batches of {size}" for size in BATCHES)]
        csv.writer(file).writerows([head, *rows])
    Path("switchable-normalization.json").write_text(json.dumps(results))
    shares = torch.tensor(results["switchable"]["proportions"])  # (batch sizes, seeds, layers, 3)
    print(f"proportions after {STEPS} steps: between {shares.min().item():.2f} and {shares.max().item():.2f}")
