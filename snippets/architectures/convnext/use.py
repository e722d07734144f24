"""A ConvNeXt for images of about 32 by 32, and its parameters in two groups for AdamW.

Source: Liu et al., "A ConvNet for the 2020s", 2022
"""

import torch
from torch import Tensor, nn


class ChannelNorm(nn.LayerNorm):
    """Layer normalization of each pixel over its channels."""

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, the same shape out."""
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class Block(nn.Module):
    """x + scale * branch(x): a 7×7 filter of each channel, then two linear layers over each pixel's channels."""

    def __init__(self, channels: int, scale: float = 1e-6) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, 7, padding=3, groups=channels)
        wide = 4 * channels
        self.mix = nn.Sequential(
            nn.LayerNorm(channels, eps=1e-6), nn.Linear(channels, wide), nn.GELU(), nn.Linear(wide, channels)
        )
        self.scale = nn.Parameter(torch.full((channels,), scale))

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, the same shape out."""
        y = self.depthwise(x).permute(0, 2, 3, 1)  # (batch, height, width, channels)
        return x + (self.scale * self.mix(y)).permute(0, 3, 1, 2)


def convnext_for_small_images(classes: int, width: int = 64, blocks: tuple[int, ...] = (2, 2, 6)) -> nn.Sequential:
    """Stem of 2×2 patches, stages with half the size and twice the channels of the one before, head."""
    layers: list[nn.Module] = [nn.Conv2d(3, width, 2, 2), ChannelNorm(width, eps=1e-6)]
    for stage, count in enumerate(blocks):
        channels = width << stage
        if stage:
            layers += [ChannelNorm(channels // 2, eps=1e-6), nn.Conv2d(channels // 2, channels, 2, 2)]
        layers += [Block(channels) for _ in range(count)]
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.LayerNorm(channels, eps=1e-6), nn.Linear(channels, classes)]
    model = nn.Sequential(*layers, *head)
    for name, parameter in model.named_parameters():
        if parameter.dim() > 1:  # matrices and kernels
            nn.init.trunc_normal_(parameter, std=0.02)
        elif name.endswith("bias"):
            nn.init.zeros_(parameter)
    return model


def decay_groups(model: nn.Module, weight_decay: float = 0.05) -> list[dict]:
    """Matrices and kernels decay; biases, norms and layer scales do not."""
    kernels = [p for p in model.parameters() if p.dim() > 1]
    others = [p for p in model.parameters() if p.dim() <= 1]
    return [{"params": kernels, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]


if __name__ == "__main__":
    torch.manual_seed(0)
    model = convnext_for_small_images(classes=10)
    optimizer = torch.optim.AdamW(decay_groups(model), lr=1e-3)
    x = torch.rand(2, 3, 32, 32)  # (batch, channels, height, width)
    print(f"parameters: {sum(p.numel() for p in model.parameters()):,}")
    print(f"map before the mean: {tuple(model[:-4](x).shape[2:])}, logits: {tuple(model(x).shape)}")
    print(f"tensors with and without decay: {[len(group['params']) for group in optimizer.param_groups]}")
