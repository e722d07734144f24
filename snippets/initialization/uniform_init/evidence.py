"""Uniform or normal weights: the shape is forgotten after a few inputs, the mean is not.

Source: experiment of this guide; the excess kurtosis of a mean of n uniform numbers is -1.2 / n.
"""

import csv
import json
import math
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from torch import Tensor, nn

N = 400_000


def pre_activations(fan_in: int, kind: str) -> Tensor:
    """N sums over ``fan_in`` inputs of +-1 with weights of variance 1/fan_in: (N,)."""
    std = 1 / math.sqrt(fan_in)
    signs = torch.randint(0, 2, (N, fan_in)).mul(2).sub(1)
    weights = torch.empty(N, fan_in)
    if kind == "uniform":
        nn.init.uniform_(weights, -math.sqrt(3) * std, math.sqrt(3) * std)
    else:
        nn.init.normal_(weights, std=std)
    return (signs * weights).sum(1)


def excess_kurtosis(z: Tensor) -> float:
    """0 for a normal distribution, -1.2 for a uniform one."""
    z = z - z.mean()
    return (z.pow(4).mean() / z.square().mean().square() - 3).item()


def rms_through(low: float, high: float, depth: int = 10, width: int = 256) -> list[float]:
    """Rms of the activations after each of ``depth`` ReLU layers with weights from U(low, high)."""
    torch.manual_seed(0)
    x = torch.randn(128, width)
    values = []
    for _ in range(depth):
        x = torch.relu(x @ nn.init.uniform_(torch.empty(width, width), low, high).T)
        values.append(x.cpu().double().square().mean().sqrt().item())  # in float32 the squares would overflow
    return values


if __name__ == "__main__":
    torch.manual_seed(0)
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 4))
    rows = [["inputs", "uniform weights: excess kurtosis", "-1.2 / inputs", "normal weights: excess kurtosis"]]
    kurtosis, densities = {}, {}
    for fan_in, style in ((1, ":"), (2, "-."), (4, "--"), (16, "-")):
        z, reference = pre_activations(fan_in, "uniform"), pre_activations(fan_in, "normal")
        density = torch.histc(z.cpu(), bins=60, min=-3, max=3) / (N * 0.1)
        left.plot(torch.linspace(-2.95, 2.95, 60).tolist(), density.tolist(), style, label=f"{fan_in} inputs")
        densities[fan_in], kurtosis[fan_in] = density.tolist(), (excess_kurtosis(z), excess_kurtosis(reference))
        found, normal_found = kurtosis[fan_in]
        rows.append([str(fan_in), f"{found:.2f}", f"{-1.2 / fan_in:.2f}", f"{normal_found:.1f}"])
    grid = torch.linspace(-3, 3, 60)
    normal = torch.exp(-grid.square() / 2) / math.sqrt(2 * math.pi)
    left.plot(grid.tolist(), normal.tolist(), ".", markersize=4, label="normal density")
    left.set(xlabel="pre-activation", ylabel="density", title="uniform weights")
    left.legend(fontsize="small")
    bound = math.sqrt(6 / 256)
    positive, shifted, kaiming = rms_through(0, 1), rms_through(0, 2 * bound), rms_through(-bound, bound)
    right.plot(range(1, 11), positive, "s-", label="U(0, 1), torch's default")
    right.plot(range(1, 11), shifted, "^--", label="U(0, 0.31)")
    right.plot(range(1, 11), kaiming, "o-", label="U(-0.15, 0.15), Kaiming")
    right.set(yscale="log", xlabel="layer", ylabel="rms of the activations", title="ten ReLU layers of width 256")
    right.legend(fontsize="small")
    figure.tight_layout()
    figure.savefig("uniform-init.svg")
    with Path("uniform-init.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    rms = {"positive": positive, "shifted": shifted, "Kaiming": kaiming}
    Path("uniform-init.json").write_text(json.dumps({"kurtosis": kurtosis, "densities": densities, "rms": rms}))
    print(f"16 inputs: excess kurtosis {rows[4][1]}, predicted {rows[4][2]}")
    print(f"after ten layers: U(0, 1) 10^{math.log10(positive[-1]):.0f}, Kaiming {kaiming[-1]:.1f}")
