"""Nine optimizers on digits with a small convolutional network: each at torch's default rate and at its best rate.

Source: Schmidt et al., "Descending through a Crowded Valley", 2020, section 2; the stack of networks is our own.
"""

import csv
import json
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn, optim

TRAIN, VALID, BATCH, SEEDS, STEPS, WITHIN = 1000, 297, 32, 3, 120, 0.05
SIZES = [(8, 1, 3, 3), (8,), (8, 8, 3, 3), (8,), (10, 32), (10,)]  # weight, bias, weight, bias, weight, bias
RATES = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0]
OPTIMIZERS: dict[str, Callable[..., optim.Optimizer]] = {  # torch's defaults, but for what the name says
    "SGD": optim.SGD,
    "momentum 0.9": partial(optim.SGD, momentum=0.9),
    "Adagrad": optim.Adagrad,
    "RMSprop": optim.RMSprop,
    "Adadelta": optim.Adadelta,
    "Adam": optim.Adam,
    "NAdam": optim.NAdam,
    "RAdam": optim.RAdam,
    "Adamax": optim.Adamax,
}


def network() -> nn.Sequential:
    """Two convolutions that halve the image each, 10 classes: the single network of which the stack holds many."""
    first, second = nn.Conv2d(1, 8, 3, stride=2, padding=1), nn.Conv2d(8, 8, 3, stride=2, padding=1)
    return nn.Sequential(first, nn.ReLU(), second, nn.ReLU(), nn.Flatten(), nn.Linear(32, 10))


@cache
def digits() -> tuple[Tensor, Tensor]:
    """Pixels of mean 0 and variance 1 (1797, 8, 8) in float64 and labels (1797,), read once."""
    images, labels = load_digits(return_X_y=True)
    x = torch.tensor(images).view(-1, 8, 8)
    return (x - x.mean()) / x.std(), torch.tensor(labels)


def problem(seeds: int, steps: int) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Images and labels; then for each seed start (seeds, 994), split (seeds, 1797) and batches (steps, seeds, 32)."""
    x, y = digits()
    torch.manual_seed(0)
    starts = [nn.utils.parameters_to_vector(network().parameters()).detach() for _ in range(seeds)]
    splits = [torch.randperm(len(x)) for _ in range(seeds)]
    return x.to(starts[0]), y, torch.stack(starts), torch.stack(splits), torch.randint(TRAIN, (steps, seeds, BATCH))


def logits(members: Tensor, inputs: Tensor) -> Tensor:
    """Outputs of all networks: (rates, seeds, 994), (seeds, batch, 8, 8) -> (rates * seeds, batch, 10)."""
    stack = members.flatten(0, 1)  # (networks, 994)
    parts = stack.split([torch.Size(size).numel() for size in SIZES], dim=1)
    k1, b1, k2, b2, w, b = (part.unflatten(1, size) for part, size in zip(parts, SIZES, strict=True))
    convolve = partial(nn.functional.conv2d, stride=2, padding=1, groups=len(stack))  # a group of channels a network
    images = inputs.transpose(0, 1).repeat(1, len(members), 1, 1)  # (batch, networks, 8, 8)
    hidden = torch.relu(convolve(images, k1.flatten(0, 1), b1.flatten()))  # (batch, networks * 8, 4, 4)
    hidden = torch.relu(convolve(hidden, k2.flatten(0, 1), b2.flatten()))  # (batch, networks * 8, 2, 2)
    return torch.baddbmm(b.unsqueeze(1), hidden.view(len(hidden), len(stack), 32).transpose(0, 1), w.mT)


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
    theta = starts.repeat(len(rates), 1, 1)  # (rates, seeds, 994)
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
    figure.savefig("choosing-an-optimizer-cnn.svg")


if __name__ == "__main__":
    results = {name: compare(make) for name, make in OPTIMIZERS.items()}
    draw(results)
    head = ["optimizer", "default rate", "test accuracy at it", "best rate", "test accuracy at it", "training loss"]
    with Path("choosing-an-optimizer-cnn.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*head, "good rates"])
        for name, r in results.items():
            row = [name, f"{r['default']:g}", spread(r["untuned"]), f"{r['best']:g}", spread(r["tuned"])]
            writer.writerow([*row, spread(r["loss"]), f"{r['good'][0]:g} to {r['good'][1]:g}"])
    tuned = [result["tuned"].mean().item() for result in results.values()]
    untuned = [result["untuned"].mean().item() for result in results.values()]
    numbers = {
        name: {key: v.tolist() if isinstance(v, Tensor) else v for key, v in r.items() if key != "history"}
        for name, r in results.items()
    }
    Path("choosing-an-optimizer-cnn.json").write_text(json.dumps(numbers))
    print(f"tuned: all within 0.07 of each other: {max(tuned) - min(tuned) < 0.07}")
    print(f"at default rates: worst below 0.2: {min(untuned) < 0.2}, best above 0.85: {max(untuned) > 0.85}")
