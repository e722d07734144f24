"""Normalization whose scale and shift are computed from a condition, around any of torch's normalizations.

Source: de Vries et al., "Modulating early visual processing by language", 2017.
"""

import torch
from torch import Tensor, nn


class ConditionalNorm(nn.Module):
    """A normalization without parameters, then a scale and a shift for each channel that depend on a condition.

    Args:
        norm: such as ``nn.BatchNorm2d(channels, affine=False)`` or ``nn.GroupNorm(8, channels, affine=False)``.
        channels: channels of the input.
        conditions: length of the condition; for classes, their number.
    """

    def __init__(self, norm: nn.Module, channels: int, conditions: int) -> None:
        super().__init__()
        self.norm = norm
        self.to_affine = nn.Linear(conditions, 2 * channels)
        nn.init.zeros_(self.to_affine.weight)  # at the start: the plain normalization, whatever the condition
        nn.init.zeros_(self.to_affine.bias)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """Input (batch, channel, *space) and condition (batch, conditions), an embedding or one-hot classes."""
        scale, shift = self.to_affine(condition).view(len(x), 2, -1, *(1 for _ in x.shape[2:])).unbind(1)
        return self.norm(x) * (1 + scale) + shift


if __name__ == "__main__":
    torch.manual_seed(0)
    layer = ConditionalNorm(nn.BatchNorm2d(16, affine=False), channels=16, conditions=10)
    x = torch.randn(8, 16, 4, 4)
    condition = nn.functional.one_hot(torch.randint(10, (8,)), 10).float()
    same = torch.allclose(layer(x, condition), layer.norm(x), atol=1e-5)
    print(f"at the start it is the plain normalization: {same}")
    nn.init.normal_(layer.to_affine.weight)
    print(f"then the condition counts: {not torch.allclose(layer(x, condition), layer(x, condition.roll(1, 0)))}")
