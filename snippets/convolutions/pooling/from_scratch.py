"""Max, average and Lp pooling: the windows side by side, then one number for each.

Source: Dumoulin and Visin, "A guide to convolution arithmetic for deep learning", 2016, sections 1.2 and 3
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def windows(x: Tensor, kernel: int, stride: int, padding: int = 0, dilation: int = 1, fill: float = 0.0) -> Tensor:
    """(batch, channels, height, width) in, (kernel², batch, channels, height', width') out: one image for each place.

    Args:
        x: the images.
        kernel: height and width of the window.
        stride: pixels from one window to the next.
        padding: pixels that are added at each side.
        dilation: pixels from one place of the window to the next.
        fill: value of the padding.
    """
    x = F.pad(x, (padding,) * 4, value=fill)
    rows, columns = ((n - dilation * (kernel - 1) - 1) // stride + 1 for n in x.shape[2:])
    starts = range(0, kernel * dilation, dilation)
    return torch.stack(
        [
            x[..., i : i + stride * (rows - 1) + 1 : stride, j : j + stride * (columns - 1) + 1 : stride]
            for i in starts
            for j in starts
        ]
    )


def max_pool(x: Tensor, kernel: int, stride: int, padding: int = 0, dilation: int = 1) -> Tensor:
    """The largest value of each window; padding never wins. Of equal pixels, the first gets the gradient."""
    return windows(x, kernel, stride, padding, dilation, fill=-torch.inf).max(dim=0).values


def average_pool(x: Tensor, kernel: int, stride: int, padding: int = 0, count_padding: bool = True) -> Tensor:
    """The mean of each window, with the padding's zeros or (``count_padding=False``) of the image's pixels alone."""
    total = windows(x, kernel, stride, padding).sum(dim=0)
    pixels = windows(torch.ones_like(x), kernel, stride, padding, fill=float(count_padding)).sum(dim=0)
    return total / pixels


def lp_pool(x: Tensor, p: float, kernel: int, stride: int) -> Tensor:
    """The p-th root of the sum of p-th powers of each window."""
    return windows(x, kernel, stride).pow(p).sum(dim=0).pow(1 / p)


if __name__ == "__main__":
    torch.manual_seed(0)
    x = torch.rand(2, 3, 11, 9, dtype=torch.float64)
    pairs = [
        (max_pool(x, 3, 2, 1), F.max_pool2d(x, 3, 2, 1)),
        (average_pool(x, 3, 2, 1), F.avg_pool2d(x, 3, 2, 1)),
        (lp_pool(x, 2, 3, 2), F.lp_pool2d(x, 2, 3, 2)),
    ]
    worst = max((ours - torchs).abs().max().item() for ours, torchs in pairs)
    print(f"largest difference to torch's max, average and L2 pooling below 1e-12: {worst < 1e-12}")
