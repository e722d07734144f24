"""Muon and Adafactor, which act on whole matrices, beside AdamW: digits, the small MLP, accuracy over the rates.

Source: Jordan et al., "Muon", 2024; Shazeer and Stern, "Adafactor", 2018; the comparison is our own.
"""

import csv
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn, optim

TRAIN, VALID, BATCH, SEEDS, STEPS, WITHIN = 1000, 297, 32, 3, 200, 0.05
SIZES = [(32, 64), (32,), (10, 32), (10,)]  # weight, bias, weight, bias
RATES = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0]


def muon(matrices: list[dict], biases: list[dict]) -> list[optim.Optimizer]:
    """Muon for the matrices, on the scale of AdamW's rates, and AdamW for the biases."""
    return [optim.Muon(matrices, adjust_lr_fn="match_rms_adamw"), optim.AdamW(biases, foreach=True)]


def adafactor(matrices: list[dict], biases: list[dict]) -> list[optim.Optimizer]:
    """Adafactor for all."""
    return [optim.Adafactor([*matrices, *biases], foreach=True)]


def adamw(matrices: list[dict], biases: list[dict]) -> list[optim.Optimizer]:
    """AdamW for all."""
    return [optim.AdamW([*matrices, *biases], foreach=True)]


OPTIMIZERS: dict[str, Callable[..., list[optim.Optimizer]]] = {"Muon": muon, "Adafactor": adafactor, "AdamW": adamw}
MARKERS = {"Muon": "o", "Adafactor": "s", "AdamW": "^"}


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


def tensors(flat: Tensor) -> list[tuple[list[Tensor], list[Tensor]]]:
    """Matrices and biases of each rate's networks, as views: (rates, seeds, 2410) -> a pair of lists a rate."""
    parts = flat.split([torch.Size(size).numel() for size in SIZES], dim=2)
    shaped = [part.unflatten(2, size) for part, size in zip(parts, SIZES, strict=True)]  # (rates, seeds, *size)
    pairs = []
    for rate in range(len(flat)):
        views = [view for part in shaped for view in part[rate].unbind()]
        pairs.append(([v for v in views if v.dim() == 2], [v for v in views if v.dim() == 1]))
    return pairs


def train(
    make: Callable[..., list[optim.Optimizer]], rates: list[float], seeds: int = SEEDS, steps: int = STEPS
) -> dict[str, Tensor]:
    """Train a network for each rate and seed; gradients come from one stack, but each matrix is a parameter of its own.

    Args:
        make: takes parameter groups of matrices and of biases, returns the optimizers.
        rates: learning rates, one group of each kind.
        seeds: starts, splits and orders of batches, the same for every rate and optimizer.
        steps: mini-batches.

    Returns:
        "loss" on all training images, "valid" and "test" accuracy after the last step, and the parameters "members":
        (rates, seeds, ...).
    """
    x, y, starts, split, batches = problem(seeds, steps)
    theta = starts.repeat(len(rates), 1, 1)  # (rates, seeds, 2410)
    members = theta.detach().requires_grad_()  # the same memory: one tensor for autograd, many for the optimizers
    own = tensors(theta)
    groups = [
        [{"params": pair[kind], "lr": lr} for pair, lr in zip(own, rates, strict=True)] for kind in (0, 1)
    ]  # of matrices, of biases
    optimizers = make(*groups)
    for chosen in batches:
        batch = split.gather(1, chosen)
        (gradient,) = torch.autograd.grad(losses(members, x[batch], y[batch]).sum(), members)
        for pair, gradients in zip(own, tensors(gradient), strict=True):
            for p, g in zip([*pair[0], *pair[1]], [*gradients[0], *gradients[1]], strict=True):
                p.grad = g
        for optimizer in optimizers:
            optimizer.step()
    with torch.no_grad():
        seen, valid, test = split[:, :TRAIN], split[:, TRAIN : TRAIN + VALID], split[:, TRAIN + VALID :]
        return {
            "loss": losses(members, x[seen], y[seen]),
            "valid": accuracies(members, x[valid], y[valid]),
            "test": accuracies(members, x[test], y[test]),
            "members": theta,
        }


if __name__ == "__main__":
    figure, axis = plt.subplots(figsize=(7.2, 3.8), layout="constrained")
    rows, tuned, results = [], [], {}
    for name, make in OPTIMIZERS.items():
        run = train(make, RATES)
        results[name] = {key: run[key].tolist() for key in ("valid", "test", "loss")}  # (rates, seeds)
        default = make([{"params": [torch.zeros(1, 1)]}], [{"params": [torch.zeros(1)]}])[0].defaults["lr"]
        best = int(run["valid"].mean(dim=1).argmax())
        good = [
            lr
            for lr, mean in zip(RATES, run["valid"].mean(dim=1).tolist(), strict=True)
            if mean >= run["valid"][best].mean() - WITHIN
        ]
        cells = [
            f"{run[key][at].mean():.3f} ± {run[key][at].std():.3f}"
            for key, at in [("test", RATES.index(default)), ("test", best), ("loss", best)]
        ]
        rows.append([name, f"{default:g}", cells[0], f"{RATES[best]:g}", *cells[1:], f"{good[0]:g} to {good[-1]:g}"])
        tuned.append(run["test"][best].mean().item())
        means, deviations = run["test"].mean(dim=1).tolist(), run["test"].std(dim=1).tolist()
        axis.errorbar(RATES, means, yerr=deviations, marker=MARKERS[name], capsize=3, elinewidth=1.2, label=name)
    axis.set(xscale="log", xlabel="learning rate", ylabel="test accuracy", ylim=(0, 1))
    axis.legend(loc="lower center")
    figure.savefig("choosing-an-optimizer-matrices.svg")
    head = ["optimizer", "default rate", "test accuracy at it", "best rate", "test accuracy at it", "training loss"]
    with Path("choosing-an-optimizer-matrices.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([[*head, "good rates"], *rows])
    Path("choosing-an-optimizer-matrices.json").write_text(json.dumps(results))
    print(f"tuned: all within 0.05 of each other: {max(tuned) - min(tuned) < 0.05}")
