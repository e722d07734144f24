"""What six normalizing layers cost on a batch of feature maps: parameters, operations, and memory kept for backward.

Source: measured with torch's dispatcher and its hooks for saved tensors; no paper
"""

import csv
import json
from collections import Counter
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

SHAPE = (16, 64, 28, 28)  # batch, channel, height, width
LAYERS: dict[str, tuple[nn.Module, bool]] = {  # the layer, and whether it takes the channels last
    "BatchNorm2d(64)": (nn.BatchNorm2d(64), False),
    "LayerNorm([64, 28, 28])": (nn.LayerNorm(list(SHAPE[1:])), False),
    "LayerNorm(64), channels last": (nn.LayerNorm(64), True),
    "RMSNorm(64), channels last": (nn.RMSNorm(64), True),
    "GroupNorm(32, 64)": (nn.GroupNorm(32, 64), False),
    "InstanceNorm2d(64)": (nn.InstanceNorm2d(64), False),
}


class Kernels(TorchDispatchMode):
    """Counts the operations that reach a kernel; those that only look at a tensor otherwise are left out."""

    VIEWS = ("view", "_unsafe_view", "expand", "detach", "permute", "transpose", "alias", "unsqueeze", "squeeze", "t")

    def __init__(self) -> None:
        super().__init__()
        self.calls: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func.overloadpacket.__name__
        if name not in self.VIEWS:
            self.calls[name] += 1
        return func(*args, **(kwargs or {}))


def kept(layer: nn.Module, x: Tensor) -> int:
    """Bytes that the layer keeps for the backward pass beyond its parameters and its input, by storage."""
    known = {x.untyped_storage().data_ptr(), *(p.untyped_storage().data_ptr() for p in layer.parameters())}
    storages: dict[int, int] = {}

    def pack(t: Tensor) -> Tensor:
        storages[t.untyped_storage().data_ptr()] = t.untyped_storage().nbytes()
        return t

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
        layer(x)
    return sum(size for place, size in storages.items() if place not in known)


def measure(layer: nn.Module, last: bool) -> dict[str, Any]:
    """One row: parameters, running statistics, kernels of forward and backward, memory, and modes."""
    torch.manual_seed(0)
    shape = (SHAPE[0], *SHAPE[2:], SHAPE[1]) if last else SHAPE
    x = torch.randn(shape, requires_grad=True)
    with Kernels() as forward:
        y = layer(x)
    with Kernels() as backward:
        y.backward(torch.ones_like(y))
    layer.train()
    trained = layer(x).detach()
    alone = layer(x[:1]).detach()
    evaluated = layer.eval()(x).detach()
    layer.train()
    return {
        "parameters": sum(p.numel() for p in layer.parameters()),
        "buffers": sum(b.numel() for b in layer.buffers()),
        "forward": sum(forward.calls.values()),
        "backward": sum(backward.calls.values()),
        "kept": kept(layer, x) / (x.numel() * 4),
        "modes differ": not torch.allclose(trained, evaluated, atol=1e-5),
        "batch matters": not torch.allclose(trained[:1], alone, atol=1e-5),
    }


if __name__ == "__main__":
    results = {name: measure(layer, last) for name, (layer, last) in LAYERS.items()}
    head = ["layer", "parameters", "running numbers", "kernels forward", "kernels backward", "kept for backward"]
    rows = [
        [name, r["parameters"], r["buffers"], r["forward"], r["backward"], f"{r['kept']:.0%}"]
        + ["yes" if r[key] else "no" for key in ("modes differ", "batch matters")]
        for name, r in results.items()
    ]
    with Path("index-costs.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([[*head, "eval mode differs", "batch matters in training"], *rows])
    Path("index-costs.json").write_text(json.dumps(results), encoding="utf-8")
    for name, r in results.items():
        print(f"{name:30}{r['parameters']:7} parameters, {r['forward']} kernels forward, keeps {r['kept']:.2f} inputs")
