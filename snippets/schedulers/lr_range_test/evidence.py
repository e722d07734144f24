"""Does the range test find the best rate? Its suggestions beside a grid of rates, on digits, for three optimizers.

Source: Smith, "Cyclical Learning Rates for Training Neural Networks", 2015, section 3.3; digits from scikit-learn.
"""

import csv
import json
import math
from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from snippets.schedulers.lr_range_test.from_scratch import learning_rate
from snippets.schedulers.lr_range_test.use import blow_up, lr_range_test

SEEDS, UPDATES, LENGTHS = 5, 200, (100, 300)
Sweep = tuple[list[float], list[list[float]]]  # rates; losses of each network
OPTIMIZERS = {  # class, its settings, the grid's first rate of nine, each twice the one before
    "SGD": (torch.optim.SGD, {}, 0.01),
    "SGD, momentum 0.9": (torch.optim.SGD, {"momentum": 0.9}, 0.001),
    "AdamW": (torch.optim.AdamW, {}, 0.0003),
}


def digits() -> tuple[Tensor, Tensor]:
    """Pixels (1797, 64) and labels (1797,), in random order."""
    data = load_digits()
    order = torch.randperm(len(data.target))
    x = torch.tensor(data.data, dtype=torch.float32)[order] / 16
    return x, torch.tensor(data.target)[order]


def new_networks() -> list[nn.Parameter]:
    """Three layers of SEEDS networks, Kaiming-initialized: (seeds, in, out) each."""
    return [nn.Parameter(torch.randn(SEEDS, i, o) * math.sqrt(2 / i)) for i, o in ((64, 32), (32, 32), (32, 10))]


