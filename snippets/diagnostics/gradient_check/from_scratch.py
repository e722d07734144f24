"""The gradient of a function from its values alone, by central differences, and the relative error of another one.

Source: Stanford CS231n, course notes "Neural Networks Part 3", section "Gradient checks".
"""

from collections.abc import Callable

import torch
from torch import Tensor


def numerical_gradient(function: Callable[[Tensor], Tensor], x: Tensor, step: float = 1e-6) -> Tensor:
    """Slope of the function in each number of x, from two values of the function for each.

    Args:
        function: returns one number.
        x: where the slope is measured, in float64; not changed.
        step: how far each number is moved to both sides.
    """
    gradient = torch.empty_like(x, memory_format=torch.contiguous_format).flatten()
    with torch.no_grad():
        for place in range(x.numel()):
            change = torch.zeros(x.numel(), dtype=x.dtype, device=x.device)
            change[place] = step
            change = change.view(x.shape)
            gradient[place] = (function(x + change) - function(x - change)) / (2 * step)
    return gradient.view(x.shape)


def relative_error(a: Tensor, b: Tensor) -> float:
    """Norm of the difference over the sum of the norms: 0 for equal ones, 1 for opposite ones.

    Args:
        a: a gradient.
        b: another one; where both are 0 the error is 0.
    """
    size = a.norm() + b.norm()
    return float((a - b).norm() / size) if size > 0 else 0.0


if __name__ == "__main__":
    torch.manual_seed(0)
    x = torch.randn(4, 5, dtype=torch.float64, requires_grad=True)

    def squares(x: Tensor) -> Tensor:
        """Sum of the squares of a softmax."""
        return x.softmax(dim=1).square().sum()

    def tanhs(x: Tensor) -> Tensor:
        """Sum of tanh."""
        return x.tanh().sum()

    for function in (tanhs, squares):
        (given,) = torch.autograd.grad(function(x), x)
        error = relative_error(given, numerical_gradient(function, x.detach()))
        print(f"{function.__name__}: relative error of autograd below 1e-8: {error < 1e-8}")
