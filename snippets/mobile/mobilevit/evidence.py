"""What each stage of MobileViT-S holds and costs for an image of 256 by 256, its block, and how attention grows.

Source: Mehta and Rastegari, "MobileViT: Light-weight, General-purpose, and Mobile-friendly Vision Transformer", 2021
"""

import csv
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import torch
from torch import fx
from torch.nn import functional as F

from snippets.experiment import Stages, arrow, box, save, stages
from snippets.mobile.mobilevit.from_scratch import MobileViT

SIZES = (256, 512, 1024)


class WithAttention(Stages):
    """Counts the products of queries with keys, and of their weights with values, too."""

    now = ""
    products = 0

    def run_node(self, node: fx.Node) -> Any:
        """Run one operation, and count it for the stage of the last module before it."""
        out = super().run_node(node)
        if node.op == "call_module":
            self.now = self.stage(str(node.target))
        if node.target is F.scaled_dot_product_attention:
            (q, k, _), _ = self.fetch_args_kwargs_from_env(node)
            products = 2 * q.numel() * k.shape[-2]
            self.rows[self.now]["multiply_adds"] += products
            self.products += products
        return out


def share_of_attention(size: int) -> tuple[int, int]:
    """Multiply-adds of MobileViT-S for an image of this size, and those of products in attention among them."""
    with torch.device("meta"):
        counting = WithAttention(MobileViT().eval())
    counting.run(torch.empty(1, 3, size, size, device="meta"))
    return sum(row["multiply_adds"] for row in counting.rows.values()), counting.products


if __name__ == "__main__":
    with torch.device("meta"):
        model = MobileViT()
    save("mobilevit", "MobileViT-S", stages(model, 256, count=WithAttention))
    counts = {size: share_of_attention(size) for size in SIZES}
    rows = [
        [f"{n} × {n}", f"{all_ / 1e9:.2f} G", f"{part / 1e9:.2f} G", f"{part / all_:.0%}"]
        for n, (all_, part) in counts.items()
    ]
    with Path("mobilevit-sizes.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([["image size", "multiply-adds", "products in attention", "share"], *rows])
    _, axes = plt.subplots(figsize=(4.5, 6))
    names = [
        "x: 96 channels",
        "3×3 convolution, 96",
        "1×1 convolution, 144",
        "2 transformer layers",
        "1×1 convolution, 96",
        "joined: 192 channels",
        "3×3 convolution, 96",
    ]
    for place, name in enumerate(names):
        box(axes, 0, -place, name)
        if place:
            arrow(axes, (0, 1 - place), (0, -place))
    arrow(axes, (1.1, 0), (1.2, -5), bend=-0.6)
    axes.set(xlim=(-2.2, 3), ylim=(-6.5, 0.5))
    axes.set_axis_off()
    plt.savefig("mobilevit.svg")
