"""Spatially-adaptive normalization: scale and shift come from a map of labels, pixel by pixel.

Source: Park et al., "Semantic Image Synthesis with Spatially-Adaptive Normalization", 2019.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class SPADE(nn.Module):
    """A normalization without parameters, then a scale and a shift for each channel and pixel, from a map of labels.

    Args:
        norm: such as ``nn.BatchNorm2d(features, affine=False)`` or ``nn.InstanceNorm2d(features)``.
        features: channels of the input.
        labels: channels of the map, one for each label.
        hidden: channels between map and scale.
    """

    def __init__(self, norm: nn.Module, features: int, labels: int, hidden: int = 128) -> None:
        super().__init__()
        self.norm = norm
        self.shared = nn.Sequential(nn.Conv2d(labels, hidden, 3, padding=1), nn.ReLU())
        self.to_scale = nn.Conv2d(hidden, features, 3, padding=1)
        self.to_shift = nn.Conv2d(hidden, features, 3, padding=1)

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        """Input (batch, features, height, width) and one-hot map (batch, labels, any height, any width)."""
        hidden = self.shared(F.interpolate(labels, size=x.shape[2:], mode="nearest"))
        return self.norm(x) * (1 + self.to_scale(hidden)) + self.to_shift(hidden)


if __name__ == "__main__":
    torch.manual_seed(0)
    layer = SPADE(nn.BatchNorm2d(32, affine=False), features=32, labels=5)
    labels = F.one_hot(torch.randint(5, (2, 64, 64)), 5).permute(0, 3, 1, 2).float()  # (batch, labels, height, width)
    for size in (8, 16, 32):
        print(f"features {size} x {size}: output {tuple(layer(torch.randn(2, 32, size, size), labels).shape)}")
