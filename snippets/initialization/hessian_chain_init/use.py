"""Curvature at the start: the norm of the loss's Hessian in each weight matrix, and the variance to keep it.

Source: Skorski et al., "Revisiting Initialization of Neural Networks", 2020.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn


def hessian_variance(fan_in: int, activation: str = "relu", keep: float = 1.0) -> float:
    """Variance of the weights for which the forward and the backward signal keep their size in layers of equal width.

    Args:
        fan_in: inputs of one neuron.
        activation: ``"relu"``, or ``"smooth"`` for f(0) = 0, f'(0) = 1 on small inputs (tanh, linear).
        keep: probability that torch's (inverted) dropout keeps an input of the layer.

    Raises:
        ValueError: for another activation, or a ``keep`` outside (0, 1].
    """
    if activation not in ("relu", "smooth"):
        raise ValueError(f"activation must be 'relu' or 'smooth', got {activation!r}")
    if not 0 < keep <= 1:
        raise ValueError(f"keep must be in (0, 1], got {keep}")
    return (2.0 if activation == "relu" else 1.0) * keep / fan_in


def hessian_norms(
    model: nn.Module, loss: Callable[[Tensor, Tensor], Tensor], x: Tensor, y: Tensor, iterations: int = 30
) -> dict[str, float]:
    """Largest absolute eigenvalue of the Hessian block of each weight matrix, by power iteration.

    Args:
        model: the network; its mode is left as it is, so call ``model.eval()`` first if it has dropout.
        loss: maps outputs and ``y`` to a scalar.
        x: batch of inputs.
        y: targets.
        iterations: products with the Hessian for each weight; each costs up to two backward passes.
    """
    norms = {}
    for name, weight in model.named_parameters():
        if weight.dim() < 2:
            continue
        (gradient,) = torch.autograd.grad(loss(model(x), y), weight, create_graph=True)
        v = torch.arange(weight.numel(), dtype=weight.dtype, device=weight.device).square().sin().view_as(weight)
        norm = 0.0
        for _ in range(iterations):
            v = v / v.norm()
            (product,) = torch.autograd.grad(gradient, weight, grad_outputs=v, retain_graph=True)
            norm = product.norm().item()
            if norm == 0:
                break
            v = product
        norms[name] = norm
    return norms


if __name__ == "__main__":
    torch.manual_seed(0)
    x, y = torch.randn(64, 32), torch.randint(10, (64,))  # (batch, features)
    for gain in (0.5, 1.0, 2.0):
        layers: list[nn.Module] = []
        for _ in range(8):
            linear = nn.Linear(32, 32, bias=False)
            nn.init.normal_(linear.weight, std=gain * hessian_variance(32) ** 0.5)
            layers += [linear, nn.ReLU()]
        norms = hessian_norms(nn.Sequential(*layers, nn.Linear(32, 10)), nn.functional.cross_entropy, x, y)
        print(f"{gain:.1f} times the standard deviation: largest norm {max(norms.values()):.0e}")
