"""Weight normalization without torch's parametrization, and its gradients by hand.

Source: Arpit et al., "How to Initialize your Network? Robust Initialization for WeightNorm & ResNets", 2019.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm


def forward(x: Tensor, v: Tensor, g: Tensor) -> Tensor:
    """relu(x W^T), W = g * v / |v| for each row: (batch, fan_in) -> (batch, fan_out)."""
    return (x @ (g * v / v.norm(dim=1, keepdim=True)).T).clamp(min=0)


def backward(grad: Tensor, x: Tensor, v: Tensor, g: Tensor) -> tuple[Tensor, Tensor]:
    """Gradients of v and g: the radial part of the weight's gradient goes to g, the rest to v."""
    length = v.norm(dim=1, keepdim=True)
    unit = v / length
    grad_w = (grad * (forward(x, v, g) > 0)).T @ x  # (fan_out, fan_in)
    radial = (grad_w * unit).sum(1, keepdim=True)
    return g / length * (grad_w - radial * unit), radial


if __name__ == "__main__":
    torch.manual_seed(0)
    x = torch.randn(64, 32)
    layer = nn.Linear(32, 48, bias=False)
    weight_norm(layer)
    g, v = (layer.get_parameter(f"parametrizations.weight.original{i}") for i in (0, 1))
    nn.init.constant_(g, math.sqrt(2 * 32 / 48))
    expected = torch.relu(layer(x))
    grad_g, grad_v = torch.autograd.grad(expected.square().sum(), (g, v))
    with torch.no_grad():
        y = forward(x, v, g)
        pairs = [(y, expected), *zip(backward(2 * y, x, v, g), (grad_v, grad_g), strict=True)]
        difference = max(((a - b).abs().max() / b.abs().max()).item() for a, b in pairs)
        ratio = y.norm() / x.norm()
    print(f"largest relative difference below 1e-5: {difference < 1e-5}")
    print(f"norm of the output over that of the input: {ratio:.1f}")
