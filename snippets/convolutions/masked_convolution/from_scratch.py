"""A masked convolution as a sum over the places of the kernel that come before the pixel.

Source: van den Oord et al., "Pixel Recurrent Neural Networks", 2016, section 3.4
"""

import torch
from torch import Tensor
from torch.nn import functional as F


def masked_conv2d(x: Tensor, weight: Tensor, with_center: bool) -> Tensor:
    """Rows above and pixels to the left, and the pixel itself where ``with_center`` (mask B).

    Args:
        x: (batch, channels, height, width).
        weight: (outputs, channels, k, k) with odd k; places after the center are never read.
        with_center: whether an output sees its own pixel.
    """
    size, (height, width) = weight.shape[2], x.shape[2:]
    reach = size // 2
    padded = F.pad(x, [reach] * 4)
    y = x.new_zeros(x.shape[0], weight.shape[0], height, width)
    for place in range(size**2 // 2 + with_center):  # in the order of reading
        i, j = divmod(place, size)
        y = y + torch.einsum("oc,bchw->bohw", weight[:, :, i, j], padded[:, :, i : i + height, j : j + width])
    return y


if __name__ == "__main__":
    torch.manual_seed(0)
    x, weight = torch.randn(2, 3, 6, 7), torch.randn(4, 3, 5, 5)
    for kind, with_center in {"A": False, "B": True}.items():
        mask = torch.zeros(25)
        mask[: 12 + with_center] = 1
        reference = F.conv2d(x, weight * mask.view(5, 5), padding=2)
        difference = (masked_conv2d(x, weight, with_center) - reference).abs().max().item()
        print(f"mask {kind}: largest difference to torch below 1e-5: {difference < 1e-5}")
