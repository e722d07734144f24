"""DenseNet-BC for images of 32 by 32, wide and shallow, whose concatenations are computed again in the backward pass.

Source: Huang et al., "Densely Connected Convolutional Networks", 2016, section 3; Pleiss et al., "Memory-Efficient
Implementation of DenseNets", 2017
"""

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint


class DenseBlock(nn.Module):
    """Each layer makes ``growth`` channels of all channels before it.

    Args:
        channels: of the input.
        growth: new channels of a layer.
        layers: how many.
        save_memory: keep no concatenation for the backward pass, and compute it again there.
    """

    def __init__(self, channels: int, growth: int, layers: int, save_memory: bool = True) -> None:
        super().__init__()
        self.save_memory = save_memory
        widths = [channels + growth * layer for layer in range(layers)]
        self.reduce = nn.ModuleList(
            nn.Sequential(nn.BatchNorm2d(width), nn.ReLU(), nn.Conv2d(width, 4 * growth, 1, bias=False))
            for width in widths
        )
        self.grow = nn.ModuleList(
            nn.Sequential(
                nn.BatchNorm2d(4 * growth), nn.ReLU(), nn.Conv2d(4 * growth, growth, 3, padding=1, bias=False)
            )
            for _ in widths
        )

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, (batch, channels + growth * layers, height, width) out."""
        features = [x]
        for reduce, grow in zip(self.reduce, self.grow, strict=True):

            def joined(*parts: Tensor, layer: nn.Module = reduce) -> Tensor:
                return layer(torch.cat(parts, dim=1))

            again = self.save_memory and self.training and torch.is_grad_enabled()
            features.append(grow(checkpoint(joined, *features, use_reentrant=False) if again else joined(*features)))
        return torch.cat(features, dim=1)


def densenet_bc(classes: int, depth: int = 40, growth: int = 48, save_memory: bool = True) -> nn.Sequential:
    """Three blocks of (depth - 4) / 6 layers; between them half the channels, height and width."""
    channels, layers = 2 * growth, (depth - 4) // 6
    parts: list[nn.Module] = [nn.Conv2d(3, channels, 3, padding=1, bias=False)]
    for place in range(3):
        parts.append(DenseBlock(channels, growth, layers, save_memory))
        channels += growth * layers
        parts += [nn.BatchNorm2d(channels), nn.ReLU()]
        if place < 2:
            parts += [nn.Conv2d(channels, channels // 2, 1, bias=False), nn.AvgPool2d(2)]
            channels //= 2
    return nn.Sequential(*parts, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes))


if __name__ == "__main__":
    torch.manual_seed(0)
    with torch.device("meta"):  # counts without memory
        larger = densenet_bc(classes=10)
    print(f"DenseNet-BC with 40 layers, growth 48: {sum(p.numel() for p in larger.parameters()):,} parameters")
    model = densenet_bc(classes=10, depth=16, growth=8)
    x = torch.rand(2, 3, 32, 32)  # (batch, channels, height, width)
    model(x).sum().backward()
    missing = sum(p.grad is None for p in model.parameters())
    print(
        f"16 layers, growth 8: {sum(p.numel() for p in model.parameters()):,} parameters, without a gradient: {missing}"
    )
