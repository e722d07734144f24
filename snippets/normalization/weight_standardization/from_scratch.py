"""A convolution with standardized weights, and its scaled form for networks without normalization.

Source: Qiao et al., "Micro-Batch Training with Batch-Channel Normalization and Weight Standardization", 2019.
"""

import torch
from torch import Tensor, nn


def standardize(weight: Tensor, eps: float = 1e-6) -> Tensor:
    """Filters of mean 0 and variance 1; weight is (outputs, inputs, *kernel)."""
    filters = weight.flatten(1)
    centred = filters - filters.mean(dim=1, keepdim=True)
    return (centred / (centred.square().mean(dim=1, keepdim=True) + eps).sqrt()).view_as(weight)


class StandardizedConv2d(nn.Conv2d):
    """nn.Conv2d that standardizes its weight at each call; all of nn.Conv2d's arguments."""

    eps = 1e-6

    def forward(self, x: Tensor) -> Tensor:
        """(batch, inputs, height, width) to (batch, outputs, height, width)."""
        return self._conv_forward(x, standardize(self.weight, self.eps), self.bias)


class ScaledStandardizedConv2d(StandardizedConv2d):
    """The same divided by the root of the filter's size, so that the output is as large as the input."""

    def forward(self, x: Tensor) -> Tensor:
        """(batch, inputs, height, width) to (batch, outputs, height, width)."""
        size = self.weight[0].numel()
        return self._conv_forward(x, standardize(self.weight, self.eps) / size**0.5, self.bias)


if __name__ == "__main__":
    torch.manual_seed(0)
    conv = StandardizedConv2d(6, 4, 3, padding=1, bias=False)
    x = torch.randn(2, 6, 8, 8)
    filters = conv.weight.reshape(1, 4, -1)  # as torch's batch normalization sees channels
    reference = nn.functional.batch_norm(filters, None, None, training=True, eps=1e-6).view_as(conv.weight)
    difference = (conv(x) - nn.functional.conv2d(x, reference, padding=1)).abs().max().item()
    print(f"differs from torch's batch norm of the filters by less than 1e-5: {difference < 1e-5}")
    wide = torch.randn(2, 64, 16, 16)
    for kind in (StandardizedConv2d, ScaledStandardizedConv2d):
        print(f"{kind.__name__}: standard deviation of the output {kind(64, 64, 3)(wide).std().item():.1f}")
