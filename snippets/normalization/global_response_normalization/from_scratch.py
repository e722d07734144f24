"""Global response normalization with channels first, for one to three dimensions of space.

Source: Woo et al., "ConvNeXt V2: Co-designing and Scaling ConvNets with Masked Autoencoders", 2023.
"""

import torch
from torch import Tensor, nn


class GlobalResponseNorm(nn.Module):
    """Multiplies each channel by 1 + weight times its size against the mean size of all channels."""

    def __init__(self, channels: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.eps = eps
        self.weight, self.bias = nn.Parameter(torch.zeros(channels)), nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Scale (batch, channel, *space), each sample by itself."""
        shape = (1, -1, *(1 for _ in x.shape[2:]))
        wide = x if x.dtype == torch.float64 else x.float()  # squares overflow in float16
        largest = wide.detach().abs().amax(dim=tuple(range(1, x.dim())), keepdim=True).clamp_min(1e-30)
        squares = (wide / largest).square().flatten(2).sum(dim=2)  # (batch, channel)
        tiny = torch.finfo(wide.dtype).tiny
        size = squares.clamp_min(tiny).sqrt() * largest.flatten(1)  # without an infinite slope at 0
        relative = size / (size.mean(dim=1, keepdim=True) + self.eps)
        gain = relative.view(*x.shape[:2], *shape[2:]) * self.weight.view(shape)
        return (wide + gain * wide + self.bias.view(shape)).to(x.dtype)


if __name__ == "__main__":
    torch.manual_seed(0)
    x, layer = torch.randn(2, 8, 5, 5, dtype=torch.float64), GlobalResponseNorm(8).double()
    print(f"a new layer is the identity: {torch.equal(layer(x), x)}")
    nn.init.ones_(layer.weight)
    size = torch.linalg.vector_norm(x, dim=(2, 3), keepdim=True)
    difference = (layer(x) - x * (1 + size / (size.mean(1, keepdim=True) + 1e-6))).abs().max().item()
    print(f"with a weight of 1, largest difference to the formula below 1e-12: {difference < 1e-12}")
