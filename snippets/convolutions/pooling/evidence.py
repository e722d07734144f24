"""What pooling keeps of a digit, which pixels get a gradient from it, and what a shift by one pixel changes.

Source: Scherer et al., "Evaluation of Pooling Operations in Convolutional Architectures for Object Recognition", 2010
"""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor
from torch.nn import functional as F

POOLS: dict[str, Callable[[Tensor], Tensor]] = {
    "max, 2×2": lambda x: F.max_pool2d(x, 2),
    "average, 2×2": lambda x: F.avg_pool2d(x, 2),
    "L2, 2×2": lambda x: F.lp_pool2d(x, 2, 2),
    "max, 3×3, stride 2": lambda x: F.max_pool2d(x, 3, 2, 1),
    "every second pixel": lambda x: x[..., ::2, ::2],
}


def change(pool: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """(batch,): how far the output moves when the image moves by one pixel, relative to its length."""
    before, after = (pool(image).flatten(1) for image in (x, x.roll(1, dims=-1)))
    return (after - before).norm(dim=1) / before.norm(dim=1)


def gradients(pool: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """What each pixel gets when each output has the gradient 1."""
    x = x.clone().requires_grad_()
    return torch.autograd.grad(pool(x).sum(), x)[0]


if __name__ == "__main__":
    images = torch.tensor(load_digits().images, dtype=torch.float32) / 16
    x = F.pad(images[:, None], (4,) * 4)  # (1797, 1, 16, 16), with room to move
    figure, rows = plt.subplots(len(POOLS), 3, figsize=(4.5, 7))
    table, results = [], {}
    for (name, pool), axes in zip(POOLS.items(), rows, strict=True):
        taught, changes = gradients(pool, x), change(pool, x)
        share = (taught != 0).float().mean().item()
        results[name] = {"change": changes.tolist(), "taught": share}
        table.append([name, f"{changes.mean():.2f}", f"{share:.0%}"])
        for panel, picture in zip(axes, (x[3], pool(x[3:4])[0], taught[3]), strict=True):
            panel.imshow(picture[0].tolist(), cmap="viridis", vmin=0)
            panel.set_axis_off()
        axes[1].set_title(name, fontsize=9)
    for panel, word in zip(rows[0], ("digit", None, "gradient"), strict=True):
        if word:
            panel.set_title(word, fontsize=9)
    figure.tight_layout()
    plt.savefig("pooling.svg")
    with Path("pooling.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["pooling", "change by a shift of one pixel", "pixels with a gradient"], *table])
    Path("pooling.json").write_text(json.dumps(results), encoding="utf-8")
    print(", ".join(f"{name}: {value}" for name, value, _ in table))
