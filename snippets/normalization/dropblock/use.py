"""DropBlock for convolutional layers, and its share raised linearly during training.

Source: Ghiasi et al., "DropBlock: A regularization method for convolutional networks", 2018
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class DropBlock2d(nn.Module):
    """Sets squares of each channel to zero, so that about a share p of the numbers is gone, and enlarges the rest.

    Args:
        p: share that is dropped, from 0 to below 1; overlapping squares make it somewhat less.
        block_size: side of the squares; on a smaller map, the map's shorter side.

    Raises:
        ValueError: when p is not in [0, 1) or block_size is below 1.
    """

    def __init__(self, p: float = 0.1, block_size: int = 7) -> None:
        super().__init__()
        if not (0 <= p < 1 and block_size >= 1):
            raise ValueError(f"needs 0 <= p < 1 and block_size >= 1, got {p} and {block_size}")
        self.p, self.block_size = p, block_size

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channel, height, width) in, the same shape out; in evaluation mode x as it is."""
        if not self.training or self.p == 0:
            return x
        height, width = x.shape[2:]
        size = min(self.block_size, height, width)
        seeds = x.new_empty(*x.shape[:2], height - size + 1, width - size + 1)  # corners of squares that fit
        seeds.bernoulli_(self.p * height * width / size**2 / seeds[0, 0].numel())
        dropped = F.max_pool2d(F.pad(seeds, [size - 1] * 4), size, stride=1)
        kept = 1 - dropped
        return x * kept * (kept.numel() / (kept.sum() + 1e-6))


def set_drop_block(model: nn.Module, p: float) -> None:
    """Gives all DropBlock layers the share p; in epoch 1, 2, … with ``last * epoch / epochs``."""
    for module in model.modules():
        if isinstance(module, DropBlock2d):
            module.p = p


if __name__ == "__main__":
    torch.manual_seed(2)
    layer = DropBlock2d(p=0.3, block_size=3)
    out = layer(torch.ones(1, 1, 8, 8))
    print("\n".join("".join(".#"[int(value > 0)] for value in row) for row in out[0, 0]))
