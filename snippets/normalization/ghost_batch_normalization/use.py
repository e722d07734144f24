"""Batch normalization that divides a large batch and normalizes each part by itself.

Source: Hoffer et al., "Train longer, generalize better: closing the generalization gap in large batch training of
neural networks", 2017.
"""

from typing import Any

import torch
from torch import Tensor, nn


class GhostBatchNorm2d(nn.BatchNorm2d):
    """``nn.BatchNorm2d`` that takes its statistics from parts of the batch while training.

    Args:
        num_features: channels of the input.
        ghost_size: samples that share statistics, at least; the parts of a batch are as equal as can be.
        **settings: those of ``nn.BatchNorm2d``.
    """

    def __init__(self, num_features: int, ghost_size: int = 32, **settings: Any) -> None:
        super().__init__(num_features, **settings)
        self.ghost_size = ghost_size

    def forward(self, x: Tensor) -> Tensor:
        """Normalize (batch, channel, height, width); in eval mode by the running statistics."""
        normalize = super().forward
        if not self.training:
            return normalize(x)
        ghosts = x.tensor_split(max(1, len(x) // self.ghost_size))
        return torch.cat([normalize(ghost) for ghost in ghosts])


if __name__ == "__main__":
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 16, 3, bias=False), GhostBatchNorm2d(16, ghost_size=32), nn.ReLU())
    x = torch.rand(128, 3, 8, 8)
    together = model(x)
    alone = nn.Sequential(model[0], nn.BatchNorm2d(16), nn.ReLU())(x[32:64])
    print(f"second part of 32 is normalized by itself: {torch.allclose(together[32:64], alone, atol=1e-5)}")
    print(f"updates of the running statistics in one forward pass: {model[1].get_buffer('num_batches_tracked').item()}")
