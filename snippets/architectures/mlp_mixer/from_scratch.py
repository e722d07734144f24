"""MLP-Mixer, small, base and large, as timm has it.

Source: Tolstikhin et al., "MLP-Mixer: An all-MLP Architecture for Vision", 2021, section 2 and table 1
"""

import torch
from torch import Tensor, nn

VARIANTS = {  # side of a patch, blocks, channels; each block has half as many and four times as many units inside
    "S/32": (32, 8, 512),
    "S/16": (16, 8, 512),
    "B/32": (32, 12, 768),
    "B/16": (16, 12, 768),
    "L/32": (32, 24, 1024),
    "L/16": (16, 24, 1024),
}


def mlp(features: int, inside: int) -> nn.Sequential:
    """Two linear layers over the last axis, with GELU between them."""
    return nn.Sequential(nn.Linear(features, inside), nn.GELU(), nn.Linear(inside, features))


class Block(nn.Module):
    """Mixes the patches of each channel, then the channels of each patch; both are added to the input.

    Args:
        patches: number of patches.
        channels: of each patch.
    """

    def __init__(self, patches: int, channels: int) -> None:
        super().__init__()
        self.norm1, self.mix_patches = nn.LayerNorm(channels, eps=1e-6), mlp(patches, channels // 2)
        self.norm2, self.mix_channels = nn.LayerNorm(channels, eps=1e-6), mlp(channels, 4 * channels)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, patches, channels) in, the same shape out."""
        x = x + self.mix_patches(self.norm1(x).transpose(1, 2)).transpose(1, 2)
        return x + self.mix_channels(self.norm2(x))


class MLPMixer(nn.Module):
    """Images (batch, 3, size, size) to logits (batch, classes).

    Args:
        patch: side of a patch in pixels.
        blocks: number of blocks.
        channels: of each patch.
        size: side of the image in pixels; the weights that mix patches fit one size only.
        classes: of the last layer.
    """

    def __init__(
        self, patch: int = 16, blocks: int = 12, channels: int = 768, size: int = 224, classes: int = 1000
    ) -> None:
        super().__init__()
        patches = (size // patch) ** 2
        self.stem = nn.Conv2d(3, channels, patch, patch)  # the same linear layer for each patch
        self.blocks = nn.Sequential(*(Block(patches, channels) for _ in range(blocks)))
        self.norm, self.head = nn.LayerNorm(channels, eps=1e-6), nn.Linear(channels, classes)
        for name, parameter in self.named_parameters():
            if parameter.dim() > 1:  # matrices and kernels: LeCun's standard deviation
                nn.init.kaiming_normal_(parameter, nonlinearity="linear")
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)
        nn.init.zeros_(self.head.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (batch, classes)."""
        x = self.stem(x).flatten(2).transpose(1, 2)  # (batch, patches, channels)
        return self.head(self.norm(self.blocks(x)).mean(dim=1))


if __name__ == "__main__":
    published = {"S/16": 18_528_264, "B/16": 59_880_472, "L/16": 208_196_168}  # timm's
    with torch.device("meta"):
        counts = {name: sum(p.numel() for p in MLPMixer(*VARIANTS[name]).parameters()) for name in published}
    print(f"difference to timm's number of parameters: {max(abs(counts[n] - c) for n, c in published.items())}")
