"""Dilated convolution as an ordinary one on d × d interleaved images, which never meet.

Source: Yu and Koltun, "Multi-Scale Context Aggregation by Dilated Convolutions", 2015, section 2
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def dilated_conv2d(x: Tensor, weight: Tensor, bias: Tensor | None = None, dilation: int = 1, groups: int = 1) -> Tensor:
    """(batch, channels, height, width) in, (batch, outputs, height, width) out.

    Args:
        x: the images.
        weight: (outputs, channels / groups, kernel height, kernel width), with odd kernels.
        bias: (outputs,), or none.
        dilation: pixels from one weight to the next.
        groups: into so many parts channels and outputs are cut.
    """
    batch, _, height, width = x.shape
    d = dilation
    x = F.pad(x, (0, -width % d, 0, -height % d))  # up to multiples of d; zeros stand beside the image anyway
    x = x.unflatten(3, (-1, d)).unflatten(2, (-1, d))  # (batch, channels, rows, d, columns, d)
    phases = x.permute(0, 3, 5, 1, 2, 4).flatten(0, 2)  # (batch * d * d, channels, rows, columns)
    middle = [k // 2 for k in weight.shape[2:]]
    y = F.conv2d(phases, weight, bias, padding=middle, groups=groups)  # neighbours here are d pixels apart there
    y = y.unflatten(0, (batch, d, d)).permute(0, 3, 4, 1, 5, 2)  # (batch, outputs, rows, d, columns, d)
    return y.flatten(4, 5).flatten(2, 3)[..., :height, :width]


if __name__ == "__main__":
    torch.manual_seed(0)
    x = torch.randn(2, 4, 11, 9, dtype=torch.float64)
    weight, bias = torch.randn(6, 4, 3, 5, dtype=torch.float64), torch.randn(6, dtype=torch.float64)
    reference = F.conv2d(x, weight, bias, padding=(3, 6), dilation=3)
    difference = (dilated_conv2d(x, weight, bias, dilation=3) - reference).abs().max()
    print(f"largest difference to torch.nn.functional.conv2d below 1e-12: {difference < 1e-12}")
