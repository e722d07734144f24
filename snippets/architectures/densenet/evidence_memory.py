"""Values kept for the backward pass by a dense block, by its number of layers: plain, and computing again.

Convolutions are linear layers on single pixels here: what they keep is the same, and no kernel has to be compiled.

Source: Pleiss et al., "Memory-Efficient Implementation of DenseNets", 2017, figure 1
"""

import csv
import json
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

LAYERS, GROWTH, CHANNELS, PIXELS = [4, 8, 16, 32], 8, 16, 32


def layer(reduce: Tensor, *parts: Tensor) -> Tensor:
    """Concatenation, normalization, ReLU and first convolution of a dense layer; (pixels, channels) each."""
    x = torch.cat(parts, dim=1)
    return F.linear(F.batch_norm(x, None, None, training=True).relu(), reduce)


def kept(layers: int, again: bool) -> int:
    """Values kept for the backward pass in one forward pass, weights left out, each storage counted once."""
    saved: dict[int, Tensor] = {}

    def pack(x: Tensor) -> Tensor:
        saved[x.untyped_storage().data_ptr()] = x  # a reference, so that no other tensor takes its place
        return x

    x = torch.randn(PIXELS, CHANNELS)
    features, weights = [x], []
    with saved_tensors_hooks(pack, lambda x: x):
        for place in range(layers):
            width = CHANNELS + GROWTH * place
            reduce = torch.randn(4 * GROWTH, width, requires_grad=True)
            grow = torch.randn(GROWTH, 4 * GROWTH, requires_grad=True)
            weights += [reduce, grow]
            inputs: list[Any] = [reduce, *features]
            y = checkpoint(layer, *inputs, use_reentrant=False) if again else layer(*inputs)
            normalized = F.batch_norm(y, None, None, training=True).relu()
            features.append(F.linear(normalized, grow))
    for p in (*weights, *features):  # checkpoint keeps what it was given, below the hooks: count it in both cases
        saved.setdefault(p.untyped_storage().data_ptr(), p)
    owned = {p.untyped_storage().data_ptr() for p in weights}
    return sum(t.untyped_storage().nbytes() // 4 for place, t in saved.items() if place not in owned)


if __name__ == "__main__":
    torch.manual_seed(0)
    results = {
        "plain": [kept(layers, False) for layers in LAYERS],
        "computed again": [kept(layers, True) for layers in LAYERS],
    }
    for (name, counts), style in zip(results.items(), ("s--", "o-"), strict=True):
        plt.plot(LAYERS, counts, style, label=name)
    plt.xlabel("layers of the block")
    plt.ylabel("values kept for the backward pass")
    plt.legend()
    plt.savefig("densenet-memory.svg")
    with Path("densenet-memory.csv").open("w", newline="") as file:
        rows = [[name, *(f"{count:,}" for count in counts)] for name, counts in results.items()]
        csv.writer(file).writerows([["block", *(f"{layers} layers" for layers in LAYERS)], *rows])
    Path("densenet-memory.json").write_text(json.dumps(results))
    plain, again = (counts[-1] / counts[-2] for counts in results.values())
    print(f"32 layers keep {plain:.1f} times as much as 16 do; computed again, {again:.1f} times")
