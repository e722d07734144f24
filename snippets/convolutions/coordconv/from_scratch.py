"""CoordConv as an ordinary convolution plus one fixed map for each output channel, a plane away from the border.

Source: Liu et al., "An Intriguing Failing of Convolutional Neural Networks and the CoordConv Solution", 2018, section 3
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def coord_conv2d(x: Tensor, weight: Tensor, bias: Tensor | None = None, stride: int = 1, padding: int = 0) -> Tensor:
    """(batch, channels, height, width) in, (batch, outputs, rows, columns) out.

    Args:
        x: the input, of at least two rows and two columns.
        weight: (outputs, channels + 2, k, k); the last two channels are for the row and the column.
        bias: (outputs,), or none.
        stride: pixels from one output to the next.
        padding: zeros beside the input and its coordinates.
    """
    height, width = x.shape[2:]
    rows = torch.arange(height, dtype=x.dtype).mul(2 / (height - 1)).sub(1)
    columns = torch.arange(width, dtype=x.dtype).mul(2 / (width - 1)).sub(1)
    where = torch.stack(torch.meshgrid(rows, columns, indexing="ij"))[None]  # (1, 2, height, width)
    what = F.conv2d(x, weight[:, :-2], bias, stride, padding)
    return what + F.conv2d(where, weight[:, -2:], None, stride, padding)  # the same map for each image


if __name__ == "__main__":
    torch.manual_seed(0)
    x, weight = torch.randn(2, 3, 9, 12, dtype=torch.float64), torch.randn(4, 5, 3, 3, dtype=torch.float64)
    y = coord_conv2d(x, weight, padding=1)
    rows, columns = (torch.linspace(-1, 1, n, dtype=torch.float64) for n in (9, 12))
    where = [rows[:, None].expand(2, 1, 9, 12), columns.expand(2, 1, 9, 12)]
    reference = F.conv2d(torch.cat([x, *where], dim=1), weight, padding=1)
    print(f"largest difference to one convolution of all channels below 1e-12: {(y - reference).abs().max() < 1e-12}")
    shift = (y - F.conv2d(x, weight[:, :3], padding=1))[0, :, 1:-1, 1:-1]
    print(f"away from the border it adds a plane: {shift.diff(n=2, dim=1).abs().max() < 1e-12}")
