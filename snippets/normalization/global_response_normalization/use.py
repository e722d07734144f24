"""Global response normalization in a ConvNeXt V2 block.

Source: Woo et al., "ConvNeXt V2: Co-designing and Scaling ConvNets with Masked Autoencoders", 2023.
"""

import torch
from torch import Tensor, nn


class GlobalResponseNorm(nn.Module):
    """Makes channels that respond strongly stronger, against the mean of all channels; starts as the identity.

    Args:
        dim: length of the last dimension.
        eps: added to the mean response.
    """

    def __init__(self, dim: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.eps = eps
        self.weight, self.bias = nn.Parameter(torch.zeros(dim)), nn.Parameter(torch.zeros(dim))

    def forward(self, x: Tensor) -> Tensor:
        """Images with channels last, (batch, height, width, dim)."""
        response = torch.linalg.vector_norm(x, dim=(1, 2), keepdim=True)  # (batch, 1, 1, dim)
        relative = response / (response.mean(dim=-1, keepdim=True) + self.eps)
        return x + self.weight * (x * relative) + self.bias


class Block(nn.Module):
    """A ConvNeXt V2 block, without stochastic depth."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(dim, dim, 7, padding=3, groups=dim)
        self.norm = nn.LayerNorm(dim, eps=1e-6)
        self.up, self.down = nn.Linear(dim, 4 * dim), nn.Linear(4 * dim, dim)
        self.respond = GlobalResponseNorm(4 * dim)

    def forward(self, x: Tensor) -> Tensor:
        """Images (batch, dim, height, width)."""
        hidden = self.up(self.norm(self.depthwise(x).permute(0, 2, 3, 1)))
        return x + self.down(self.respond(nn.functional.gelu(hidden))).permute(0, 3, 1, 2)


if __name__ == "__main__":
    torch.manual_seed(0)
    layer, x = GlobalResponseNorm(8), torch.randn(2, 5, 5, 8)
    print(f"a new layer is the identity: {torch.equal(layer(x), x)}")
    nn.init.ones_(layer.weight)
    gain = (layer(x) / x)[0, 0, 0]
    strongest = x[0].square().sum((0, 1)).argmax()
    print(f"the strongest channel is multiplied by most: {bool(gain.argmax() == strongest)}")
    print(f"a block keeps the shape: {tuple(Block(16)(torch.randn(2, 16, 8, 8)).shape)}")
