"""CutMix on digits: few with wrong labels, and more with right ones; and with labels that do not follow the area.

Source: Yun et al., "CutMix: Regularization Strategy to Train Strong Classifiers with Localizable Features", 2019.
"""

import csv
import json
from pathlib import Path
from statistics import mean

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from snippets.normalization.cutmix.from_scratch import box_mask, cut

CASES = {"100 images, 40% of the labels random": (100, 0.4), "300 images": (300, 0.0)}
WAYS, SEEDS, STEPS = ["none", "CutMix", "CutMix, old labels"], 3, 150


def mix(x: Tensor, labels: Tensor, follow: bool) -> tuple[Tensor, Tensor]:
    """A batch of images (batch, 8, 8) with a box of other ones; labels follow the area or stay."""
    half = int(4 * torch.rand(()).sqrt())
    row, column = (int(each) for each in torch.randint(8, (2,)))
    mask = box_mask(8, 8, (max(row - half, 0), row + half, max(column - half, 0), column + half))
    partner, share = torch.randperm(len(x)), mask.mean()
    return cut(x, partner, mask), share * labels + (1 - share) * labels[partner] if follow else labels


def run(size: int, noise: float, way: str, seed: int, x: Tensor, y: Tensor) -> tuple[float, float, float]:
    """Accuracy, loss and mean confidence on 1,000 test digits, after training on some of the others."""
    torch.manual_seed(seed)
    order = torch.randperm(len(x))
    train, test = order[:size], order[-1000:]
    hidden = [nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU()]
    model = nn.Sequential(*hidden, nn.Linear(64, 10))
    labels = torch.where(torch.rand(size) < noise, torch.randint(10, (size,)), y[train])
    images, labels = x[train], nn.functional.one_hot(labels, 10).float()
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3, fused=True)
    for _ in range(STEPS):
        batch = torch.randint(size, (64,))
        inputs, targets = images[batch], labels[batch]
        if way != "none":
            inputs, targets = mix(inputs, targets, follow=way == "CutMix")
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(inputs), targets).backward()
        optimizer.step()
    with torch.no_grad():
        logits = model(x[test])
    confidence, answer = logits.softmax(dim=1).max(dim=1)
    accuracy = (answer == y[test]).float().mean().item()
    return accuracy, nn.functional.cross_entropy(logits, y[test]).item(), confidence.mean().item()


if __name__ == "__main__":
    digits = load_digits()
    x = torch.tensor(digits.images, dtype=torch.float32) / 16  # (1797, 8, 8)
    y = torch.tensor(digits.target)
    results: dict[str, dict[str, list]] = {}
    rows = []
    for number, (case, (size, noise)) in enumerate(CASES.items()):
        runs = {way: [run(size, noise, way, seed, x, y) for seed in range(SEEDS)] for way in WAYS}
        results[case] = runs  # (seeds, 3 numbers)
        heights = [mean(each[0] for each in of_way) for of_way in runs.values()]
        hatch = ["", "//"][number]
        plt.bar([place + 0.4 * number for place in range(len(WAYS))], heights, 0.38, label=case, hatch=hatch)
        for way, of_way in runs.items():
            accuracies, losses, confidences = zip(*of_way, strict=True)
            scores = " / ".join(f"{accuracy:.2f}" for accuracy in accuracies)
            rows.append([case, way, scores, f"{mean(losses):.2f}", f"{mean(confidences):.2f}"])
    plt.xticks([place + 0.2 for place in range(len(WAYS))], WAYS)
    plt.ylim(0, 1.25)
    plt.ylabel("test accuracy, mean of three seeds")
    plt.legend(loc="upper right")
    plt.savefig("cutmix.svg")
    with Path("cutmix.csv").open("w", newline="") as file:
        head = ["training data", "augmentation", "test accuracy", "mean test loss", "mean confidence"]
        csv.writer(file).writerows([head, *rows])
    Path("cutmix.json").write_text(json.dumps(results))
    gains = [mean(a[0] - b[0] for a, b in zip(of["CutMix"], of["none"], strict=True)) for of in results.values()]
    print(f"gain in accuracy: {gains[0]:+.2f} with wrong labels, {gains[1]:+.2f} with right ones")
