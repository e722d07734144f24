"""A small MLP-Mixer for images of 32 by 32, and the same network for images twice as large.

Source: Tolstikhin et al., "MLP-Mixer: An all-MLP Architecture for Vision", 2021, section 2 and appendix C
"""

import torch
from torch import Tensor, nn


def mlp(features: int, inside: int) -> nn.Sequential:
    """Two linear layers over the last axis, with GELU between them."""
    return nn.Sequential(nn.Linear(features, inside), nn.GELU(), nn.Linear(inside, features))


class Block(nn.Module):
    """Mixes the patches of each channel, then the channels of each patch; both are added to the input."""

    def __init__(self, patches: int, channels: int, inside: int) -> None:
        super().__init__()
        self.norm1, self.mix_patches = nn.LayerNorm(channels, eps=1e-6), mlp(patches, inside)
        self.norm2, self.mix_channels = nn.LayerNorm(channels, eps=1e-6), mlp(channels, 4 * channels)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, patches, channels) in, the same shape out."""
        x = x + self.mix_patches(self.norm1(x).transpose(1, 2)).transpose(1, 2)
        return x + self.mix_channels(self.norm2(x))


class Mixer(nn.Module):
    """Images (batch, 3, patch * side, patch * side) to logits; ``side`` patches stand in a row, and in a column."""

    def __init__(self, classes: int, side: int = 8, patch: int = 4, channels: int = 128, inside: int = 64) -> None:
        super().__init__()
        self.side, self.patch, self.inside = side, patch, inside
        self.stem = nn.Conv2d(3, channels, patch, patch)
        self.blocks = nn.Sequential(*(Block(side**2, channels, inside) for _ in range(8)))
        self.norm, self.head = nn.LayerNorm(channels, eps=1e-6), nn.Linear(channels, classes)

    def forward(self, x: Tensor) -> Tensor:
        """Logits (batch, classes)."""
        x = self.stem(x).flatten(2).transpose(1, 2)  # (batch, patches, channels)
        return self.head(self.norm(self.blocks(x)).mean(dim=1))


@torch.no_grad()
def grown(model: Mixer, factor: int = 2) -> Mixer:
    """The network for images ``factor`` times as wide and high, to be fine-tuned.

    Each of the factor² parts of the image starts with a copy of the weights that mix patches.
    """
    side, parts = model.side, factor**2
    new = Mixer(model.head.out_features, factor * side, model.patch, model.stem.out_channels, parts * model.inside)
    rows = torch.arange((factor * side) ** 2).reshape(factor, side, factor, side)
    place = rows.permute(0, 2, 1, 3).reshape(-1)  # where the patches of the parts, one part after another, stand
    state = model.state_dict()
    for name, value in state.items():
        if "mix_patches" in name:
            large = torch.block_diag(*[value] * parts) if value.dim() == 2 else value.repeat(parts)
            if "mix_patches.0.weight" in name:
                large = torch.empty_like(large).index_copy_(1, place.to(value.device), large)
            if "mix_patches.2" in name:
                large = torch.empty_like(large).index_copy_(0, place.to(value.device), large)
            state[name] = large
    new.load_state_dict(state)
    return new


if __name__ == "__main__":
    torch.manual_seed(0)
    model = Mixer(classes=10)
    x = torch.rand(2, 3, 32, 32)  # (batch, channels, height, width)
    print(f"parameters: {sum(p.numel() for p in model.parameters()):,}, logits: {tuple(model(x).shape)}")
    larger = grown(model)
    print(f"for 64 by 64: {sum(p.numel() for p in larger.parameters()):,}")
    four = larger(x.repeat(1, 1, 2, 2))  # four times the same image
    print(
        f"four copies of an image beside each other give its logits, difference below 1e-5: "
        f"{(four - model(x)).abs().max().item() < 1e-5}"
    )
