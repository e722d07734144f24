"""Eleven optimizers on digits with a small MLP: each at torch's default rate and at the best of one grid for all.

Source: Schmidt et al., "Descending through a Crowded Valley", 2020, section 2; the stack of networks is our own.
"""

import csv
import json
import time
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from statistics import median
from typing import Any

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn, optim
from torch.utils._python_dispatch import TorchDispatchMode

TRAIN, VALID, BATCH, SEEDS, STEPS, WITHIN = 1000, 297, 32, 4, 200, 0.05
SIZES = [(32, 64), (32,), (10, 32), (10,)]  # weight, bias, weight, bias
RATES = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0]
OPTIMIZERS: dict[str, Callable[..., optim.Optimizer]] = {  # torch's defaults, but for what the name says
    "SGD": optim.SGD,
    "momentum 0.9": partial(optim.SGD, momentum=0.9),
    "Nesterov 0.9": partial(optim.SGD, momentum=0.9, nesterov=True),
    "Adagrad": optim.Adagrad,
    "RMSprop": optim.RMSprop,
    "Adadelta": optim.Adadelta,
    "Adam": optim.Adam,
    "AdamW": optim.AdamW,
    "NAdam": optim.NAdam,
    "RAdam": optim.RAdam,
    "Adamax": optim.Adamax,
}
CURVES = {"SGD": "o", "momentum 0.9": "s", "Adagrad": "^", "Adam": "v", "NAdam": "D", "RAdam": "x"}


def network() -> nn.Sequential:
    """64 pixels, 32 hidden units, 10 classes: the single network of which the stack holds many."""
    return nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))


@cache
def digits() -> tuple[Tensor, Tensor]:
    """Pixels from 0 to 1 (1797, 64) in float64 and labels (1797,), read once."""
    images, labels = load_digits(return_X_y=True)
    return torch.tensor(images) / 16, torch.tensor(labels)


def problem(seeds: int, steps: int) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Images and labels; then for each seed start (seeds, 2410), split (seeds, 1797) and batches (steps, seeds, 32)."""
    x, y = digits()
    torch.manual_seed(0)
    starts = [nn.utils.parameters_to_vector(network().parameters()).detach() for _ in range(seeds)]
    splits = [torch.randperm(len(x)) for _ in range(seeds)]
    return x.to(starts[0]), y, torch.stack(starts), torch.stack(splits), torch.randint(TRAIN, (steps, seeds, BATCH))


def logits(members: Tensor, inputs: Tensor) -> Tensor:
    """Outputs of all networks: (rates, seeds, 2410), (seeds, batch, 64) -> (rates * seeds, batch, 10)."""
    parts = members.flatten(0, 1).split([torch.Size(size).numel() for size in SIZES], dim=1)
    w1, b1, w2, b2 = (part.unflatten(1, size) for part, size in zip(parts, SIZES, strict=True))
    hidden = torch.relu(torch.baddbmm(b1.unsqueeze(1), inputs.repeat(len(members), 1, 1), w1.mT))
    return torch.baddbmm(b2.unsqueeze(1), hidden, w2.mT)


def losses(members: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Mean cross-entropy of each network, (rates, seeds)."""
    out = logits(members, x).flatten(0, 1)
    loss = nn.functional.cross_entropy(out, y.repeat(len(members), 1).flatten(), reduction="none")
    return loss.view(len(members), *y.shape).mean(dim=2)


