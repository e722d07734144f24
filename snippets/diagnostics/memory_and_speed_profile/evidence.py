"""Bytes and operations of a small transformer on digits by batch size, and calls of a step by kind of optimizer.

Source: Chen et al., "Training Deep Nets with Sublinear Memory Cost", 2016, for checkpointing. The digits are
scikit-learn's. Nothing here was run on a GPU, and no time is measured.
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.checkpoint import checkpoint

from snippets.diagnostics.memory_and_speed_profile.use import calls, memory, operations

SIZES = [1, 2, 4, 8, 16, 32, 64]
VARIANTS = ("float32", "bfloat16 autocast", "checkpointing", "attention written out")
OPTIMIZERS = {"one tensor after another": {"foreach": False}, "foreach": {"foreach": True}, "fused": {"fused": True}}


class Block(nn.Module):
    """Attention and an MLP, each with layer norm before it and a skip connection around it."""

    def __init__(self, width: int, written_out: bool) -> None:
        super().__init__()
        self.written_out = written_out
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.project, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.project(self.norms[0](x)).unflatten(-1, (3, 4, -1)).permute(2, 0, 3, 1, 4)
        if self.written_out:
            h = (q @ k.mT / q.shape[-1] ** 0.5).softmax(-1) @ v
        else:
            h = nn.functional.scaled_dot_product_attention(q, k, v)
        x = x + self.out(h.transpose(1, 2).flatten(2))
        return x + self.mlp(self.norms[1](x))


class Transformer(nn.Module):
    """Four blocks over 64 pixels, each a token of 17 grey levels."""

    def __init__(self, variant: str, width: int = 64) -> None:
        super().__init__()
        self.again = variant == "checkpointing"
        self.tokens, self.places = nn.Embedding(17, width), nn.Parameter(torch.randn(64, width) * 0.02)
        self.blocks = nn.ModuleList(Block(width, variant == "attention written out") for _ in range(4))
        self.last = nn.Linear(width, 10)

    def forward(self, x: Tensor) -> Tensor:
        h = self.tokens(x) + self.places
        for block in self.blocks:
            h = checkpoint(block, h, use_reentrant=False) if self.again else block(h)
        return self.last(h.mean(1))


def kept_bytes(model: nn.Module, x: Tensor, y: Tensor, variant: str) -> int:
    """Bytes that autograd keeps for the backward pass, without weights and inputs."""
    with torch.autocast(x.device.type, torch.bfloat16, enabled=variant == "bfloat16 autocast"):
        return memory(model, nn.functional.cross_entropy, x, y, torch.optim.SGD(model.parameters())).activations


def step_operations(model: nn.Module, x: Tensor, y: Tensor) -> int:
    """Operations of forward and backward pass; fused attention is not counted on a CPU, so it is written out here."""
    with sdpa_kernel(SDPBackend.MATH):
        return operations(lambda: nn.functional.cross_entropy(model(x), y).backward())["Global"]


def update_calls(settings: dict[str, bool]) -> int:
    """Calls of torch in the second update of Adam; the first one makes its state."""
    model = Transformer("float32")
    optimizer = torch.optim.Adam(model.parameters(), **settings)  # type: ignore[arg-type]
    for p in model.parameters():
        p.grad = torch.ones_like(p)
    optimizer.step()
    return calls(optimizer.step).total()


if __name__ == "__main__":
    torch.manual_seed(0)
    digits = load_digits()
    x = torch.tensor(digits.data, dtype=torch.int64)  # (1797, 64), grey levels 0 to 16
    y = torch.tensor(digits.target)
    models = {variant: Transformer(variant) for variant in VARIANTS}
    weights = sum(p.nbytes for p in models["float32"].parameters())
    kept = {v: [kept_bytes(m, x[:size], y[:size], v) for size in SIZES] for v, m in models.items()}
    done = {v: step_operations(m, x[:32], y[:32]) for v, m in models.items()}
    plt.figure(figsize=(8, 4))
    for (variant, sizes), style in zip(kept.items(), ("o-", "s--", "^-.", "v:"), strict=True):
        plt.plot(SIZES, [each / 1e6 for each in sizes], style, label=f"kept: {variant}")
    plt.axhline(4 * weights / 1e6, linestyle="--", color="gray", label="weights, gradients, Adam")
    plt.xscale("log", base=2)
    plt.yscale("log")
    plt.xticks(SIZES, [str(size) for size in SIZES])
    plt.xlabel("batch size")
    plt.ylabel("megabytes")
    plt.legend(fontsize="small", loc="center left", bbox_to_anchor=(1, 0.5))
    plt.tight_layout()
    plt.savefig("memory-and-speed-profile.svg")
    at = SIZES.index(32)
    rows = [
        [
            "variant",
            "megabytes kept, batch of 32",
            "bytes, of float32's",
            "operations of a step",
            "operations, of float32's",
        ]
    ]
    for v in VARIANTS:
        shares = kept[v][at] / kept["float32"][at], done[v] / done["float32"]
        rows.append([v, f"{kept[v][at] / 1e6:.1f}", f"{shares[0]:.2f}", f"{done[v] / 1e9:.2f}e9", f"{shares[1]:.2f}"])
    counted = {name: update_calls(settings) for name, settings in OPTIMIZERS.items()}
    table = [["Adam", "calls in one update"], *([name, str(count)] for name, count in counted.items())]
    for file, content in (("memory-and-speed-profile.csv", rows), ("memory-and-speed-profile-calls.csv", table)):
        with Path(file).open("w", newline="") as out:
            csv.writer(out).writerows(content)
    tensors = len(list(models["float32"].parameters()))
    numbers = {"weights": weights, "kept": kept, "operations": done, "calls": counted, "tensors": tensors}
    Path("memory-and-speed-profile.json").write_text(json.dumps(numbers))
    print(f"megabytes of weights, gradients and Adam: {4 * weights / 1e6:.1f}")
