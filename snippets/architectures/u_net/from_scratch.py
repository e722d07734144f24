"""U-Net of the paper: 23 convolutions, without padding and without normalization.

Source: Ronneberger et al., "U-Net: Convolutional Networks for Biomedical Image Segmentation", 2015, section 2, figure 1
"""

import torch
from torch import Tensor, nn


class TwoConvs(nn.Sequential):
    """Two 3×3 convolutions, each with a ReLU; without padding an image loses two pixels at each of its four sides."""

    def __init__(self, channels: int, width: int, padding: int) -> None:
        first = nn.Conv2d(channels, width, 3, padding=padding)
        second = nn.Conv2d(width, width, 3, padding=padding)
        super().__init__(first, nn.ReLU(inplace=True), second, nn.ReLU(inplace=True))


class UNet(nn.Module):
    """Scores of each pixel: down to see far, up again to the image's resolution, with skips between equal sizes.

    Args:
        channels: of the image.
        classes: labels that a pixel can have.
        width: channels of the first level; each level below has twice as many.
        depth: how often the image is halved.
        padding: 0 as in the paper, or 1, with which the output is as large as the image.
    """

    def __init__(self, channels: int = 1, classes: int = 2, width: int = 64, depth: int = 4, padding: int = 0) -> None:
        super().__init__()
        widths = [width * 2**level for level in range(depth)]
        self.down = nn.ModuleList(TwoConvs(a, b, padding) for a, b in zip([channels, *widths], widths, strict=False))
        self.pool = nn.ModuleList(nn.MaxPool2d(2) for _ in widths)
        self.bottom = TwoConvs(widths[-1], 2 * widths[-1], padding)
        self.up = nn.ModuleList(nn.ConvTranspose2d(2 * w, w, 2, stride=2) for w in widths[::-1])
        self.merge = nn.ModuleList(TwoConvs(2 * w, w, padding) for w in widths[::-1])
        self.head = nn.Conv2d(width, classes, 1)
        self.crops = [0 if padding else 12 * 2**k - 8 for k in range(depth)]  # what the levels below lost at each side

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, (batch, classes, height, width) out; by default 92 less at each side."""
        skips = []
        for block, pool in zip(self.down, self.pool, strict=True):
            x = block(x)
            skips.append(x)
            x = pool(x)
        x = self.bottom(x)
        for up, merge, crop in zip(self.up, self.merge, self.crops, strict=True):
            skip = skips.pop()
            if crop:
                skip = skip[:, :, crop:-crop, crop:-crop]
            x = merge(torch.cat([skip, up(x)], dim=1))
        return self.head(x)


if __name__ == "__main__":
    with torch.device("meta"):
        model = UNet()
    print(f"parameters: {sum(p.numel() for p in model.parameters()):,}")
    print(f"572 pixels in, {model(torch.empty(1, 1, 572, 572, device='meta')).shape[-1]} out")
