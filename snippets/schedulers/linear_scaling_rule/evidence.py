"""The best rate for each batch size from 8 to 512 on digits, at a fixed number of epochs, for momentum and for Adam.

Source: Goyal et al., "Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour", 2017, section 2.1; digits from
scikit-learn.
"""

import csv
import json
import math
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

SEEDS, EPOCHS, SAMPLES = 3, 4, 1024
BATCHES = (8, 16, 32, 64, 128, 256, 512)
OPTIMIZERS = {  # class, its settings, rates
    "SGD, momentum 0.9": (torch.optim.SGD, {"momentum": 0.9}, [0.004 * 2**i for i in range(9)]),
    "Adam": (torch.optim.Adam, {}, [0.003 * 2**i for i in range(7)]),
}


def train(name: str, batch: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Training and test loss after EPOCHS epochs, (rates, seeds) each; all networks are trained side by side."""
    torch.manual_seed(seed)
    make, settings, rates = OPTIMIZERS[name]
    data = load_digits()
    order = torch.randperm(len(data.target))
    x = torch.tensor(data.data, dtype=torch.float32)[order] / 16  # (1797, 64)
    y = torch.tensor(data.target)[order]
    start = [torch.randn(SEEDS, i, o) * math.sqrt(2 / i) for i, o in ((64, 32), (32, 10))]
    groups = [{"params": [nn.Parameter(w.clone()) for w in start], "lr": lr} for lr in rates]
    optimizer = make(groups, **settings)

    def losses(x: Tensor, y: Tensor) -> Tensor:  # (seeds, batch, 64), (seeds, batch) -> (rates, seeds)
        first, second = (torch.cat(layers) for layers in zip(*(group["params"] for group in groups), strict=True))
        hidden = torch.bmm(x.repeat(len(rates), 1, 1), first).relu()
        logits = torch.bmm(hidden, second).transpose(1, 2)  # (rates * seeds, classes, batch)
        each = nn.functional.cross_entropy(logits, y.repeat(len(rates), 1), reduction="none")
        return each.mean(1).view(len(rates), SEEDS)

    for _ in range(EPOCHS):
        for chosen in torch.rand(SEEDS, SAMPLES).argsort(1).split(batch, 1):
            optimizer.zero_grad()
            losses(x[chosen], y[chosen]).sum().backward()
            optimizer.step()
    with torch.no_grad():
        parts = ((x[:SAMPLES], y[:SAMPLES]), (x[SAMPLES:], y[SAMPLES:]))
        seen, unseen = (losses(a.expand(SEEDS, -1, -1), b.expand(SEEDS, -1)) for a, b in parts)
    return seen, unseen


def best_rates(name: str, tests: list[Tensor]) -> list[float]:
    """For each batch size, the rate with the lowest median test loss."""
    return [OPTIMIZERS[name][2][int(test.median(1).values.argmin())] for test in tests]


if __name__ == "__main__":
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4))
    rows, numbers = [], {}
    for name, marker in zip(OPTIMIZERS, "os", strict=True):
        rates = OPTIMIZERS[name][2]
        results = [train(name, batch) for batch in BATCHES]
        tests = [test for _, test in results]
        best = best_rates(name, tests)
        numbers[name] = {
            "rates": rates,
            "training losses": [seen.median(1).values.tolist() for seen, _ in results],
            "test losses": [test.median(1).values.tolist() for test in tests],
            "best rates": best,
        }
        right.plot(BATCHES, best, marker=marker, label=name)
        rows.append([f"{name}: best rate", *(f"{rate:.3g}" for rate in best)])
        lowest = [test.median(1).values.min().item() for test in tests]
        rows.append([f"{name}: its test loss", *(f"{loss:.2f}" for loss in lowest)])
        slope = 1.0 if "SGD" in name else 0.5
        label = "linear" if "SGD" in name else "square root"
        right.plot(BATCHES, [best[0] * (b / 8) ** slope for b in BATCHES], ":", linewidth=1.2, label=label)
        if "SGD" in name:
            for batch, (seen, _), shape in zip(BATCHES, results, "os^Dv<>", strict=True):
                per_sample = [rate / batch for rate in rates]
                left.plot(
                    per_sample, seen.median(1).values.tolist(), marker=shape, markersize=4, label=f"batch {batch}"
                )
    left.set(xscale="log", yscale="log", xlabel="rate / batch size", ylabel="training loss after 4 epochs")
    left.set_title("SGD, momentum 0.9")
    left.legend(fontsize="small")
    right.set(
        xscale="log", yscale="log", xlabel="batch size", ylabel="best rate", title="by test loss, median of three"
    )
    right.legend(fontsize="small")
    figure.tight_layout()
    plt.savefig("linear-scaling-rule.svg")
    with Path("linear-scaling-rule.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["optimizer", *(f"batch {batch}" for batch in BATCHES)], *rows])
    Path("linear-scaling-rule.json").write_text(json.dumps(numbers))
    print("networks for each point:", SEEDS)
