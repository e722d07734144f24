"""Error of a measured slope against the step, and what gradcheck says of right and wrong functions.

Source: Stanford CS231n, course notes "Neural Networks Part 3", section "Gradient checks".
"""

import csv
import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

STEPS = [10.0**-power for power in range(1, 13)]


def errors(x: Tensor, y: Tensor, dtype: torch.dtype, central: bool) -> list[float]:
    """Relative error of the slope along a random direction of the first layer, for each step."""
    torch.manual_seed(0)
    first = nn.Linear(64, 32)
    model = nn.Sequential(first, nn.Tanh(), nn.Linear(32, 10)).double()
    direction = torch.randn(32, 64, dtype=torch.float64)
    direction /= direction.norm()
    nn.functional.cross_entropy(model(x.double()), y).backward()
    assert first.weight.grad is not None
    exact = (first.weight.grad * direction).sum().item()
    model, x, direction = model.to(dtype), x.to(dtype), direction.to(dtype)
    start, found = first.weight.detach().clone(), []
    with torch.no_grad():

        def loss(change: float) -> float:
            """The loss with the weight moved by this much along the direction."""
            first.weight.copy_(start + change * direction)
            return nn.functional.cross_entropy(model(x), y).item()

        for step in STEPS:
            slope = (loss(step) - loss(-step)) / (2 * step) if central else (loss(step) - loss(0.0)) / step
            found.append(max(abs(slope - exact) / abs(exact), 1e-12))
    return found


def by_hand(backward: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """The function x -> x^3 with a backward pass written by hand."""

    class Cube(torch.autograd.Function):
        """x cubed."""

        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            """Return x^3."""
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        def backward(ctx: Any, gradient: Tensor) -> Tensor:
            """Return what is under test."""
            return backward(ctx.saved_tensors[0], gradient)

    return Cube.apply


FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "right": by_hand(lambda x, g: 3 * x**2 * g),
    "factor left out": by_hand(lambda x, g: x**2 * g),
    "sign turned": by_hand(lambda x, g: -3 * x**2 * g),
    "incoming gradient left out": by_hand(lambda x, g: 3 * x**2),
    "1% too large": by_hand(lambda x, g: 3.03 * x**2 * g),
}


def verdict(function: Callable[[Tensor], Tensor], dtype: torch.dtype) -> bool:
    """Whether gradcheck passes at five random numbers."""
    torch.manual_seed(0)
    x = torch.randn(5, dtype=torch.float64).to(dtype).requires_grad_()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # gradcheck warns of float32
        return torch.autograd.gradcheck(function, (x,), raise_exception=False)


if __name__ == "__main__":
    digits = load_digits()
    x = torch.tensor(digits.data[:64] / 16)
    y = torch.tensor(digits.target[:64])
    lines = {
        "float64, central": ("o-", errors(x, y, torch.float64, central=True)),
        "float64, one-sided": ("s--", errors(x, y, torch.float64, central=False)),
        "float32, central": ("^-.", errors(x, y, torch.float32, central=True)),
    }
    for label, (style, values) in lines.items():
        plt.plot(STEPS, values, style, label=label)
    plt.xscale("log")
    plt.yscale("log")
    plt.xlabel("step")
    plt.ylabel("relative error of the measured slope")
    plt.legend()
    plt.savefig("gradient-check.svg")
    verdicts = {
        name: [verdict(function, dtype) for dtype in (torch.float64, torch.float32)]
        for name, function in FUNCTIONS.items()
    }
    words = {True: "passes", False: "fails"}
    rows = [[name, *(words[passed] for passed in both)] for name, both in verdicts.items()]
    with Path("gradient-check.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["backward of x³", "gradcheck, float64", "gradcheck, float32"], *rows])
    results = {"steps": STEPS, "errors": {label: values for label, (_, values) in lines.items()}, "verdicts": verdicts}
    Path("gradient-check.json").write_text(json.dumps(results))
    print(f"smallest error with a step from 1e-6 to 1e-4: {min(lines['float64, central'][1][3:6]) < 1e-8}")
