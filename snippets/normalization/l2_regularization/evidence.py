"""Weight decay on digits: on 150 images of which some have random labels, and on 1,400 with right ones.

Source: Krogh and Hertz, "A Simple Weight Decay Can Improve Generalization", 1991.
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

DECAYS, SEEDS, STEPS, HIDDEN = [0.0, 0.001, 0.003, 0.01, 0.03, 0.1], 3, 100, 32
SETTINGS = {"150 images, a fifth of the labels random": (150, 30), "1,400 images, labels right": (1400, 0)}


def train(images: int, wrong: int, seed: int, x: Tensor, y: Tensor) -> tuple[list[float], list[float]]:
    """Test accuracy and norm of the weights, one for each decay: the networks are trained side by side."""
    torch.manual_seed(seed)
    order = torch.randperm(len(x))
    x_train, y_train, x_test, y_test = x[order[:images]], y[order[:images]].clone(), x[order[1400:]], y[order[1400:]]
    y_train[:wrong] = torch.randint(10, (wrong,))
    starts = [torch.randn(64, HIDDEN) / 8, torch.randn(HIDDEN, 10) / HIDDEN**0.5]
    weights = [start.repeat(len(DECAYS), 1, 1).requires_grad_() for start in starts]  # (decays, inputs, outputs)
    optimizer = torch.optim.SGD(weights, lr=0.2, momentum=0.9)
    for step in range(STEPS):
        optimizer.param_groups[0]["lr"] = 0.2 * (1 - step / STEPS)
        batch = torch.randint(images, (64,))
        logits = torch.relu(x_train[batch] @ weights[0]) @ weights[1]  # (decays, batch, 10)
        labels = y_train[batch].repeat(len(DECAYS))
        loss = nn.functional.cross_entropy(logits.flatten(0, 1), labels, reduction="sum") / len(batch)
        penalty = sum(torch.tensor(DECAYS) / 2 @ w.square().sum(dim=(1, 2)) for w in weights)
        optimizer.zero_grad()
        (loss + penalty).backward()
        optimizer.step()
    with torch.no_grad():
        hits = (torch.relu(x_test @ weights[0]) @ weights[1]).argmax(dim=2) == y_test  # (decays, images)
        norms = sum(w.square().sum(dim=(1, 2)) for w in weights)
        return hits.float().mean(dim=1).tolist(), torch.as_tensor(norms).sqrt().tolist()


if __name__ == "__main__":
    digits = load_digits()
    x = torch.tensor(digits.data, dtype=torch.float32) / 16  # (1797, 64)
    y = torch.tensor(digits.target)  # (1797,)
    results, columns = {}, [[f"{decay:g}" for decay in DECAYS]]
    for (name, (images, wrong)), style in zip(SETTINGS.items(), ["o-", "s--"], strict=True):
        runs = [train(images, wrong, seed, x, y) for seed in range(SEEDS)]
        accuracy, norms = (torch.tensor([run[i] for run in runs]) for i in range(2))  # (seeds, decays)
        results[name] = {"accuracy": accuracy.tolist(), "norm": norms.tolist()}
        plt.plot(range(len(DECAYS)), accuracy.mean(dim=0).tolist(), style, label=name)
        columns.append([f"{m:.3f} ± {s:.3f}" for m, s in zip(accuracy.mean(dim=0), accuracy.std(dim=0), strict=True)])
        columns.append([f"{norm:.1f}" for norm in norms.mean(dim=0).tolist()])
    plt.xticks(range(len(DECAYS)), columns[0])
    plt.xlabel("weight_decay")
    plt.ylabel("test accuracy, mean of three seeds")
    plt.legend()
    plt.savefig("l2-regularization.svg")
    with Path("l2-regularization.csv").open("w", newline="") as file:
        head = [f"{what}, {count} images" for count in ("150", "1,400") for what in ("accuracy", "norm")]
        csv.writer(file).writerows([["weight_decay", *head], *zip(*columns, strict=True)])
    Path("l2-regularization.json").write_text(json.dumps(results))
