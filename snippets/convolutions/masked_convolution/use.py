"""Masked convolutions of PixelCNN for images of one channel: each pixel is predicted from those before it.

Source: van den Oord et al., "Pixel Recurrent Neural Networks", 2016, sections 3.4 and 3.5
"""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class MaskedConv2d(nn.Conv2d):
    """Sees the rows above and the pixels to the left; kind "B" sees the pixel itself too.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        kernel_size: odd; the map keeps its size.
        kind: "A" for the first layer of a network, "B" for all others.

    Raises:
        ValueError: the kernel has no center, or nothing is left of it.
    """

    mask: Tensor

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, kind: Literal["A", "B"]) -> None:
        super().__init__(in_channels, out_channels, kernel_size, padding=kernel_size // 2)
        places = kernel_size**2 // 2 + (kind == "B")
        if kernel_size % 2 == 0 or places == 0:
            raise ValueError(f"kernel_size {kernel_size} with mask {kind}: take an odd one, and more than 1 for A")
        mask = torch.zeros(kernel_size**2)
        mask[:places] = 1
        self.register_buffer("mask", mask.view(kernel_size, kernel_size))
        with torch.no_grad():
            self.weight *= (kernel_size**2 / places) ** 0.5  # the initial size is for all places of the kernel

    def forward(self, input: Tensor) -> Tensor:
        """(batch, in_channels, height, width) in, (batch, out_channels, height, width) out."""
        return F.conv2d(input, self.weight * self.mask, self.bias, padding=self.padding)


def pixel_cnn(levels: int, channels: int = 32, layers: int = 5) -> nn.Sequential:
    """Logits (batch, levels, height, width) for the pixels of (batch, 1, height, width)."""
    model = nn.Sequential(MaskedConv2d(1, channels, 7, "A"), nn.ReLU())
    for _ in range(layers):
        model.extend([MaskedConv2d(channels, channels, 3, "B"), nn.ReLU()])
    return model.append(nn.Conv2d(channels, levels, 1))


@torch.no_grad()
def sample(model: nn.Module, count: int, levels: int, size: int) -> Tensor:
    """Images (count, 1, size, size) with values from 0 to 1, one forward pass for each pixel."""
    x = torch.zeros(count, 1, size, size)
    for row in range(size):
        for column in range(size):
            chances = model(x)[:, :, row, column].softmax(dim=1)
            x[:, 0, row, column] = chances.multinomial(1)[:, 0] / (levels - 1)
    return x


if __name__ == "__main__":
    torch.manual_seed(0)
    model = pixel_cnn(levels=4, channels=8, layers=2)
    x = sample(model, count=16, levels=4, size=8)
    loss = F.cross_entropy(model(x), (3 * x[:, 0]).round().long())  # all pixels of all images at once
    print(f"{tuple(x.shape)} -> {tuple(model(x).shape)}, a loss of {loss:.1f}; log 4 is 1.4")
