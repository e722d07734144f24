"""ShuffleNet V2's unit, and a small network of such units for images of 32 by 32.

Source: Ma et al., "ShuffleNet V2: Practical Guidelines for Efficient CNN Architecture Design", 2018, figure 3
"""

import torch
from torch import Tensor, nn


class ShuffleUnit(nn.Module):
    """Half of the channels pass as they are, the others go through three convolutions; then they are shuffled.

    Args:
        channels: of input and output, even.

    Raises:
        ValueError: when the number of channels is odd.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        if channels % 2:
            raise ValueError(f"channels must be even to be halved, got {channels}")
        half = channels // 2
        self.branch = nn.Sequential(
            nn.Conv2d(half, half, 1, bias=False),
            nn.BatchNorm2d(half),
            nn.ReLU(),
            nn.Conv2d(half, half, 3, 1, 1, groups=half, bias=False),
            nn.BatchNorm2d(half),
            nn.Conv2d(half, half, 1, bias=False),
            nn.BatchNorm2d(half),
            nn.ReLU(),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, the same shape out."""
        kept, worked = x.chunk(2, dim=1)
        return torch.stack([kept, self.branch(worked)], dim=2).flatten(1, 2)  # one of each by turns


def small_network(classes: int, width: int = 64) -> nn.Sequential:
    """Stem, three stages of three units with a convolution of stride 2 between them, head."""
    layers: list[nn.Module] = [nn.Conv2d(3, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
    for stage in range(3):
        channels = width << stage
        layers += [ShuffleUnit(channels) for _ in range(3)]
        if stage < 2:
            layers += [nn.Conv2d(channels, 2 * channels, 2, 2, bias=False), nn.BatchNorm2d(2 * channels), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width << 2, classes))


if __name__ == "__main__":
    torch.manual_seed(0)
    model = small_network(classes=10)
    x = torch.rand(2, 3, 32, 32)  # (batch, channels, height, width)
    print(f"parameters: {sum(p.numel() for p in model.parameters()):,}")
    print(f"map before the mean: {tuple(model[:-3](x).shape[2:])}, logits: {tuple(model(x).shape)}")
    unit, y = ShuffleUnit(8), torch.rand(1, 8, 4, 4)
    print(
        f"channels that pass as they are: {sum(torch.equal(a, b) for a, b in zip(unit(y)[0, ::2], y[0], strict=False))}"
    )
