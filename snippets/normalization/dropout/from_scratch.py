"""Dropout, dropout of whole channels, and alpha dropout, without torch's layers.

Source: Hinton et al., "Improving neural networks by preventing co-adaptation of feature detectors", 2012;
Klambauer et al., "Self-Normalizing Neural Networks", 2017
"""

import torch
from torch import Tensor

SELU_FLOOR = -1.7580993408473766  # the value of SELU far below 0: -scale * alpha


def kept(x: Tensor, p: float, channels: bool) -> Tensor:
    """1 where a unit is kept, 0 where it is dropped; with ``channels`` one draw for each (sample, channel)."""
    shape = x.shape[:2] + (1,) * (x.dim() - 2) if channels else x.shape
    return torch.empty(shape, dtype=x.dtype, device=x.device).bernoulli_(1 - p)


def dropout(x: Tensor, p: float = 0.5, training: bool = True, channels: bool = False) -> Tensor:
    """Zeroes a share p of x, (batch, channel, *space), and divides the rest by 1 - p."""
    if not training or p == 0:
        return x
    return x * kept(x, p, channels) / (1 - p) if p < 1 else x * 0


def alpha_dropout(x: Tensor, p: float = 0.5, training: bool = True, channels: bool = False) -> Tensor:
    """Sets a share p of x to SELU's floor, then scales and shifts: mean 0 and variance 1 stay."""
    if not training or p == 0:
        return x
    if p == 1:
        return x * 0
    keep = kept(x, p, channels)
    scale = ((1 - p) * (1 + p * SELU_FLOOR**2)) ** -0.5
    return scale * (x * keep + SELU_FLOOR * (1 - keep)) - scale * p * SELU_FLOOR


if __name__ == "__main__":
    x = torch.randn(32, 8, 5, 5)
    pairs = [(dropout, torch.nn.Dropout), (alpha_dropout, torch.nn.AlphaDropout)]
    largest = 0.0
    for ours, layer in pairs:
        outputs = []
        for function in (lambda x, ours=ours: ours(x, 0.3), layer(0.3)):
            torch.manual_seed(0)
            outputs.append(function(x))
        largest = max(largest, (outputs[0] - outputs[1]).abs().max().item())
    print(f"differs from torch's layers by less than 1e-6 under the same seed: {largest < 1e-6}")
