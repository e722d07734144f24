"""The gain of any activation, measured: 1/sqrt(E[f(z)^2]) for a unit normal z.

Source: the second-moment condition of He et al., "Delving Deep into Rectifiers", 2015, section 2.2, for any f.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn


def measured_gain(f: Callable[[Tensor], Tensor], points: int = 200_001, limit: float = 12.0) -> float:
    """Gain that keeps the second moment of unit-normal pre-activations: g^2 E[f(z)^2] = 1.

    Args:
        f: elementwise activation.
        points: points of the trapezoidal rule on [-limit, limit].
        limit: where the normal density is cut off; at 12 less than exp(-72) is left outside.
    """
    z = torch.linspace(-limit, limit, points)
    density = torch.exp(-z.square() / 2) / math.sqrt(2 * math.pi)
    return 1 / math.sqrt(torch.trapezoid(f(z).square() * density, z).item())


def closed_form_gain(nonlinearity: str, slope: float = 0.01) -> float:
    """torch's gain of linear, sigmoid, tanh, relu and selu; of leaky_relu for every other name."""
    table = {"linear": 1.0, "sigmoid": 1.0, "tanh": 5 / 3, "relu": math.sqrt(2), "selu": 3 / 4}
    return table.get(nonlinearity) or math.sqrt(2 / (1 + slope**2))


if __name__ == "__main__":
    names = ("linear", "sigmoid", "tanh", "relu", "leaky_relu", "selu")
    table = max(abs(closed_form_gain(n) - nn.init.calculate_gain(n)) for n in names)  # type: ignore[arg-type]
    print(f"largest difference of the table from torch {table:.0e}")
    derived = {"linear": lambda z: z, "relu": torch.relu, "leaky_relu": nn.functional.leaky_relu}
    worst = max(abs(measured_gain(f) - closed_form_gain(name)) for name, f in derived.items())
    print(f"measured linear, relu, leaky_relu agree to 1e-4: {worst < 1e-4}")
    print(f"measured tanh {measured_gain(torch.tanh):.3f}, torch 1.667: a convention")
    print(f"measured selu {measured_gain(nn.functional.selu):.3f}, torch 0.750: a convention")
    print(f"torch has none for GELU: measured {measured_gain(nn.functional.gelu):.3f}")
