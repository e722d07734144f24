"""Convolution as a sum of shifted images, one for each place of the kernel.

Source: Dumoulin and Visin, "A guide to convolution arithmetic for deep learning", 2016, section 2
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def conv2d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
    groups: int = 1,
    mode: str = "constant",
) -> Tensor:
    """(batch, channels, height, width) in, (batch, outputs, height', width') out.

    Args:
        x: the images.
        weight: (outputs, channels / groups, kernel height, kernel width).
        bias: (outputs,), or none.
        stride: pixels from one output to the next.
        padding: pixels that are added at each side.
        dilation: pixels from one weight to the next; 1 leaves no gap.
        groups: into so many parts channels and outputs are cut; each part sees only its own.
        mode: of F.pad: "constant" (zeros), "reflect", "replicate" or "circular".
    """
    x = F.pad(x, (padding,) * 4, mode)
    kernel = weight.shape[2:]
    sizes = [(n - dilation * (k - 1) - 1) // stride + 1 for n, k in zip(x.shape[2:], kernel, strict=True)]
    x = x.unflatten(1, (groups, -1))  # (batch, groups, channels / groups, height, width)
    weight = weight.unflatten(0, (groups, -1))  # (groups, outputs / groups, channels / groups, *kernel)
    y = x.new_zeros(())
    for i in range(kernel[0]):
        for j in range(kernel[1]):
            starts = (i * dilation, j * dilation)
            rows, columns = (slice(a, a + stride * (n - 1) + 1, stride) for a, n in zip(starts, sizes, strict=True))
            y = y + torch.einsum("bgchw,goc->bgohw", x[..., rows, columns], weight[..., i, j])
    y = y.flatten(1, 2)  # (batch, outputs, height', width')
    return y if bias is None else y + bias[:, None, None]


if __name__ == "__main__":
    torch.manual_seed(0)
    x = torch.randn(2, 6, 11, 9, dtype=torch.float64)
    weight, bias = torch.randn(4, 3, 3, 2, dtype=torch.float64), torch.randn(4, dtype=torch.float64)
    ours, reference = (f(x, weight, bias, 2, 1, 2, 2) for f in (conv2d, F.conv2d))
    print(f"largest difference to torch.nn.functional.conv2d below 1e-12: {(ours - reference).abs().max() < 1e-12}")
