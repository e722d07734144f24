"""Initialization for weight-normalized ReLU networks, plain and residual: the length g of each weight vector.

Source: Arpit et al., "How to Initialize your Network? Robust Initialization for WeightNorm & ResNets", 2019.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm


def weight_norm_gain(fan_in: int, fan_out: int, gain: float = 2.0) -> float:
    """Length ``sqrt(gain * fan_in / fan_out)`` of each weight vector, for which a layer keeps the norm of its input.

    Args:
        fan_in: inputs of one neuron; channels times kernel size for a convolution.
        fan_out: number of neurons, times kernel size for a convolution.
        gain: 2 before a ReLU, 1 before none, 1 / blocks for the last layer of a residual branch.

    Raises:
        ValueError: if an argument is not positive.
    """
    if min(fan_in, fan_out, gain) <= 0:
        raise ValueError(f"need positive arguments, got {fan_in}, {fan_out}, {gain}")
    return math.sqrt(gain * fan_in / fan_out)


def weight_normed(layer: nn.Linear | nn.Conv2d, gain: float = 2.0) -> nn.Linear | nn.Conv2d:
    """Initialize ``layer``, put weight normalization on it and set g; bias zero. Returns the layer."""
    field = layer.weight[0, 0].numel()
    fan_in, fan_out = layer.weight.shape[1] * field, layer.weight.shape[0] * field
    nn.init.orthogonal_(layer.weight)  # only the direction of each row counts
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    weight_norm(layer)
    nn.init.constant_(layer.get_parameter("parametrizations.weight.original0"), weight_norm_gain(fan_in, fan_out, gain))
    return layer


class WeightNormBlock(nn.Module):
    """Residual block x + W2 relu(W1 x) with weight normalization.

    Args:
        width: features of input and output.
        blocks: residual blocks of this width in the network; the branch starts with a gain of 1 / blocks.

    Shape:
        (batch, width) -> (batch, width)
    """

    def __init__(self, width: int, blocks: int) -> None:
        super().__init__()
        self.layer1 = weight_normed(nn.Linear(width, width), gain=2.0)
        self.layer2 = weight_normed(nn.Linear(width, width), gain=1 / blocks)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layer2(torch.relu(self.layer1(x)))


if __name__ == "__main__":
    torch.manual_seed(0)
    x = torch.randn(256, 128)  # (batch, features)
    plain = nn.Sequential(*(nn.Sequential(weight_normed(nn.Linear(128, 128)), nn.ReLU()) for _ in range(100)))
    default = nn.Sequential(
        *(nn.Sequential(weight_norm(nn.Linear(128, 128, bias=False)), nn.ReLU()) for _ in range(30))
    )
    residual = nn.Sequential(*(WeightNormBlock(128, blocks=50) for _ in range(50)))
    print(f"g of a layer 256 -> 64: {weight_norm_gain(256, 64):.2f}")
    for name, model in (("100 plain layers", plain), ("50 residual blocks", residual)):
        print(f"{name}: norm times {(model(x).norm() / x.norm()):.1f}")
    print(f"30 plain layers, torch's default g: norm times {(default(x).norm() / x.norm()):.0e}")
