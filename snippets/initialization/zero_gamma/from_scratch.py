"""What a zero scale does to the forward and backward pass of a residual branch, without torch.nn.

Source: Goyal et al., "Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour", 2017.
"""

import torch
from torch import Tensor, nn


def branch(x: Tensor, w: Tensor, gamma: Tensor, beta: Tensor, eps: float = 1e-5) -> tuple[Tensor, Tensor, Tensor]:
    """x + gamma * normalized(x w^T) + beta over a batch: output, the normalized values, the deviation."""
    z = x @ w.T  # (batch, features)
    deviation = (z.var(0, unbiased=False) + eps).sqrt()
    normalized = (z - z.mean(0)) / deviation
    return x + gamma * normalized + beta, normalized, deviation


def backward(
    grad: Tensor, x: Tensor, w: Tensor, gamma: Tensor, normalized: Tensor, deviation: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Gradients of x, w, gamma, beta. Everything below the scale carries the factor gamma."""
    g = gamma * grad
    grad_z = (g - g.mean(0) - normalized * (g * normalized).mean(0)) / deviation
    return grad + grad_z @ w, grad_z.T @ x, (grad * normalized).sum(0), grad.sum(0)


if __name__ == "__main__":
    torch.manual_seed(0)
    x = torch.randn(64, 16, requires_grad=True)  # (batch, features)
    layer, norm, target = nn.Linear(16, 16, bias=False), nn.BatchNorm1d(16), torch.randn(64, 16)
    nn.init.zeros_(norm.weight)
    expected = x + norm(layer(x))
    parameters = [x, layer.weight, norm.weight, norm.bias]
    grads = torch.autograd.grad((expected - target).square().sum(), parameters)
    with torch.no_grad():
        y, normalized, deviation = branch(x, layer.weight, norm.weight, norm.bias)
        ours = backward(2 * (y - target), x, layer.weight, norm.weight, normalized, deviation)
        difference = max(
            ((a - b).abs().max() / b.abs().max().clamp(min=1)).item() for a, b in zip(ours, grads, strict=True)
        )
    print(f"gradient of the weight below a zero scale: {grads[1].abs().max():.0e}")
    print(f"gradient of the zero scale itself is non-zero: {bool(grads[2].abs().min() > 0)}")
    print(f"largest relative difference below 1e-5: {difference < 1e-5}")
