"""ConvNeXt V2, atto to huge, as timm and the authors have it.

Source: Woo et al., "ConvNeXt V2: Co-designing and Scaling ConvNets with Masked Autoencoders", 2023, section 4 and A.1
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

VARIANTS = {  # channels of the first stage (each next one has twice as many), blocks of the four stages
    "atto": (40, (2, 2, 6, 2)),
    "femto": (48, (2, 2, 6, 2)),
    "pico": (64, (2, 2, 6, 2)),
    "nano": (80, (2, 2, 8, 2)),
    "tiny": (96, (3, 3, 9, 3)),
    "base": (128, (3, 3, 27, 3)),
    "large": (192, (3, 3, 27, 3)),
    "huge": (352, (3, 3, 27, 3)),
}


class ChannelNorm(nn.LayerNorm):
    """Layer normalization of each pixel over its channels."""

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, the same shape out."""
        last = F.layer_norm(x.permute(0, 2, 3, 1), self.normalized_shape, self.weight, self.bias, self.eps)
        return last.permute(0, 3, 1, 2)


class GlobalResponseNorm(nn.Module):
    """x + weight * x * size / mean size + bias; the size of a channel is its Euclidean norm over the map."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.zeros(channels)), nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """(batch, height, width, channels) in, the same shape out."""
        size = torch.linalg.vector_norm(x, dim=(1, 2), keepdim=True)  # (batch, 1, 1, channels)
        relative = size / (size.mean(dim=-1, keepdim=True) + 1e-6)
        return x + self.weight * (x * relative) + self.bias


class DropPath(nn.Module):
    """In training, zero for a share p of the samples, the others divided by 1 - p."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, the same shape out."""
        if not self.training or self.p == 0:
            return x
        return x * x.new_empty(x.shape[0], 1, 1, 1).bernoulli_(1 - self.p).div_(1 - self.p)


class Block(nn.Module):
    """ConvNeXt's block with global response normalization after GELU, and without a layer scale.

    Args:
        channels: of input and output.
        drop: share of the samples whose branch is left out in training.
    """

    def __init__(self, channels: int, drop: float = 0.0) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(channels, channels, 7, padding=3, groups=channels)
        self.norm = nn.LayerNorm(channels, eps=1e-6)
        self.expand, self.gelu = nn.Linear(channels, 4 * channels), nn.GELU()
        self.respond = GlobalResponseNorm(4 * channels)
        self.narrow, self.drop_path = nn.Linear(4 * channels, channels), DropPath(drop)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, the same shape out."""
        y = self.norm(self.depthwise(x).permute(0, 2, 3, 1))  # (batch, height, width, channels)
        y = self.narrow(self.respond(self.gelu(self.expand(y)))).permute(0, 3, 1, 2)
        return x + self.drop_path(y)


class ConvNeXtV2(nn.Module):
    """Images (batch, 3, height, width) to logits (batch, classes).

    Args:
        width: channels of the first stage; each later stage has twice as many.
        blocks: of the four stages.
        classes: of the last layer.
        drop_path: rate of the last block; it grows from 0 in the first.
    """

    def __init__(
        self, width: int = 96, blocks: tuple[int, ...] = (3, 3, 9, 3), classes: int = 1000, drop_path: float = 0.2
    ) -> None:
        super().__init__()
        rates = iter([drop_path * place / max(sum(blocks) - 1, 1) for place in range(sum(blocks))])
        self.stem = nn.Sequential(nn.Conv2d(3, width, 4, 4), ChannelNorm(width, eps=1e-6))
        for stage, count in enumerate(blocks):
            channels = width << stage
            if stage:
                smaller = nn.Conv2d(channels // 2, channels, 2, 2)
                self.add_module(f"down{stage + 1}", nn.Sequential(ChannelNorm(channels // 2, eps=1e-6), smaller))
            self.add_module(f"stage{stage + 1}", nn.Sequential(*(Block(channels, next(rates)) for _ in range(count))))
        norm = nn.LayerNorm(channels, eps=1e-6)
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), norm, nn.Linear(channels, classes))
        for name, parameter in self.named_parameters():
            if parameter.dim() > 1:  # matrices and kernels
                nn.init.trunc_normal_(parameter, std=0.02)
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (batch, classes)."""
        for part in self.children():
            x = part(x)
        return x


if __name__ == "__main__":
    published = {"atto": 3_708_400, "tiny": 28_635_496, "base": 88_717_800}  # timm's
    with torch.device("meta"):
        counts = {name: sum(p.numel() for p in ConvNeXtV2(*VARIANTS[name]).parameters()) for name in published}
    print(f"difference to timm's number of parameters: {max(abs(counts[n] - c) for n, c in published.items())}")
