"""Which units of a layer are dead over a box of inputs, for certain: no data can show more than it holds.

Source: Lu et al., "Dying ReLU and Initialization: Theory and Numerical Examples", 2019, section 1.
"""

import torch
from torch import Tensor


def largest_sum(weight: Tensor, bias: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """The largest value that each unit can reach before its ReLU, over all inputs between low and high.

    Args:
        weight: (units, inputs).
        bias: (units,).
        low: smallest value of each input, (inputs,).
        high: largest value of each input, (inputs,).
    """
    return weight.clamp(min=0) @ high + weight.clamp(max=0) @ low + bias


def certainly_dead(weight: Tensor, bias: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """True for each unit that no input between low and high can switch on.

    Args:
        weight: (units, inputs).
        bias: (units,).
        low: smallest value of each input, (inputs,).
        high: largest value of each input, (inputs,).
    """
    return largest_sum(weight, bias, low, high) <= 0


if __name__ == "__main__":
    torch.manual_seed(0)
    layer = torch.nn.Linear(64, 64)
    torch.nn.init.normal_(layer.bias, mean=-2.0)
    x = torch.rand(5000, 64)
    seen_dead = (layer(x) <= 0).all(dim=0)
    certain = certainly_dead(layer.weight, layer.bias, torch.zeros(64), torch.ones(64))
    print(f"dead of 64 units, for 5,000 inputs: {int(seen_dead.sum())}; for all from 0 to 1: {int(certain.sum())}")
    print(f"every unit that is certainly dead was seen dead: {bool(seen_dead[certain].all())}")
