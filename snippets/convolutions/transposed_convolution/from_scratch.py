"""Transposed convolution as painting: each input pixel adds its multiple of the kernel to the output.

Source: Dumoulin and Visin, "A guide to convolution arithmetic for deep learning", 2016, section 4
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def conv_transpose2d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int = 1,
    padding: int = 0,
    output_padding: int = 0,
    groups: int = 1,
    dilation: int = 1,
) -> Tensor:
    """(batch, channels, height, width) in, (batch, outputs, height', width') out.

    Args:
        x: the maps.
        weight: (channels, outputs / groups, kernel height, kernel width).
        bias: (outputs,), or none.
        stride: pixels of the output from one input pixel to the next.
        padding: pixels that are cut off at each side.
        output_padding: rows and columns that are added at the bottom and the right.
        groups: into so many parts channels and outputs are cut.
        dilation: pixels from one weight to the next.
    """
    kernel = weight.shape[2:]
    x = x.unflatten(1, (groups, -1))  # (batch, groups, channels / groups, height, width)
    weight = weight.unflatten(0, (groups, -1))  # (groups, channels / groups, outputs / groups, *kernel)
    places = [(n - 1) * stride + 1 for n in x.shape[3:]]  # from the first input pixel to the last
    canvas = [n + dilation * (k - 1) + output_padding for n, k in zip(places, kernel, strict=True)]
    y = x.new_zeros(len(x), groups, weight.size(2), *canvas)
    for i in range(kernel[0]):
        for j in range(kernel[1]):
            rows, columns = (slice(a * dilation, a * dilation + n, stride) for a, n in zip((i, j), places, strict=True))
            y[..., rows, columns] += torch.einsum("bgchw,gco->bgohw", x, weight[..., i, j])
    y = y.flatten(1, 2)[..., padding : canvas[0] - padding, padding : canvas[1] - padding]
    return y if bias is None else y + bias[:, None, None]


if __name__ == "__main__":
    torch.manual_seed(0)
    x = torch.randn(2, 6, 5, 4, dtype=torch.float64)
    weight, bias = torch.randn(6, 2, 3, 4, dtype=torch.float64), torch.randn(4, dtype=torch.float64)
    ours, reference = (f(x, weight, bias, 2, 1, 1, 2) for f in (conv_transpose2d, F.conv_transpose2d))
    print(f"largest difference to torch's conv_transpose2d below 1e-12: {(ours - reference).abs().max() < 1e-12}")
