"""What overfitting one batch finds and what it does not: eight training programs on digits, seven with a fault.

Source: Karpathy, "A Recipe for Training Neural Networks", 2019, section 2, "overfit one batch".
The digits are scikit-learn's.
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

SEEDS, STEPS, SAMPLES, TRAIN = 3, 200, 8, 1000
PROGRAMS = [
    "no fault",
    "labels shuffled at each step",
    "gradients zeroed before the step",
    "learning rate 1e-6",
    "softmax before cross-entropy",
    "dropout of 0.5 left on",
    "labels of other images",
    "first layer frozen",
]


def digits() -> tuple[Tensor, Tensor]:
    """Pixels (1797, 64) and labels (1797,), in random order."""
    data = load_digits()
    order = torch.randperm(len(data.target))
    return torch.tensor(data.data / 16, dtype=torch.float32)[order], torch.tensor(data.target)[order]


def train(program: str, seed: int, size: int, batch_size: int) -> tuple[list[float], float]:
    """Loss of each step on batches from the first ``size`` samples, and the accuracy on the test samples."""
    torch.manual_seed(seed)
    x, y = digits()
    x_train, y_train, x_test, y_test = x[:size], y[:size], x[TRAIN:], y[TRAIN:]
    if program == "labels of other images":
        y_train = y_train.roll(1)
    middle = [nn.Dropout(0.5)] if program == "dropout of 0.5 left on" else []
    end = [nn.Softmax(1)] if program == "softmax before cross-entropy" else []
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), *middle, nn.Linear(64, 10), *end)
    model[0].requires_grad_(program != "first layer frozen")
    optimizer = torch.optim.Adam(
        [p for p in model.parameters() if p.requires_grad], lr=1e-6 if program == "learning rate 1e-6" else 1e-2
    )
    losses = []
    for _ in range(STEPS):
        batch = torch.randperm(size)[:batch_size]
        targets = y_train[batch]
        if program == "labels shuffled at each step":
            targets = targets[torch.randperm(batch_size)]
        loss = nn.functional.cross_entropy(model(x_train[batch]), targets)
        losses.append(loss.item())
        optimizer.zero_grad()
        loss.backward()
        if program == "gradients zeroed before the step":
            optimizer.zero_grad()
        optimizer.step()
    model.eval()
    return losses, (model(x_test).argmax(1) == y_test).float().mean().item()


if __name__ == "__main__":
    plt.figure(figsize=(9, 4))
    numbers = {}
    rows = [["program", "largest loss at step 200 on one batch", "test accuracy after 200 steps on 1,000 images"]]
    for program, marker in zip(PROGRAMS, "os^vDPX*", strict=True):
        curves = torch.tensor([train(program, seed, SAMPLES, SAMPLES)[0] for seed in range(SEEDS)])  # (seeds, steps)
        accuracies = torch.tensor([train(program, seed, TRAIN, 64)[1] for seed in range(SEEDS)])
        median = curves.median(0).values
        plt.plot(range(STEPS), median.tolist(), marker=marker, markevery=25, label=program)
        last = curves[:, -1]
        rows.append([program, f"{last.max():.2g}", f"{accuracies.mean():.2f}"])
        numbers[program] = {"first": curves[:, 0].tolist(), "last": last.tolist(), "accuracy": accuracies.tolist()}
    plt.axhline(1e-3, linestyle=":", color="gray")
    plt.yscale("log")
    plt.xlabel("step")
    plt.ylabel("loss on the batch")
    plt.legend(fontsize="small", loc="center left", bbox_to_anchor=(1, 0.5))
    plt.tight_layout()
    plt.savefig("overfit-one-batch.svg")
    with Path("overfit-one-batch.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    Path("overfit-one-batch.json").write_text(json.dumps(numbers))
    passed = [program for program, result in numbers.items() if max(result["last"]) < 1e-3]
    print("below 0.001 with every seed:", ", ".join(passed))
