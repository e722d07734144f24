"""Maximal update parametrization without modules or torch.optim: forward, multipliers and Adam's steps by hand.

Source: Yang et al., "Tensor Programs V: Tuning Large Neural Networks via Zero-Shot Hyperparameter Transfer", 2022.
"""

import torch
from torch import Tensor


def forward(x: Tensor, weights: list[Tensor], base_width: int) -> Tensor:
    """Two ReLU layers and a read-out, (batch, features) -> (batch, outputs); the read-out is scaled by base / width."""
    h = torch.relu(torch.relu(x @ weights[0].T) @ weights[1].T)
    return base_width / weights[1].shape[0] * h @ weights[2].T


def learning_rates(lr: float, width: int, base_width: int) -> list[float]:
    """Adam's learning rate of the input, hidden and read-out weight."""
    return [lr, lr * base_width / width, lr]


def adam_step(weights: list[Tensor], moments: list[tuple[Tensor, Tensor]], rates: list[float], step: int) -> None:
    """One step of Adam in place, betas (0.9, 0.999), from each weight's ``grad``; step counts from 1."""
    for weight, (first, second), rate in zip(weights, moments, rates, strict=True):
        gradient = weight.grad
        assert gradient is not None
        first.lerp_(gradient, 0.1)
        second.lerp_(gradient**2, 0.001)
        corrected = (second / (1 - 0.999**step)).sqrt() + 1e-8
        weight.data -= rate * first / (1 - 0.9**step) / corrected
        weight.grad = None


if __name__ == "__main__":
    torch.manual_seed(0)
    width, base, x = 256, 64, torch.randn(64, 32)
    shapes, stds = [(width, 32), (width, width), (10, width)], [(2 / 32) ** 0.5, (2 / width) ** 0.5, base**-0.5]
    ours = [(std * torch.randn(shape)).requires_grad_() for shape, std in zip(shapes, stds, strict=True)]
    theirs = [weight.detach().clone().requires_grad_() for weight in ours]
    moments = [(torch.zeros_like(weight), torch.zeros_like(weight)) for weight in ours]
    rates = learning_rates(1e-3, width, base)
    reference = torch.optim.Adam([{"params": [w], "lr": rate} for w, rate in zip(theirs, rates, strict=True)])
    for step in range(1, 6):
        for weights in (ours, theirs):
            torch.nn.functional.cross_entropy(forward(x, weights, base), torch.arange(64) % 10).backward()
        adam_step(ours, moments, rates, step)
        reference.step()
        reference.zero_grad()
    worst = max((a - b).abs().max().item() for a, b in zip(ours, theirs, strict=True))
    print(f"largest difference from torch.optim.Adam after 5 steps: below 1e-5: {worst < 1e-5}")
