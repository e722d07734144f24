"""A discriminator that wins, and classifiers of digits, with spectral normalization and without.

Source: Miyato et al., "Spectral Normalization for Generative Adversarial Networks", 2018.
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, softplus
from torch.nn.utils.parametrizations import spectral_norm

STEPS, SEEDS, KINDS = 150, 2, ["plain", "spectral norm"]


def build(kind: str, outputs: int) -> nn.Sequential:
    """Two hidden layers with leaky ReLU."""
    layers = [nn.Linear(64, 64), nn.Linear(64, 64), nn.Linear(64, outputs)]
    first, second, third = map(spectral_norm, layers) if kind == "spectral norm" else layers
    return nn.Sequential(first, nn.LeakyReLU(0.2), second, nn.LeakyReLU(0.2), third)


def discriminate(kind: str, seed: int, x: Tensor) -> dict[str, list[float]]:
    """Every ten steps: size of the gradient that reaches a fake image from the generator's loss, and the largest slope.

    The fakes are digits with noise, always the same, so the discriminator can learn to tell them apart.
    """
    torch.manual_seed(seed)
    model, fakes = build(kind, 1), x[torch.randperm(len(x))] + 0.7 * torch.randn_like(x)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.003, fused=True)
    log: dict[str, list[float]] = {"gradient": [], "slope": []}
    for step in range(STEPS):
        real, fake = (images[torch.randint(len(x), (64,))] for images in (x, fakes))
        optimizer.zero_grad()
        (softplus(-model(real)).mean() + softplus(model(fake)).mean()).backward()
        optimizer.step()
        if step % 10 == 9:
            seen = fakes[:200].clone().requires_grad_()
            output = model(seen)
            (slope,) = torch.autograd.grad(output.sum(), seen)
            weight = output.detach().sigmoid()  # the loss log(1 - D) multiplies the slope by D
            log["gradient"].append((weight * slope).norm(dim=1).median().item())
            log["slope"].append(slope.norm(dim=1).max().item())
    return log


def classify(kind: str, seed: int, images: int, wrong: int, x: Tensor, y: Tensor) -> list[float]:
    """Accuracy on 397 images as they are, and with noise on them."""
    torch.manual_seed(seed)
    order = torch.randperm(len(x))
    x_train, y_train, x_test, y_test = x[order[:images]], y[order[:images]].clone(), x[order[1400:]], y[order[1400:]]
    y_train[:wrong] = torch.randint(10, (wrong,))
    model = build(kind, 10)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.003, fused=True)
    for _ in range(STEPS):
        batch = torch.randint(images, (64,))
        optimizer.zero_grad()
        cross_entropy(model(x_train[batch]), y_train[batch]).backward()
        optimizer.step()
    model.eval()
    noisy = x_test + 0.5 * torch.randn_like(x_test)
    return [(model(inputs).argmax(dim=1) == y_test).float().mean().item() for inputs in (x_test, noisy)]


if __name__ == "__main__":
    digits = load_digits()
    x, y = torch.tensor(digits.data, dtype=torch.float32) / 8 - 1, torch.tensor(digits.target)  # from -1 to 1
    results: dict[str, dict] = {"discriminator": {}, "classifier": {}}
    for kind, style in zip(KINDS, ["s--", "o-"], strict=True):
        results["discriminator"][kind] = logs = [discriminate(kind, seed, x) for seed in range(SEEDS)]
        plt.plot(range(10, STEPS + 1, 10), logs[0]["gradient"], style, label=kind)
    plt.yscale("log")
    plt.xlabel("step of the discriminator")
    plt.ylabel("gradient that reaches a fake image")
    plt.legend()
    plt.savefig("spectral-normalization.svg")
    rows = []
    for name, images, wrong in [
        ("1,400 images, labels right", 1400, 0),
        ("150 images, a fifth of the labels random", 150, 30),
    ]:
        runs = {kind: [classify(kind, seed, images, wrong, x, y) for seed in range(SEEDS)] for kind in KINDS}
        results["classifier"][name] = runs
        rows.append([name, *(" / ".join(f"{run[i]:.2f}" for run in runs[kind]) for i in range(2) for kind in KINDS)])
    with Path("spectral-normalization.csv").open("w", newline="") as file:
        head = [f"{kind}, {inputs}" for inputs in ("clean inputs", "noisy inputs") for kind in KINDS]
        csv.writer(file).writerows([["training set", *head], *rows])
    Path("spectral-normalization.json").write_text(json.dumps(results))
