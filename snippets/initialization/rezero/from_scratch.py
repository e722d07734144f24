"""ReZero without autograd: forward and backward of a stack of x + alpha * relu(W x).

Source: Bachlechner et al., "ReZero is All You Need: Fast Convergence at Large Depth", 2020.
"""

import torch
from torch import Tensor


def forward(x: Tensor, weights: list[Tensor], alphas: list[Tensor]) -> list[Tensor]:
    """Inputs of every layer and the last output, each (batch, width)."""
    signals = [x]
    for weight, alpha in zip(weights, alphas, strict=True):
        signals.append(signals[-1] + alpha * torch.relu(signals[-1] @ weight.T))
    return signals


def backward(
    signals: list[Tensor], weights: list[Tensor], alphas: list[Tensor], gradient: Tensor
) -> tuple[Tensor, list[Tensor], list[Tensor]]:
    """Gradients of the input, the weights and the alphas from that of the output, (batch, width)."""
    of_weights, of_alphas = [], []
    for x, weight, alpha in zip(signals[-2::-1], weights[::-1], alphas[::-1], strict=True):
        z = x @ weight.T
        of_alphas.append((gradient * torch.relu(z)).sum())  # not zero, though alpha is
        through = alpha * gradient * (z > 0)  # zero as long as alpha is
        of_weights.append(through.T @ x)
        gradient = gradient + through @ weight  # the skip connection passes it on whole
    return gradient, of_weights[::-1], of_alphas[::-1]


if __name__ == "__main__":
    torch.manual_seed(0)
    x = torch.randn(16, 32, requires_grad=True)
    weights = [(torch.randn(32, 32) / 4).requires_grad_() for _ in range(10)]
    alphas = [(0.1 * torch.randn(())).requires_grad_() for _ in range(10)]
    signals = forward(x, weights, alphas)
    gradient = torch.randn(16, 32)
    expected = torch.autograd.grad(signals[-1], [x, *weights, *alphas], gradient)
    with torch.no_grad():
        of_x, of_weights, of_alphas = backward(signals, weights, alphas, gradient)
    found = [of_x, *of_weights, *of_alphas]
    worst = max(((f - e).abs().max() / e.abs().max()).item() for f, e in zip(found, expected, strict=True))
    print(f"largest relative difference from autograd {worst:.0e}")
