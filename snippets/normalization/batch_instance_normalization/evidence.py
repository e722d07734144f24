"""Two tasks on digits: to name them in varying brightness and contrast, and to tell which ones were made brighter.

Source: Nam and Kim, "Batch-Instance Normalization for Adaptively Style-Invariant Neural Networks", 2018.
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

from snippets.normalization.batch_instance_normalization.use import BatchInstanceNorm, clip_gates

SEEDS, STEPS = 2, 60


NORMS: dict[str, Callable[[int], nn.Module]] = {
    "batch norm": nn.BatchNorm2d,
    "instance norm": lambda width: nn.InstanceNorm2d(width, affine=True),
    "batch-instance norm": BatchInstanceNorm,
}


def styled(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Images in random contrast and brightness; the label is the digit."""
    contrast, brightness = torch.randn(len(x), 1, 1, 1).exp(), torch.randn(len(x), 1, 1, 1)
    return contrast * x + brightness, y


def brighter(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Half of the images brighter by half; the label says which."""
    label = torch.randint(2, (len(x),))
    return x * (1 + 0.5 * label.view(-1, 1, 1, 1)), label


def run(norm: Callable[[int], nn.Module], task: Callable, seed: int, x: Tensor, y: Tensor) -> tuple[float, list[float]]:
    """Test accuracy after STEPS steps of Adam on 500 images, and the mean gate of each layer that has one."""
    torch.manual_seed(seed)
    first, second = nn.Conv2d(1, 8, 3, padding=1, bias=False), nn.Conv2d(8, 16, 3, stride=2, padding=1, bias=False)
    model = nn.Sequential(first, norm(8), nn.ReLU(), second, norm(16), nn.ReLU(), nn.Flatten(), nn.Linear(256, 10))
    gates = [part.gate for part in model if isinstance(part, BatchInstanceNorm)]
    groups: list[dict] = [{"params": [p for name, p in model.named_parameters() if "gate" not in name]}]
    optimizer = torch.optim.Adam([*groups, {"params": gates, "lr": 0.1}], lr=0.01)
    order = torch.randperm(len(x))
    train, test = order[:500], order[-1000:]
    for _ in range(STEPS):
        batch = train[torch.randint(500, (32,))]
        inputs, labels = task(x[batch], y[batch])
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(inputs), labels).backward()
        optimizer.step()
        clip_gates(model)
    model.eval()
    inputs, labels = task(x[test], y[test])
    with torch.no_grad():
        accuracy = (model(inputs).argmax(dim=1) == labels).float().mean().item()
    return accuracy, [gate.mean().item() for gate in gates]


if __name__ == "__main__":
    digits = load_digits()
    x = torch.tensor(digits.images, dtype=torch.float32).unsqueeze(1) / 16  # (1797, 1, 8, 8)
    y = torch.tensor(digits.target)
    tasks = {"which digit, style varies": styled, "which is brighter": brighter}
    results: dict[str, dict[str, dict[str, list]]] = {}
    rows = []
    for number, (task, change) in enumerate(tasks.items()):
        runs = {name: [run(norm, change, seed, x, y) for seed in range(SEEDS)] for name, norm in NORMS.items()}
        results[task] = {name: {"accuracy": [a for a, _ in r], "gates": [g for _, g in r]} for name, r in runs.items()}
        heights = [mean(of["accuracy"]) for of in results[task].values()]
        places = [place + 0.4 * number for place in range(len(NORMS))]
        plt.bar(places, heights, 0.38, label=task, hatch=["", "//"][number])
        for name, of in results[task].items():
            gate = f"{mean(map(mean, of['gates'])):.2f}" if name == "batch-instance norm" else "–"
            rows.append([task, name, " / ".join(f"{accuracy:.2f}" for accuracy in of["accuracy"]), gate])
    plt.xticks([place + 0.2 for place in range(len(NORMS))], list(NORMS))
    plt.ylim(0, 1.3)
    plt.ylabel("test accuracy, mean of two seeds")
    plt.legend(loc="upper left")
    plt.savefig("batch-instance-normalization.svg")
    with Path("batch-instance-normalization.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["task", "normalization", "test accuracy", "mean gate"], *rows])
    Path("batch-instance-normalization.json").write_text(json.dumps(results))
    print(f"mean gate: {rows[2][3]} where style varies, {rows[5][3]} where it is the label")