class Network(nn.Module):
    """One network of the stack, for `lr_range_test`."""

    def __init__(self, weights: Sequence[Tensor]) -> None:
        super().__init__()
        self.weights = nn.ParameterList(weight.detach().clone() for weight in weights)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (batch, 10)."""
        first, second, third = self.weights
        return ((x @ first).relu() @ second).relu() @ third


def losses(weights: Sequence[Tensor], x: Tensor, y: Tensor) -> Tensor:
    """Mean loss of each network: (networks, batch, 64), (networks, batch) -> (networks,)."""
    for weight in weights[:-1]:
        x = torch.bmm(x, weight).relu()
    return nn.functional.cross_entropy(torch.bmm(x, weights[-1]).transpose(1, 2), y, reduction="none").mean(1)


def sweep(name: str, steps: int) -> Sweep:
    """The range test over six decades: its rates, and the smoothed losses of each network until they blow up."""
    torch.manual_seed(1)
    make, settings, first = OPTIMIZERS[name]
    x, y = digits()
    networks = [Network(weights) for weights in zip(*new_networks(), strict=True)]
    batches = [torch.randint(1200, (SEEDS, 32)) for _ in range(steps)]
    curves = []
    for seed, network in enumerate(networks):
        loader = [(x[batch[seed]], y[batch[seed]]) for batch in batches]
        optimizer = make(network.parameters(), **settings)
        loss = nn.functional.cross_entropy
        curves.append(lr_range_test(network, optimizer, loss, loader, first / 100, 1e4 * first, steps)[1])
    return [learning_rate(step, first, first / 100, 1e4 * first, steps) for step in range(steps)], curves


def suggestions(rates: list[float], curve: list[float]) -> dict[str, float]:
    """What four readings of one curve say; the steepest point is looked for before the minimum."""
    lowest = curve.index(min(curve))
    slopes = [after - before for before, after in zip(curve, curve[2 : lowest + 2], strict=False)]
    return {
        "steepest": rates[1 + slopes.index(min(slopes))],
        "minimum / 10": rates[lowest] / 10,
        "blow-up / 10": blow_up(rates[: len(curve)], curve) / 10,
        "minimum": rates[lowest],
    }


def train(name: str, lrs: list[float]) -> Tensor:
    """Test loss after UPDATES updates at constant rates: (rates, seeds). All networks are trained side by side."""
    torch.manual_seed(2)
    make, settings, _ = OPTIMIZERS[name]
    x, y = digits()
    start = new_networks()
    groups = [{"params": [nn.Parameter(w.detach().clone()) for w in start], "lr": lr} for lr in lrs]
    optimizer = make(groups, **settings)

    def all_losses(x: Tensor, y: Tensor) -> Tensor:  # (seeds, batch, 64), (seeds, batch) -> (rates, seeds)
        weights = [torch.cat(layers) for layers in zip(*(group["params"] for group in groups), strict=True)]
        return losses(weights, x.repeat(len(lrs), 1, 1), y.repeat(len(lrs), 1)).view(len(lrs), SEEDS)

    for _ in range(UPDATES):
        batch = torch.randint(1200, (SEEDS, 32))
        optimizer.zero_grad()
        all_losses(x[batch], y[batch]).sum().backward()
        optimizer.step()
    with torch.no_grad():
        return all_losses(x[1200:].expand(SEEDS, -1, -1), y[1200:].expand(SEEDS, -1))


def grid(name: str) -> list[float]:
    return [OPTIMIZERS[name][2] * 2**k for k in range(9)]


def compare(name: str, sweeps: list[Sweep]) -> tuple[list[float], Tensor, dict[str, float], Tensor]:
    """The grid and its losses; each rule's median suggestion, from the short and the long sweep, and its losses."""
    found: dict[str, float] = {}
    for steps, (rates, curves) in zip(LENGTHS, sweeps, strict=True):
        each = [suggestions(rates, curve) for curve in curves]
        found |= {f"{rule}, {steps}": sorted(s[rule] for s in each)[SEEDS // 2] for rule in each[0]}
    rates = grid(name)
    results = train(name, rates + list(found.values()))
    return rates, results[: len(rates)], found, results[len(rates) :]


if __name__ == "__main__":
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.8))
    cells: dict[str, list[str]] = {}
    numbers = {}
    for name, marker in zip(OPTIMIZERS, "osD", strict=True):
        sweeps = [sweep(name, steps) for steps in LENGTHS]
        sweep_rates, curves = sweeps[-1]
        left.plot(sweep_rates[: len(curves[0])], curves[0], marker=marker, markevery=25, label=name)
        rates, results, found, at_suggestion = compare(name, sweeps)
        medians = results.median(1).values.tolist()
        right.plot(rates, medians, marker=marker, label=name)
        numbers[name] = {
            "grid": {"rates": rates, "losses": medians},
            "readings": {
                "rates": found,
                "losses": dict(zip(found, at_suggestion.median(1).values.tolist(), strict=True)),
            },
            "sweep": {"rates": sweep_rates, "losses": curves},
        }
        best = int(results.median(1).values.argmin())
        for reading, rate, result in (
            ("best of the grid", rates[best], results[best]),
            *(
                (f"{rule} updates", rate, result)
                for (rule, rate), result in zip(found.items(), at_suggestion, strict=True)
            ),
        ):
            cells.setdefault(reading, []).append(f"{rate:.2g} ({result.median():.2f})")
            if reading == f"blow-up / 10, {LENGTHS[-1]} updates":
                right.plot(rate, result.median().item(), marker="*", markersize=15, color=right.lines[-1].get_color())
    left.set(xscale="log", yscale="log", xlabel="rate", ylabel="smoothed training loss")
    left.set_title(f"range test of {LENGTHS[-1]} updates")
    left.legend(fontsize="small")
    right.set(xscale="log", yscale="log", xlabel="rate", ylabel=f"test loss after {UPDATES} updates")
    right.set_title("training; star: a tenth of the blow-up")
    figure.tight_layout()
    plt.savefig("lr-range-test.svg")
    with Path("lr-range-test.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["rate", *OPTIMIZERS], *([reading, *row] for reading, row in cells.items())])
    Path("lr-range-test.json").write_text(json.dumps(numbers))
    print("networks for each number:", SEEDS)
