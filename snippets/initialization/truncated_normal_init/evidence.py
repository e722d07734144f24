"""What is cut: trunc_normal_ with torch's default bounds and with bounds in standard deviations, at std 0.02.

Source: experiment of this guide on torch.nn.init.trunc_normal_.
"""

import csv
import json
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch import nn

from snippets.initialization.truncated_normal_init.use import truncated_normal_std

STD, N = 0.02, 1_000_000


def deviation(cut: float) -> float:
    """Of a unit normal, after the cut."""
    return truncated_normal_std((), std=1.0, cut=cut)


if __name__ == "__main__":
    torch.manual_seed(0)
    calls = {
        "normal_(std=0.02)": nn.init.normal_(torch.empty(N), std=STD),
        "trunc_normal_(std=0.02)": nn.init.trunc_normal_(torch.empty(N), std=STD),
        "… a=-0.04, b=0.04": nn.init.trunc_normal_(torch.empty(N), std=STD, a=-2 * STD, b=2 * STD),
        "… std corrected": nn.init.trunc_normal_(torch.empty(N), std=STD / deviation(2), a=-0.0455, b=0.0455),
    }
    rows = [["call", "std / 0.02", "largest / 0.02", "share beyond 2 * 0.02"]]
    results = {}
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4.2), layout="constrained")
    for (name, w), style in zip(calls.items(), ("-", ":", "--", "-."), strict=True):
        counts = torch.histc(w.cpu(), bins=100, min=-5 * STD, max=5 * STD) / (N * 0.1)  # density of w / STD
        centres = torch.linspace(-4.95, 4.95, 100)
        left.plot(centres.tolist(), counts.clamp(min=1e-6).tolist(), style, label=name)
        beyond = (w.abs() > 2 * STD).float().mean()
        std, largest = w.std() / STD, w.abs().max() / STD
        results[name] = {"density": counts.tolist(), "std": std.item(), "largest": largest.item()}
        rows.append([name, f"{std:.3f}", f"{largest:.1f}", f"{beyond:.2%}"])
    left.set(yscale="log", ylim=(1e-5, 1), xlabel="weight / 0.02", ylabel="density", title="one million weights")
    cuts = [0.5 + 0.05 * i for i in range(71)]
    right.plot(cuts, [deviation(cut) for cut in cuts], label="closed form")
    right.plot([2, 3], [deviation(2), deviation(3)], "o", label="cut at 2: 0.880, at 3: 0.987")
    right.set(xlabel="cut, in standard deviations", ylabel="std after / before the cut", title="what the cut costs")
    right.legend()
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=4)
    figure.savefig("truncated-normal-init.svg")
    with Path("truncated-normal-init.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    Path("truncated-normal-init.json").write_text(json.dumps(results))
    print("std / 0.02 with torch's default bounds", rows[2][1][:4], "with bounds at two std", rows[3][1][:4])
