"""Spatially-adaptive normalization on instance statistics, for one to three dimensions of space.

Source: Park et al., "Semantic Image Synthesis with Spatially-Adaptive Normalization", 2019.
"""

import torch
from torch import Tensor, nn


class SpatiallyAdaptiveNorm(nn.Module):
    """Normalizes each channel of each sample, then scales and shifts it pixel by pixel, as a map of labels says.

    Kernels are 1 x 1 here, so that the arithmetic can be read; the published layer has 3 x 3.
    """

    def __init__(self, channels: int, labels: int = 4, hidden: int = 8, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        self.shared, self.to_affine = nn.Linear(labels, hidden), nn.Linear(hidden, 2 * channels)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """Input (batch, channel, *space) and map (batch, labels, *space), which may be larger or smaller."""
        wide = x if x.dtype == torch.float64 else x.float()
        over = tuple(range(2, x.dim()))
        centred = wide - wide.mean(over, keepdim=True)
        normal = centred * (centred.square().mean(over, keepdim=True) + self.eps).rsqrt()
        for dim in over:  # nearest: the label that lies under the pixel's corner
            pixels = torch.arange(x.size(dim), device=x.device) * condition.size(dim) // x.size(dim)
            condition = condition.index_select(dim, pixels)
        hidden = self.shared(condition.movedim(1, -1).to(self.shared.weight.dtype)).relu()
        scale, shift = self.to_affine(hidden).movedim(-1, 1).chunk(2, dim=1)
        return (normal * (1 + scale) + shift).to(x.dtype)


if __name__ == "__main__":
    torch.manual_seed(0)
    layer = SpatiallyAdaptiveNorm(3).double()
    x, labels = torch.randn(2, 3, 8, 8, dtype=torch.float64), torch.rand(2, 4, 16, 16, dtype=torch.float64)
    one = nn.functional.one_hot(torch.tensor([1, 2]), 4).double()[..., None, None]  # one label for each image
    scale, shift = layer.to_affine(layer.shared(one.flatten(1)).relu()).chunk(2, dim=1)
    reference = torch.stack(
        [nn.functional.instance_norm(x[i : i + 1], weight=1 + scale[i], bias=shift[i])[0] for i in range(2)]
    )
    difference = (layer(x, one.expand(2, 4, 5, 5)) - reference).abs().max().item()
    print(f"one label for each image: conditional instance normalization, to 1e-12: {difference < 1e-12}")
    moved = (layer(x, labels) - layer(x, labels.flip(3))).abs().mean().item()
    print(f"a mirrored map gives another output: {moved > 0.01}")
