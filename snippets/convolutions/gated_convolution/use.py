"""A convolution whose outputs are weighted by gates that a second convolution computes, and its use for a hole.

Source: Yu et al., "Free-Form Image Inpainting with Gated Convolution", 2018, section 3.1
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class GatedConv2d(nn.Module):
    """activation(features) * sigmoid(gates); one convolution computes both.

    Args:
        in_channels: of the input.
        out_channels: of the output; the convolution has twice as many.
        kernel_size: odd; the size is kept at stride 1.
        stride: of the convolution.
        dilation: of the convolution.
        activation: of the features.
        gate_bias: of the gates at the start, before the sigmoid; 2 makes their mean 0.85 in place of 0.50.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int = 3,
        stride: int = 1,
        dilation: int = 1,
        activation: Callable[[Tensor], Tensor] = F.elu,
        gate_bias: float = 0.0,
    ) -> None:
        super().__init__()
        padding = dilation * (kernel_size - 1) // 2
        self.conv = nn.Conv2d(in_channels, 2 * out_channels, kernel_size, stride, padding, dilation)
        self.activation = activation
        with torch.no_grad():
            features, gates = self.conv.weight.chunk(2)  # views: both kernels are filled in place
            nn.init.kaiming_normal_(features, nonlinearity="relu")
            nn.init.kaiming_normal_(gates, nonlinearity="linear")
        self.conv.bias = nn.Parameter(torch.tensor([0.0, gate_bias]).repeat_interleave(out_channels))

    def forward(self, x: Tensor) -> Tensor:
        """(batch, in_channels, height, width) in; out_channels, and height and width by the stride, rounded up."""
        features, gates = self.conv(x).chunk(2, dim=1)
        return self.activation(features) * torch.sigmoid(gates)


if __name__ == "__main__":
    torch.manual_seed(0)
    image, mask = torch.rand(2, 3, 32, 32), torch.ones(2, 1, 32, 32)
    mask[..., 10:20, 8:24] = 0  # a hole
    x = torch.cat([image * mask, mask], dim=1)  # the mask is one more channel
    layers = [GatedConv2d(4, 16, 5), GatedConv2d(16, 32, stride=2), GatedConv2d(32, 32, dilation=4)]
    model = nn.Sequential(*layers, nn.Upsample(scale_factor=2), GatedConv2d(32, 16), nn.Conv2d(16, 3, 3, padding=1))
    painted = torch.tanh(model(x))
    whole = image * mask + painted * (1 - mask)  # what was known stays
    print(f"{tuple(x.shape)} -> {tuple(whole.shape)}")
    print(f"known pixels are kept: {torch.equal(whole * mask, image * mask)}")
    print(f"weights of a layer and of an ungated one: {layers[2].conv.weight.numel():,} and {32 * 32 * 9:,}")
