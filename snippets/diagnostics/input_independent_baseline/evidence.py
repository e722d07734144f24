"""Four tasks made of digits, each learned with its inputs and with the image set to zero, beside the class frequencies.

Source: Karpathy, "A Recipe for Training Neural Networks", 2019, section 2, "input-independent baseline".
The digits are scikit-learn's.
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

SEEDS, STEPS, TRAIN = 3, 200, 1200
TASKS = ["digits", "digits, pixels lost", "is it an 8?", "digits with a file number"]


def samples(task: str) -> tuple[Tensor, Tensor, int]:
    """Inputs (1797, 65), the last of which is a file number or 0; targets; number of classes."""
    data = load_digits()
    order = torch.randperm(len(data.target))
    x = torch.tensor(data.data / 16, dtype=torch.float32)[order]
    y = torch.tensor(data.target)[order]
    number = torch.zeros(len(y), 1)
    if task == "digits, pixels lost":
        x = ((16 * x).to(torch.uint8) // 255).float()  # meant to bring 0 to 255 to 0 to 1
    if task == "digits with a file number":  # files were written class by class
        number = ((y + torch.rand(len(y))) / 10).unsqueeze(1)
    if task == "is it an 8?":
        return torch.cat([x, number], 1), (y == 8).long(), 2
    return torch.cat([x, number], 1), y, 10


def run(task: str, seed: int, blind: bool) -> tuple[list[float], float, float, float]:
    """Test loss every 10 steps, test accuracy; loss and accuracy of the class frequencies."""
    torch.manual_seed(seed)
    x, y, classes = samples(task)
    if blind:
        x[:, :64] = 0.0
    model = nn.Sequential(nn.Linear(65, 64), nn.ReLU(), nn.Linear(64, classes))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    losses = []
    for step in range(STEPS + 1):
        if step % 10 == 0:
            with torch.no_grad():
                outputs = model(x[TRAIN:])
            losses.append(nn.functional.cross_entropy(outputs, y[TRAIN:]).item())
        batch = torch.randint(TRAIN, (64,))
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
        optimizer.step()
    prior = y[:TRAIN].bincount(minlength=classes) / TRAIN
    prior_loss = -prior.log()[y[TRAIN:]].mean().item()
    accuracy = (outputs.argmax(1) == y[TRAIN:]).float().mean().item()
    return losses, accuracy, prior_loss, (y[TRAIN:] == prior.argmax()).float().mean().item()


if __name__ == "__main__":
    figure, axes = plt.subplots(1, 4, figsize=(12, 3.4), sharex=True)
    numbers = {}
    rows = [["task", "accuracy: class frequencies", "accuracy: image set to 0", "accuracy: all inputs"]]
    for task, panel in zip(TASKS, axes, strict=True):
        blind, real = ([run(task, seed, blind) for seed in range(SEEDS)] for blind in (True, False))
        means = [sum(values) / SEEDS for values in ([r[3] for r in real], [r[1] for r in blind], [r[1] for r in real])]
        rows.append([task, *(f"{mean:.2f}" for mean in means)])
        steps = range(0, STEPS + 1, 10)
        for runs, style, label in ((blind, "s--", "image set to 0"), (real, "o-", "all inputs")):
            curves = torch.tensor([r[0] for r in runs])
            panel.plot(steps, curves.median(0).values.tolist(), style, markevery=4, label=label)
        panel.axhline(real[0][2], linestyle=":", color="gray", label="class frequencies")
        panel.set(title=task, xlabel="step", ylim=(0, 1.1 * panel.get_ylim()[1]))
        numbers[task] = {
            name: {"loss": [r[0][-1] for r in runs], "accuracy": [r[1] for r in runs]}
            for name, runs in (("blind", blind), ("real", real))
        }
        numbers[task]["prior"] = {"loss": [r[2] for r in real], "accuracy": [r[3] for r in real]}
    axes[0].set_ylabel("test loss")
    axes[0].legend(fontsize="small")
    figure.tight_layout()
    plt.savefig("input-independent-baseline.svg")
    with Path("input-independent-baseline.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    Path("input-independent-baseline.json").write_text(json.dumps(numbers))
    print(f"tasks: {len(TASKS)}, networks for each number: {SEEDS}")
