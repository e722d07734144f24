"""A gated convolution as two convolutions, and as torch's gated linear unit.

Source: Yu et al., "Free-Form Image Inpainting with Gated Convolution", 2018, equations 3 and 4
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def gated_conv2d(
    x: Tensor, feature: Tensor, gate: Tensor, biases: tuple[Tensor, Tensor], stride: int = 1, padding: int = 0
) -> Tensor:
    """(batch, channels, height, width) in, (batch, outputs, rows, columns) out; without an activation.

    Args:
        x: the input.
        feature: (outputs, channels, k, k), the kernel of what is passed on.
        gate: (outputs, channels, k, k), the kernel of how much of it.
        biases: (outputs,) of both.
        stride: pixels from one output to the next.
        padding: zeros beside the image.
    """
    passed = F.conv2d(x, feature, biases[0], stride, padding)
    share = 1 / (1 + torch.exp(-F.conv2d(x, gate, biases[1], stride, padding)))
    return passed * share


if __name__ == "__main__":
    torch.manual_seed(0)
    x = torch.randn(2, 3, 9, 8, dtype=torch.float64)
    feature, gate = torch.randn(2, 4, 3, 3, 3, dtype=torch.float64)
    biases = torch.randn(2, 4, dtype=torch.float64)
    y = gated_conv2d(x, feature, gate, (biases[0], biases[1]), padding=1)
    both = F.conv2d(x, torch.cat([feature, gate]), biases.flatten(), padding=1)
    print(f"largest difference to glu of one convolution below 1e-12: {(y - F.glu(both, dim=1)).abs().max() < 1e-12}")
