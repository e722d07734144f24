"""A depthwise separable convolution from shifted copies of its input, without a convolution of torch.

Source: Chollet, "Xception: Deep Learning with Depthwise Separable Convolutions", 2016, section 1.2
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class SeparableConv2d(nn.Module):
    """Each channel is filtered by ``multiplier`` kernels of its own; a matrix then mixes what comes out."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int = 3,
        stride: int = 1,
        padding: int = 0,
        dilation: int = 1,
        multiplier: int = 1,
    ) -> None:
        super().__init__()
        self.size, self.stride, self.padding, self.dilation = kernel_size, stride, padding, dilation
        middle = in_channels * multiplier
        self.depthwise = nn.Parameter(torch.randn(middle, 1, kernel_size, kernel_size) / kernel_size)
        self.pointwise = nn.Parameter(torch.randn(out_channels, middle, 1, 1) / middle**0.5)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, in_channels, height, width) -> (batch, out_channels, height', width')."""
        multiplier = self.depthwise.shape[0] // x.shape[1]
        x = F.pad(x, [self.padding] * 4).repeat_interleave(multiplier, dim=1)
        height, width = ((n - self.dilation * (self.size - 1) - 1) // self.stride + 1 for n in x.shape[2:])
        filtered = torch.zeros_like(x[:, :, :1, :1])
        for i in range(self.size):
            for j in range(self.size):
                top, left = i * self.dilation, j * self.dilation
                rows = slice(top, top + (height - 1) * self.stride + 1, self.stride)
                columns = slice(left, left + (width - 1) * self.stride + 1, self.stride)
                filtered = filtered + self.depthwise[:, :, i, j, None] * x[:, :, rows, columns]
        return torch.einsum("nm,bmhw->bnhw", self.pointwise[:, :, 0, 0], filtered)


if __name__ == "__main__":
    torch.manual_seed(0)
    x = torch.randn(2, 6, 11, 11)  # (batch, channels, height, width)
    ours = SeparableConv2d(6, 10, kernel_size=3, stride=2, padding=1, multiplier=2)
    reference = F.conv2d(F.conv2d(x, ours.depthwise, stride=2, padding=1, groups=6), ours.pointwise)
    difference = (ours(x) - reference).abs().max().item()
    print(f"largest difference to two calls of conv2d below 1e-5: {difference < 1e-5}")