def accuracies(members: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """Share of images classified rightly by each network, (rates, seeds)."""
    return (logits(members, x).argmax(dim=2).view(len(members), *y.shape) == y).double().mean(dim=2)


def train(
    make: Callable[..., optim.Optimizer], rates: list[float], seeds: int = SEEDS, steps: int = STEPS
) -> dict[str, Tensor]:
    """Train a network for each rate and seed, all as one stack; right for elementwise rules only.

    Args:
        make: takes parameter groups, returns the optimizer.
        rates: learning rates, one parameter group each.
        seeds: starts, splits and orders of batches, the same for every rate and optimizer.
        steps: mini-batches.

    Returns:
        "history" of the batch's loss (steps, rates, seeds); "loss" on all training images, "valid" and "test"
        accuracy after the last step, and the parameters "members": (rates, seeds, ...).
    """
    x, y, starts, split, batches = problem(seeds, steps)
    theta = starts.repeat(len(rates), 1, 1)  # (rates, seeds, 2410)
    members = theta.detach().requires_grad_()  # the same memory: one tensor for autograd, one a rate for the optimizer
    optimizer = make([{"params": [part], "lr": lr} for part, lr in zip(theta, rates, strict=True)])
    history = []
    for chosen in batches:
        batch = split.gather(1, chosen)
        loss = losses(members, x[batch], y[batch])
        (gradient,) = torch.autograd.grad(loss.sum(), members)  # a sum: no network's gradient depends on another
        for group, part in zip(optimizer.param_groups, gradient, strict=True):
            group["params"][0].grad = part
        optimizer.step()
        history.append(loss.detach())
    with torch.no_grad():
        seen, valid, test = split[:, :TRAIN], split[:, TRAIN : TRAIN + VALID], split[:, TRAIN + VALID :]
        return {
            "history": torch.stack(history),
            "loss": losses(members, x[seen], y[seen]),
            "valid": accuracies(members, x[valid], y[valid]),
            "test": accuracies(members, x[test], y[test]),
            "members": theta,
        }


def compare(make: Callable[..., optim.Optimizer]) -> dict:
    """One optimizer over the grid and at its default rate; the rate is chosen on validation images, never on test.

    Returns:
        "default" and "best" rate, mean "valid" accuracy of every rate, the lowest and highest "good" rate of the grid
        (mean validation accuracy within 0.05 of the best),
        "untuned" and "tuned" test accuracies (seeds,), "loss" (seeds,) and "history" (steps,) at the best rate.
    """
    default = make([torch.zeros(1)]).defaults["lr"]
    rates = sorted({*RATES, default})
    run = train(make, rates)
    valid = dict(zip(rates, run["valid"].mean(dim=1).tolist(), strict=True))
    best = max(RATES, key=valid.__getitem__)
    good = [rate for rate in RATES if valid[rate] >= valid[best] - WITHIN]
    at = rates.index(best)
    return {
        "default": default,
        "best": best,
        "valid": valid,
        "good": (good[0], good[-1]),
        "untuned": run["test"][rates.index(default)],
        "tuned": run["test"][at],
        "loss": run["loss"][at],
        "history": run["history"][:, at].mean(dim=1),
    }


def spread(values: Tensor, digits: int = 3) -> str:
    """Mean and standard deviation, as text."""
    return f"{values.mean():.{digits}f} ± {values.std():.{digits}f}"


def draw(results: dict[str, dict]) -> None:
    """Bands of good rates with best and default on the left, test accuracies on the right, one row an optimizer."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 4.4), sharey=True, layout="constrained")
    rows = list(range(len(results)))[::-1]
    for row, result in zip(rows, results.values(), strict=True):
        left.plot(
            result["good"], [row, row], color="C0", linewidth=7, alpha=0.45, linestyle="-", solid_capstyle="round"
        )
    styles: dict[str, dict] = {
        "best rate, tuned": {"color": "C0", "marker": "o", "linestyle": "none"},
        "torch's default": {"color": "C1", "marker": "x", "linestyle": "none", "markersize": 8, "markeredgewidth": 2},
    }
    for (label, style), rate, accuracy in zip(styles.items(), ("best", "default"), ("tuned", "untuned"), strict=True):
        left.plot([result[rate] for result in results.values()], rows, label=label, **style)
        means = [result[accuracy].mean().item() for result in results.values()]
        errors = [result[accuracy].std().item() for result in results.values()]
        right.errorbar(means, rows, xerr=errors, capsize=3, elinewidth=1.2, label=label, **style)
    left.set(xscale="log", xlabel="learning rate", title="band: within 5 points of the best", yticks=rows)
    left.set_yticklabels(list(results))
    right.set(xlabel="test accuracy", title="mean and deviation over seeds", xlim=(0, 1))
    right.legend(loc="lower left", fontsize="small")
    figure.savefig("choosing-an-optimizer-mlp.svg")


class Count(TorchDispatchMode):
    """Counts torch's operations while it is entered, those of the backward pass too."""

    calls = 0

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Count one operation and carry it out."""
        self.calls += 1
        return function(*args, **(kwargs or {}))


def operations(make: Callable[..., optim.Optimizer]) -> int:
    """Operations of torch in one step of one ordinary network: forward, backward and update, views included."""
    model = network()
    optimizer = make(model.parameters())
    x, y = torch.ones(BATCH, 64), torch.zeros(BATCH, dtype=torch.int64)
    for _ in range(8):  # the state is made in the first; RAdam's first five have another form
        counter = Count()
        with counter:
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x), y).backward()
            optimizer.step()
    return counter.calls


def seconds(make: Callable[..., optim.Optimizer], steps: int = 100) -> float:
    """What one step of one ordinary network takes here, forward, backward and update: the median of many."""
    model = network()
    optimizer = make(model.parameters())
    x, y = torch.ones(BATCH, 64), torch.zeros(BATCH, dtype=torch.int64)
    times = []
    for _ in range(steps):
        start = time.perf_counter()
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
        times.append(time.perf_counter() - start)
    return median(times)


def draw_curves(results: dict[str, dict]) -> None:
    """Training loss against steps, operations that torch was asked for, and seconds; the loss as numbers too."""
    figure, axes = plt.subplots(1, 3, figsize=(9.5, 3.8), sharey=True, layout="constrained")
    rows = []
    for name, marker in CURVES.items():
        smooth = results[name]["history"].unfold(0, 10, 1).mean(dim=1).tolist()  # mean of ten batches
        duration = seconds(OPTIMIZERS[name])
        for axis, unit in zip(axes, (1.0, operations(OPTIMIZERS[name]) / 1000, duration), strict=True):
            axis.plot([(k + 10) * unit for k in range(len(smooth))], smooth, marker=marker, markevery=25, label=name)
        rows.append([name, *(f"{smooth[step - 10]:.3f}" for step in (10, 50, 100, STEPS)), f"{1000 * duration:.2f}"])
    axes[0].set(yscale="log", xlabel="step", ylabel="training loss, mean of ten batches")
    axes[1].set(xlabel="operations called, in thousands")
    axes[2].set(xlabel="seconds, on this machine")
    axes[0].legend(fontsize="small")
    figure.savefig("choosing-an-optimizer-curves-measured.svg")
    with Path("choosing-an-optimizer-curves-measured.csv").open("w", newline="", encoding="utf-8") as file:
        head = [f"loss at step {step}" for step in (10, 50, 100, STEPS)]
        csv.writer(file).writerows([["optimizer", *head, "milliseconds a step"], *rows])


if __name__ == "__main__":
    results = {name: compare(make) for name, make in OPTIMIZERS.items()}
    draw(results)
    draw_curves(results)
    head = ["optimizer", "default rate", "test accuracy at it", "best rate", "test accuracy at it", "training loss"]
    with Path("choosing-an-optimizer-mlp.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*head, "good rates", "operations a step"])
        for name, r in results.items():
            row = [name, f"{r['default']:g}", spread(r["untuned"]), f"{r['best']:g}", spread(r["tuned"])]
            row += [spread(r["loss"]), f"{r['good'][0]:g} to {r['good'][1]:g}"]
            writer.writerow([*row, operations(OPTIMIZERS[name])])
    tuned = [result["tuned"].mean().item() for result in results.values()]
    untuned = [result["untuned"].mean().item() for result in results.values()]
    numbers = {
        name: {key: v.tolist() if isinstance(v, Tensor) else v for key, v in r.items() if key != "history"}
        for name, r in results.items()
    }
    Path("choosing-an-optimizer-mlp.json").write_text(json.dumps(numbers))
    print(f"tuned: all within 0.03 of each other: {max(tuned) - min(tuned) < 0.03}")
    print(f"at default rates: worst below 0.2: {min(untuned) < 0.2}, best above 0.9: {max(untuned) > 0.9}")
