"""A 1 x 1 convolution as one matrix product for each pixel, for maps of any number of dimensions.

Source: Lin et al., "Network In Network", 2013, section 3.1
"""

import torch
from torch import Tensor, nn


def pointwise_conv(x: Tensor, weight: Tensor, bias: Tensor | None = None, stride: int = 1) -> Tensor:
    """Multiply the channels of each pixel with one matrix.

    Args:
        x: (batch, channels, *space).
        weight: (outputs, channels), or the weight of a convolution, (outputs, channels, 1, ...).
        bias: (outputs,), or none.
        stride: only every such pixel of each axis is looked at.
    """
    x = x[(slice(None), slice(None), *[slice(None, None, stride)] * (x.dim() - 2))]
    y = torch.einsum("oc,bc...->bo...", weight.flatten(1), x)
    return y if bias is None else y + bias.view(-1, *[1] * (x.dim() - 2))


if __name__ == "__main__":
    torch.manual_seed(0)
    x, conv, linear = torch.randn(2, 6, 5, 7), nn.Conv2d(6, 4, 1), nn.Linear(6, 4)
    linear.load_state_dict({"weight": conv.weight.flatten(1), "bias": conv.bias})
    ours = pointwise_conv(x, conv.weight, conv.bias)
    by_linear = linear(x.movedim(1, -1)).movedim(-1, 1)  # nn.Linear wants the channels last
    for name, y in {"nn.Conv2d": conv(x), "nn.Linear, channels last": by_linear}.items():
        print(f"{name}: largest difference below 1e-5: {(ours - y).abs().max().item() < 1e-5}")
