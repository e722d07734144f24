"""A ConvNeXt V2 for images of about 32 by 32, and parameter groups to fine-tune it with learning rates by layer.

Source: Woo et al., "ConvNeXt V2: Co-designing and Scaling ConvNets with Masked Autoencoders", 2023, section 4 and A.2
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn


class ChannelNorm(nn.LayerNorm):
    """Layer normalization of each pixel over its channels."""

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, the same shape out."""
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class GlobalResponseNorm(nn.Module):
    """Strengthens the channels that are large in this image, against the mean of all; starts as the identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.zeros(channels)), nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """(batch, height, width, channels) in, the same shape out."""
        size = torch.linalg.vector_norm(x, dim=(1, 2), keepdim=True)
        return x + self.weight * x * size / (size.mean(dim=-1, keepdim=True) + 1e-6) + self.bias


class Block(nn.Module):
    """x + branch(x): a 7×7 filter of each channel, then two linear layers with GRN between them."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, 7, padding=3, groups=channels)
        wide = 4 * channels
        respond = [nn.GELU(), GlobalResponseNorm(wide)]
        norm = nn.LayerNorm(channels, eps=1e-6)
        self.mix = nn.Sequential(norm, nn.Linear(channels, wide), *respond, nn.Linear(wide, channels))

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, the same shape out."""
        return x + self.mix(self.depthwise(x).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def convnextv2_for_small_images(classes: int, width: int = 40, blocks: tuple[int, ...] = (2, 2, 6)) -> nn.Sequential:
    """Stem of 2×2 patches, stages with half the size and twice the channels of the one before, head."""
    layers: list[nn.Module] = [nn.Sequential(nn.Conv2d(3, width, 2, 2), ChannelNorm(width, eps=1e-6))]
    for stage, count in enumerate(blocks):
        channels = width << stage
        if stage:
            smaller = nn.Conv2d(channels // 2, channels, 2, 2)
            layers.append(nn.Sequential(ChannelNorm(channels // 2, eps=1e-6), smaller))
        layers += [Block(channels) for _ in range(count)]
    head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.LayerNorm(channels, eps=1e-6), nn.Linear(channels, classes)]
    return nn.Sequential(*layers, nn.Sequential(*head))


def finetune_groups(
    layers: Iterable[nn.Module], lr: float, weight_decay: float = 0.05, layer_decay: float = 0.9
) -> list[dict]:
    """Groups for AdamW: each layer learns more slowly than the next; only matrices and kernels decay.

    Args:
        layers: of the network, from the input to the head.
        lr: of the head.
        weight_decay: of matrices and kernels; that of all else is 0.
        layer_decay: learning rate of a layer, divided by that of the next.
    """
    groups = []
    for distance, layer in enumerate(reversed(list(layers))):
        kernels = [m.weight for m in layer.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
        others = [p for p in layer.parameters() if all(p is not kernel for kernel in kernels)]
        for parameters, decay in ((kernels, weight_decay), (others, 0.0)):
            groups.append({"params": parameters, "lr": lr * layer_decay**distance, "weight_decay": decay})
    return groups


if __name__ == "__main__":
    torch.manual_seed(0)
    model = convnextv2_for_small_images(classes=10)
    optimizer = torch.optim.AdamW(finetune_groups(model, lr=8e-4))
    x = torch.rand(2, 3, 32, 32)  # (batch, channels, height, width)
    rates = [group["lr"] for group in optimizer.param_groups]
    print(f"parameters: {sum(p.numel() for p in model.parameters()):,}")
    print(f"map before the mean: {tuple(model[:-1](x).shape[2:])}, logits: {tuple(model(x).shape)}")
    print(f"learning rate of the stem {min(rates):.1e}, of the head {max(rates):.1e}")
