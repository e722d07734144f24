"""Partial convolution, window by window.

Source: Liu et al., "Image Inpainting for Irregular Holes Using Partial Convolutions", 2018, equations 1 and 2
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def partial_conv2d(
    x: Tensor, mask: Tensor, weight: Tensor, bias: Tensor | None = None, stride: int = 1, padding: int = 0
) -> tuple[Tensor, Tensor]:
    """The output (batch, outputs, rows, columns), and its mask (batch, 1, rows, columns).

    Args:
        x: (batch, channels, height, width), finite.
        mask: (batch, 1, height, width), 1 where x is valid and 0 in holes.
        weight: (outputs, channels, k, k).
        bias: (outputs,), or none.
        stride: pixels from one window to the next.
        padding: pixels beside the image, which are holes, too.
    """
    k = weight.shape[-1]
    size = [(n + 2 * padding - k) // stride + 1 for n in x.shape[2:]]
    windows = F.unfold(x * mask, k, padding=padding, stride=stride)  # (batch, channels * k * k, windows)
    seen = F.unfold(mask, k, padding=padding, stride=stride).sum(dim=1, keepdim=True)  # valid pixels of each window
    y = weight.flatten(1) @ windows * (k * k / seen.clamp(min=1))
    if bias is not None:
        y = y + bias[:, None]
    reached = (seen > 0).to(x.dtype)
    return (y * reached).unflatten(2, size), reached.unflatten(2, size)


if __name__ == "__main__":
    torch.manual_seed(0)
    x, weight, bias = torch.randn(2, 3, 9, 8), torch.randn(4, 3, 3, 3), torch.randn(4)
    y, reached = partial_conv2d(x, torch.ones(2, 1, 9, 8), weight, bias, padding=1)
    difference = (y - F.conv2d(x, weight, bias, padding=1))[..., 1:-1, 1:-1].abs().max().item()
    print(f"without holes, largest difference to conv2d away from the border below 1e-5: {difference < 1e-5}")
    mask = (torch.rand(2, 1, 9, 8) > 0.8).float()
    _, reached = partial_conv2d(x, mask, weight, bias, padding=1)
    print(f"the new mask is the maximum of the old one: {torch.equal(reached, F.max_pool2d(mask, 3, 1, 1))}")
