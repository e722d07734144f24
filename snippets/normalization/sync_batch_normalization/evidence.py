"""Eight devices that train one network on digits, each with its own batch normalization or with a synchronized one.

Source: Peng et al., "MegDet: A Large Mini-Batch Object Detector", 2017.
"""

import csv
import json
from pathlib import Path
from statistics import mean

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

DEVICES, SIZES, SEEDS, STEPS = 8, [2, 4, 16], 3, 40
STYLES = {"each device for itself": "s--", "synchronized": "o-"}


class Norm(nn.BatchNorm1d):
    """Batch normalization of what eight devices hold; ``together``: with the statistics of all of them."""

    running_mean: Tensor
    running_var: Tensor
    together = False

    def forward(self, x: Tensor) -> Tensor:
        """Normalize (devices * samples, channel)."""
        if self.together or not self.training:
            return super().forward(x)  # merged statistics are those of the whole batch
        wide = x.view(DEVICES, -1, x.size(1)).transpose(0, 1).flatten(1)  # a channel for each device and channel
        mean, var, weight, bias = (
            value.repeat(DEVICES) for value in (self.running_mean, self.running_var, self.weight, self.bias)
        )
        out = nn.functional.batch_norm(wide, mean, var, weight, bias, training=True)
        self.running_mean, self.running_var = mean[: x.size(1)], var[: x.size(1)]  # the first device's are saved
        return out.view(-1, DEVICES, x.size(1)).transpose(0, 1).reshape_as(x)


def accuracy(together: bool, size: int, seed: int, x: Tensor, y: Tensor) -> float:
    """Accuracy on 797 digits in eval mode after SGD with batches of 8 times ``size``."""
    torch.manual_seed(seed)
    hidden = (part for _ in range(3) for part in (nn.Linear(64, 64), Norm(64), nn.ReLU()))
    model = nn.Sequential(*hidden, nn.Linear(64, 10))
    for layer in model:
        if isinstance(layer, Norm):
            layer.together = together
    order = torch.randperm(len(x))
    train, test = order[:1000], order[1000:]
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for batch in train[torch.randint(1000, (STEPS, DEVICES * size))]:
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x[batch]), y[batch]).backward()
        optimizer.step()
    with torch.no_grad():
        return (model.eval()(x[test]).argmax(dim=1) == y[test]).float().mean().item()


if __name__ == "__main__":
    digits = load_digits()
    x = torch.tensor(digits.data, dtype=torch.float32) / 16  # (1797, 64)
    y = torch.tensor(digits.target)
    results = {
        name: [[accuracy(name == "synchronized", size, seed, x, y) for seed in range(SEEDS)] for size in SIZES]
        for name in STYLES
    }
    for name, style in STYLES.items():
        plt.plot(SIZES, [mean(row) for row in results[name]], style, label=name)
    plt.xscale("log", base=2)
    plt.xticks(SIZES, [str(size) for size in SIZES])
    plt.ylim(0, 1)
    plt.xlabel("samples a device")
    plt.ylabel("mean test accuracy of three seeds")
    plt.legend()
    plt.savefig("sync-batch-normalization.svg")
    rows = [
        [str(size), *(" / ".join(f"{score:.2f}" for score in results[name][i]) for name in STYLES)]
        for i, size in enumerate(SIZES)
    ]
    with Path("sync-batch-normalization.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["samples a device", *STYLES], *rows])
    Path("sync-batch-normalization.json").write_text(json.dumps(results))
    gains = [mean(a) - mean(b) for a, b in zip(results["synchronized"], results["each device for itself"], strict=True)]
    print(f"gain in mean accuracy by samples a device: {', '.join(f'{gain:.2f}' for gain in gains)}")
