"""Two checks before training a deep ReLU network: the mean length of its activations, and the spread of that length.

Source: Hanin and Rolnick, "How to Start Training: The Effect of Initialization and Architecture", 2018.
"""

import math
from collections.abc import Sequence

import torch
from torch import nn


def start_training_init(model: nn.Module) -> nn.Module:
    """First condition: symmetric weights with variance 2 / fan_in, biases zero, in place."""
    for module in model.modules():
        if isinstance(module, nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d):
            nn.init.kaiming_normal_(module.weight, mode="fan_in", nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return model


def mean_length_ratio(widths: Sequence[int], variances: Sequence[float]) -> float:
    """Expected mean squared activation after the last ReLU, relative to that of the input.

    Args:
        widths: input width, then the width of every layer.
        variances: variance of the weights of each layer, one fewer than ``widths``.

    Raises:
        ValueError: unless there is one variance for each layer.
    """
    fans = list(widths[:-1])
    if len(fans) != len(variances):
        raise ValueError(f"{len(fans)} layers but {len(variances)} variances")
    return math.prod(n * v / 2 for n, v in zip(fans, variances, strict=True))


def length_second_moment(hidden_widths: Sequence[int]) -> float:
    """Second condition: E[M^2] / E[M]^2 over random networks with normal weights of variance 2 / fan_in.

    M is the mean squared activation after the last hidden layer. The value is the product of 1 + 5 / width,
    about exp(5 * sum of 1 / width). At 1 all draws have the same length; at 100 a few huge draws hold most of the mean.

    Raises:
        ValueError: for no hidden layer, or a width below 1.
    """
    if not hidden_widths or min(hidden_widths) < 1:
        raise ValueError("need at least one hidden layer, each of width 1 or more")
    return math.prod(1 + 5 / n for n in hidden_widths)


def residual_scales(blocks: int, decay: float = 0.9) -> list[float]:
    """Factors eta_l = decay ** l for the residual branches, l = 1 to ``blocks``; bounded in sum for any depth.

    Raises:
        ValueError: for a ``decay`` outside (0, 1).
    """
    if not 0 < decay < 1:
        raise ValueError(f"decay must be in (0, 1), got {decay}")
    return [decay**block for block in range(1, blocks + 1)]


if __name__ == "__main__":
    torch.manual_seed(0)
    widths = [100] * 31
    for name, variance in (("2 / fan_in", 2 / 100), ("Xavier", 1 / 100), ("nn.Linear's default", 1 / 300)):
        print(f"{name}: mean length times {mean_length_ratio(widths, [variance] * 30):.0e} over 30 layers")
    for width in (100, 10):
        print(f"30 layers of width {width}: E[M^2] / E[M]^2 = {length_second_moment([width] * 30):.1f}")
