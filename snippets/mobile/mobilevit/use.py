"""MobileViT's block from torch's own transformer layers, in a small network for images of 32 × 32.

Source: Mehta and Rastegari, "MobileViT: Light-weight, General-purpose, and Mobile-friendly Vision Transformer", 2021
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class MobileViTBlock(nn.Module):
    """Neighbours by a convolution, then the whole map by a transformer, joined with the input.

    Args:
        channels: of the input and of the output.
        inside: channels of the transformer, a multiple of 4.
        layers: of the transformer.
    """

    def __init__(self, channels: int, inside: int, layers: int = 2) -> None:
        super().__init__()
        stack = [
            nn.TransformerEncoderLayer(inside, 4, 2 * inside, 0.0, F.silu, batch_first=True, norm_first=True)
            for _ in range(layers)
        ]
        self.local = self.conv(channels, channels, 3)
        self.enter = nn.Conv2d(channels, inside, 1, bias=False)
        self.transformer = nn.Sequential(*stack, nn.LayerNorm(inside))
        self.leave, self.fuse = self.conv(inside, channels, 1), self.conv(2 * channels, channels, 3)

    @staticmethod
    def conv(channels: int, out: int, kernel: int) -> nn.Sequential:
        """Convolution without a bias, batch normalization, SiLU."""
        layer = nn.Conv2d(channels, out, kernel, padding=kernel // 2, bias=False)
        return nn.Sequential(layer, nn.BatchNorm2d(out), nn.SiLU())

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in, the same shape out; height and width are even."""
        y = self.enter(self.local(x))
        size = y.shape[2:]
        y = F.pixel_unshuffle(y, 2).unflatten(1, (-1, 4)).permute(0, 2, 3, 4, 1)  # (batch, 4, rows, columns, inside)
        grid = y.shape[1:4]
        y = self.transformer(y.flatten(2, 3).flatten(0, 1))  # pixels at one place of their 2 × 2 patches are a sequence
        y = y.unflatten(1, grid[1:]).unflatten(0, (-1, 4)).permute(0, 4, 1, 2, 3).flatten(1, 2)
        y = F.pixel_shuffle(y, 2).reshape(len(x), -1, *size)
        return self.fuse(torch.cat([x, self.leave(y)], dim=1))


if __name__ == "__main__":
    torch.manual_seed(0)
    stem = [nn.Conv2d(3, 32, 3, 2, 1), nn.BatchNorm2d(32), nn.SiLU()]
    model = nn.Sequential(*stem, MobileViTBlock(32, 48), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10))
    print(f"logits: {tuple(model(torch.rand(4, 3, 32, 32)).shape)}")
    block = MobileViTBlock(8, 16).eval()
    x = torch.randn(1, 8, 16, 16, requires_grad=True)
    (grad,) = torch.autograd.grad(block(x)[0, :, 0, 0].sum(), x)
    print(f"pixels that the first output depends on: {int((grad.abs().sum(dim=1) > 0).sum())} of {16 * 16}")
