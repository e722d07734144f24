"""Atrous spatial pyramid pooling as in DeepLabv3, with the names of torchvision's weights; separable, if wanted.

Source: Chen et al., "Rethinking Atrous Convolution for Semantic Image Segmentation", 2017, section 3.3;
Chen et al., "Encoder-Decoder with Atrous Separable Convolution for Semantic Image Segmentation", 2018
"""

import torch
from torch import Tensor, nn


def rates_for(output_stride: int) -> tuple[int, ...]:
    """Rates that reach as far in the image as 6, 12, 18 do on maps of a sixteenth of its size.

    Args:
        output_stride: size of the image divided by the size of the map: 8, 16 or 32.
    """
    return tuple(rate * 16 // output_stride for rate in (6, 12, 18))


def branch(channels: int, outputs: int, rate: int = 0, separable: bool = False) -> nn.Sequential:
    """3 × 3 convolution with this rate, or 1 × 1 where the rate is 0; normalization; ReLU."""
    conv: nn.Module = nn.Conv2d(channels, outputs, 1, bias=False)
    if rate and separable:
        conv = nn.Sequential(nn.Conv2d(channels, channels, 3, 1, rate, rate, channels, bias=False), conv)
    elif rate:
        conv = nn.Conv2d(channels, outputs, 3, padding=rate, dilation=rate, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.ReLU())


class ASPP(nn.Module):
    """Looks at a map at several rates and as a whole, and joins what was seen by a 1 × 1 convolution.

    Args:
        channels: of the map.
        outputs: channels of each branch and of the result.
        rates: dilations of the 3 × 3 branches; see ``rates_for``.
        separable: the 3 × 3 branches work channel by channel, then 1 × 1; DeepLabv3+ normalizes in between.
        dropout: share of the outputs that is set to 0 in training.
    """

    def __init__(
        self,
        channels: int,
        outputs: int = 256,
        rates: tuple[int, ...] = (6, 12, 18),
        separable: bool = False,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        whole = nn.Sequential(nn.AdaptiveAvgPool2d(1), *branch(channels, outputs))
        parts = [branch(channels, outputs, rate, separable) for rate in (0, *rates)]
        self.convs = nn.ModuleList([*parts, whole])
        self.project = nn.Sequential(*branch(len(self.convs) * outputs, outputs), nn.Dropout(dropout))

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, (batch, outputs, height, width) out."""
        seen = [conv(x).expand(-1, -1, *x.shape[2:]) for conv in self.convs]  # the whole map's mean goes to each place
        return self.project(torch.cat(seen, dim=1))


if __name__ == "__main__":
    torch.manual_seed(0)
    print(f"rates for output strides 32, 16, 8: {[rates_for(stride) for stride in (32, 16, 8)]}")
    x = torch.randn(2, 64, 33, 33)  # (batch, channels, height, width)
    print(f"{tuple(x.shape)} -> {tuple(ASPP(64, 32)(x).shape)}")
    with torch.device("meta"):
        full, light = ASPP(2048), ASPP(2048, separable=True)
    print(f"parameters behind a ResNet-50: {sum(p.numel() for p in full.parameters()):,}")
    print(f"with separable branches:       {sum(p.numel() for p in light.parameters()):,}")
