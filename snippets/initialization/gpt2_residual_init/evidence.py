"""Residual stream of untrained pre-norm Transformers of 2 to 64 blocks, with and without GPT-2's scaling.

Source: Radford et al., "Language Models are Unsupervised Multitask Learners", 2019, section 2.3.
"""

import csv
import json
import math
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch import Tensor, nn

WIDTH, HEADS, TOKENS, STD, DEPTHS = 128, 4, 32, 0.02, [2, 4, 8, 16, 32, 64]


def variances(blocks: int, scaled: bool, seed: int = 0) -> list[float]:
    """Variance of the residual stream before each block and after the last."""
    torch.manual_seed(seed)
    out_std = STD / math.sqrt(2 * blocks) if scaled else STD
    x = STD * torch.randn(4, TOKENS, WIDTH)  # (batch, time, width), embeddings
    found = [x.var().item()]
    for _ in range(blocks):

        def linear(y: Tensor, outputs: int, std: float = STD) -> Tensor:
            return y @ (std * torch.randn(y.shape[-1], outputs))

        q, k, v = (
            linear(nn.functional.layer_norm(x, (WIDTH,)), 3 * WIDTH)
            .unflatten(-1, (3, HEADS, -1))
            .permute(2, 0, 3, 1, 4)
        )
        mixed = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).flatten(2)
        x = x + linear(mixed, WIDTH, out_std)
        hidden = nn.functional.gelu(linear(nn.functional.layer_norm(x, (WIDTH,)), 4 * WIDTH))
        x = x + linear(hidden, WIDTH, out_std)
        found.append(x.var().item())
    return found


if __name__ == "__main__":
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), sharey=True, layout="constrained")
    rows = [["blocks", "variance added, std 0.02 throughout", "variance added, scaled by 1/sqrt(2 blocks)"]]
    names = {False: "0.02 throughout", True: "scaled by 1/sqrt(2 blocks)"}
    added: dict[bool, list[float]] = {False: [], True: []}
    results = {}
    for blocks in DEPTHS:
        for scaled, name in names.items():
            results[f"{name}, {blocks} blocks"] = [variances(blocks, scaled, seed) for seed in range(3)]
            runs = torch.tensor(results[f"{name}, {blocks} blocks"])
            added[scaled].append((runs[:, -1] - runs[:, 0]).median().item())
        rows.append([str(blocks), f"{added[False][-1]:.4f}", f"{added[True][-1]:.4f}"])
    for scaled, style, marker in [(False, "--", "s"), (True, "-", "o")]:
        path = results[f"{names[scaled]}, 64 blocks"][0]
        axes[0].semilogy([v - path[0] for v in path[1:]], style, marker=marker, markevery=8, label=names[scaled])
        axes[1].loglog(DEPTHS, added[scaled], style, marker=marker, label=names[scaled])
    axes[0].set(title="along one model of 64 blocks", xlabel="block", ylabel="variance added to the stream")
    axes[1].set(title="at the end of models of different depth", xlabel="number of blocks")
    axes[1].set_xticks(DEPTHS, [str(depth) for depth in DEPTHS])
    axes[1].minorticks_off()
    axes[1].legend()
    plt.savefig("gpt2-residual-init.svg")
    with Path("gpt2-residual-init.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    Path("gpt2-residual-init.json").write_text(json.dumps(results))
    for scaled, name in names.items():
        print(f"{name}: 64 blocks add {added[scaled][-1] / added[scaled][0]:.0f} times what 2 blocks add")
