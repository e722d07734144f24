"""What a pre-norm MLP block adds to the residual stream in closed form, with and without the scaling.

Source: Radford et al., "Language Models are Unsupervised Multitask Learners", 2019, section 2.3.
"""

import math

import torch
from torch import Tensor


def gelu_second_moment(variance: float) -> float:
    """E gelu(z)^2 for z ~ N(0, variance), by the trapezoidal rule from -8 to 8 standard deviations."""
    z = torch.linspace(-8, 8, 4001, dtype=torch.float64)
    density = torch.exp(-z * z / 2) / math.sqrt(2 * math.pi)
    values = torch.nn.functional.gelu(z * math.sqrt(variance)) ** 2
    return torch.trapezoid(values * density, z).item()


def stream_variance(blocks: int, width: int, std: float, out_std: float, start: float) -> float:
    """Variance after ``blocks`` MLP blocks: every one adds the same, because its input is normalized."""
    hidden = width * std**2  # LayerNorm gives variance 1
    return start + blocks * 4 * width * out_std**2 * gelu_second_moment(hidden)


def simulate(x: Tensor, blocks: int, std: float, out_std: float) -> Tensor:
    """The same blocks on x, (tokens, width), with fresh normal weights."""
    width = x.shape[1]
    for _ in range(blocks):
        normal = (x - x.mean(1, keepdim=True)) / x.std(1, keepdim=True, correction=0)
        hidden = torch.nn.functional.gelu(normal @ (std * torch.randn(width, 4 * width)))
        x = x + hidden @ (out_std * torch.randn(4 * width, width))
    return x


if __name__ == "__main__":
    torch.manual_seed(0)
    x = 0.02 * torch.randn(64, 256)  # (tokens, width)
    for blocks in (4, 32):
        for name, out_std in [("0.02", 0.02), ("0.02 / sqrt(blocks)", 0.02 / math.sqrt(blocks))]:
            predicted = stream_variance(blocks, 256, 0.02, out_std, 0.02**2)
            simulated = simulate(x, blocks, 0.02, out_std).var().item()
            gap = abs(simulated / predicted - 1)
            print(f"{blocks} MLP blocks, {name}: variance {predicted:.3f}, simulation within 10%: {gap < 0.1}")
