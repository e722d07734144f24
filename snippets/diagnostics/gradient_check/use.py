"""Compare gradients with measured slopes: of one function by torch's gradcheck, of a whole model along one direction.

Source: PyTorch documentation, torch.autograd.gradcheck; Stanford CS231n, course notes "Neural Networks Part 3".
"""

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn


def check_function(function: Callable[..., Tensor], *inputs: Tensor) -> bool:
    """Whether the gradient of a function is right at these inputs, in float64, for every number of every input.

    Args:
        function: such as ``MyFunction.apply``; must return the same for the same inputs.
        inputs: floating-point tensors of a few numbers each, away from kinks.
    """
    doubles = tuple(x.detach().double().clone().requires_grad_() for x in inputs)
    return torch.autograd.gradcheck(function, doubles, raise_exception=False)


def _copied(model: nn.Module) -> nn.Module:
    """Copy a model; results of a pass that it keeps, such as attention, which deepcopy refuses, as numbers."""
    kept = [v for m in model.modules() for v in vars(m).values()]
    results = [v for v in kept if torch.is_tensor(v) and not v.is_leaf]
    return copy.deepcopy(model, {id(v): v.detach().clone() for v in results})


def gradient_errors(
    model: nn.Module, loss_fn: Callable[[Any, Any], Tensor], inputs: Any, targets: Any, step: float = 1e-6
) -> dict[str, float]:
    """Relative error of each parameter's gradient along one random direction; costs two forward passes for each.

    Works on a copy in float64 and in eval mode. Below 1e-4 is right, above 1e-2 is wrong or many units lie exactly on a
    kink, between is a kink or a doubt.

    Args:
        model: floating-point inputs and targets are given to it in float64.
        loss_fn: takes outputs and targets, returns one number.
        inputs: a few samples.
        targets: their targets.
        step: how far each parameter is moved, as a norm.
    """
    own = _copied(model).double().eval()
    loss_fn = copy.deepcopy(loss_fn).double() if isinstance(loss_fn, nn.Module) else loss_fn  # it may hold weights
    x, y = (v.double() if isinstance(v, Tensor) and v.is_floating_point() else v for v in (inputs, targets))
    parameters = {name: p for name, p in own.named_parameters() if p.requires_grad}
    gradients = torch.autograd.grad(loss_fn(own(x), y), list(parameters.values()), allow_unused=True)
    numbers = torch.Generator().manual_seed(0)
    errors = {}
    with torch.no_grad():
        for (name, p), gradient in zip(parameters.items(), gradients, strict=True):
            direction = torch.randn(p.shape, generator=numbers, dtype=torch.float64, device="cpu").to(p.device)
            direction /= direction.norm()
            start, losses = p.clone(), []
            for sign in (1, -1):
                p.copy_(start + sign * step * direction)
                losses.append(loss_fn(own(x), y).item())
            p.copy_(start)
            measured = (losses[0] - losses[1]) / (2 * step)
            given = 0.0 if gradient is None else (gradient * direction).sum().item()
            size, rounding = abs(measured) + abs(given), 1e-14 * (1 + abs(losses[0])) / step
            errors[name] = abs(measured - given) / size if abs(measured - given) > rounding else 0.0
    return errors


if __name__ == "__main__":
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 3))
    x, y = torch.randn(4, 8), torch.randint(3, (4,))
    errors = gradient_errors(model, nn.functional.cross_entropy, x, y)
    print(f"largest error of {len(errors)} parameters below 1e-6: {max(errors.values()) < 1e-6}")

    class Wrong(torch.autograd.Function):
        """The sine, with a factor left out of its gradient."""

        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            """Return sin(2x)."""
            ctx.save_for_backward(x)
            return (2 * x).sin()

        @staticmethod
        def backward(ctx: Any, gradient: Tensor) -> Tensor:
            """Forget the factor 2."""
            (x,) = ctx.saved_tensors
            return gradient * (2 * x).cos()

    print("torch.sin:", check_function(torch.sin, torch.randn(5)))
    print("sin(2x) with a factor left out:", check_function(Wrong.apply, torch.randn(5)))
