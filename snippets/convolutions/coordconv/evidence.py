"""Two small networks that say where the bright pixel of an image is; a quarter of the places is never shown to them.

Source: Liu et al., "An Intriguing Failing of Convolutional Neural Networks and the CoordConv Solution", 2018, section 4
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from snippets.convolutions.coordconv.use import CoordConv2d

SIZE, STEPS, SEEDS = 8, 100, 3


def places() -> tuple[Tensor, Tensor, Tensor]:
    """Images of one bright pixel (64, 1, 8, 8), its row and column (64, 2), and whether the place is held back."""
    images = torch.eye(SIZE**2).reshape(-1, 1, SIZE, SIZE)
    rows, columns = torch.meshgrid(torch.arange(SIZE), torch.arange(SIZE), indexing="ij")
    held = (rows >= SIZE // 2) & (columns >= SIZE // 2)
    return images, torch.stack([rows, columns], dim=2).reshape(-1, 2).float(), held.flatten()


def network(name: str) -> nn.Sequential:
    """Features of each place, their maximum over the map, row and column."""
    if name == "CoordConv":
        layers: list[nn.Module] = [CoordConv2d(1, 16, 1), nn.ReLU(), nn.Conv2d(16, 16, 1)]
    else:
        layers = [nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 16, 3, padding=1)]
    return nn.Sequential(*layers, nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(16, 2))


def trained(name: str, seed: int) -> Tensor:
    """The places that a network names after training, (64, 2)."""
    torch.manual_seed(seed)
    model, (images, targets, held) = network(name), places()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(STEPS):
        loss = F.mse_loss(model(images[~held]), targets[~held] * 2 / (SIZE - 1) - 1)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        return (model(images) + 1) * (SIZE - 1) / 2


if __name__ == "__main__":
    targets, held = places()[1:]
    _, panels = plt.subplots(1, 2, figsize=(6, 3.2), sharey=True)
    results: dict[str, list[tuple[float, float]]] = {}
    for name, axes in zip(("CoordConv", "convolutions"), panels, strict=True):
        found = [trained(name, seed) for seed in range(SEEDS)]
        errors = [(each - targets).square().sum(dim=1).sqrt() for each in found]
        results[name] = [(error[~held].mean().item(), error[held].mean().item()) for error in errors]
        for part, marker, label in ((~held, ".", "shown"), (held, "x", "never shown")):
            axes.plot(found[0][part, 1].tolist(), found[0][part, 0].tolist(), marker, label=label)
        axes.set(title=name, xlabel="column", xticks=range(SIZE), yticks=range(SIZE), xlim=(-0.8, 8), ylim=(9.8, -0.8))
    panels[0].set_ylabel("row")
    panels[0].legend(loc="lower center", ncols=2, handletextpad=0.2, columnspacing=0.8)
    plt.savefig("coordconv.svg")
    table = [
        [name, seed, *(f"{e:.2f}" for e in pair)] for name, pairs in results.items() for seed, pair in enumerate(pairs)
    ]
    with Path("coordconv.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["network", "seed", "error where shown", "error where never shown"], *table])
    Path("coordconv.json").write_text(json.dumps(results), encoding="utf-8")
    for name, pairs in results.items():
        print(f"{name}: {', '.join(f'{new:.2f}' for _, new in pairs)} pixels off at places never shown")
