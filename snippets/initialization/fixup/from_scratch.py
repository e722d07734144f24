"""Fixup's forward and backward pass for one residual block, without torch.nn.

Source: Zhang et al., "Fixup Initialization: Residual Learning Without Normalization", 2019.
"""

import torch
from torch import Tensor, nn


def fixup_weights(width: int, blocks: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """First weight: He's normal with fan-out, times blocks ** (-1/2); second weight: zero."""
    first = torch.randn(width, width, generator=generator) * (2 / width) ** 0.5 * blocks**-0.5
    return first, torch.zeros(width, width)


def forward(x: Tensor, w1: Tensor, w2: Tensor) -> tuple[Tensor, Tensor]:
    """Block with biases 0 and multiplier 1: (batch, width) -> output and the hidden activation."""
    hidden = (x @ w1.T).clamp(min=0)
    return (hidden @ w2.T + x).clamp(min=0), hidden


def backward(grad: Tensor, x: Tensor, hidden: Tensor, w1: Tensor, w2: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of x, w1 and w2 for a ``grad`` at the (positive) output."""
    grad_hidden = grad @ w2 * (hidden > 0)
    return grad + grad_hidden @ w1, grad_hidden.T @ x, grad.T @ hidden


if __name__ == "__main__":
    x = torch.rand(32, 64, generator=torch.Generator().manual_seed(0)) + 0.1  # (batch, width), positive
    w1, w2 = fixup_weights(64, 50, torch.Generator().manual_seed(1))
    layer1, layer2 = nn.Linear(64, 64, bias=False), nn.Linear(64, 64, bias=False)
    nn.init.kaiming_normal_(layer1.weight, mode="fan_out", generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        layer1.weight.mul_(50**-0.5)
        layer2.weight.zero_()
    y, hidden = forward(x, w1, w2)
    expected = torch.relu(layer2(torch.relu(layer1(x))) + x)
    expected.square().sum().backward()
    assert layer1.weight.grad is not None
    assert layer2.weight.grad is not None
    _, grad1, grad2 = backward(2 * y, x, hidden, w1, w2)
    pairs = [(w1, layer1.weight), (y, expected), (grad1, layer1.weight.grad), (grad2, layer2.weight.grad)]
    difference = max(((a - b).abs().max() / b.abs().max().clamp(min=1)).item() for a, b in pairs)
    print(f"largest relative difference below 1e-5: {difference < 1e-5}")
