"""CondConv: each sample is convolved with its own mixture of a few kernels, computed once for the whole batch.

Source: Yang et al., "CondConv: Conditionally Parameterized Convolutions for Efficient Inference", 2019, section 3
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class CondConv2d(nn.Module):
    """A convolution whose kernel is a sum of ``experts`` kernels, weighted by a sigmoid of the sample's channel means.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        kernel: height and width of the kernels, odd; the padding is half of it.
        stride: of the convolution.
        groups: of the convolution.
        experts: how many kernels are mixed.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel: int = 3, stride: int = 1, groups: int = 1, experts: int = 4
    ) -> None:
        super().__init__()
        self.stride, self.padding, self.groups = stride, kernel // 2, groups
        self.shape = (out_channels, in_channels // groups, kernel, kernel)
        self.weight = nn.Parameter(torch.empty(experts, math.prod(self.shape)))  # flat: channels last refuses 5 axes
        for expert in self.weight.detach():  # one by one: of the whole tensor, torch would take a wrong fan_in
            nn.init.kaiming_uniform_(expert.view(self.shape), a=math.sqrt(5))
        self.routing = nn.Linear(in_channels, experts)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, in_channels, height, width) in; out_channels, and height and width by the stride, rounded up."""
        share = self.routing(x.mean(dim=(2, 3))).sigmoid()  # (batch, experts)
        kernels = (share @ self.weight).view(-1, *self.shape[1:])  # (batch * out, in / groups, k, k)
        batch = x.shape[0]
        joined = x.reshape(1, -1, *x.shape[2:])  # samples become groups of channels
        y = F.conv2d(joined, kernels, None, self.stride, self.padding, groups=batch * self.groups)
        return y.reshape(batch, -1, *y.shape[2:])


if __name__ == "__main__":
    torch.manual_seed(0)
    layer, x = CondConv2d(16, 32, experts=4), torch.randn(8, 16, 14, 14)  # (batch, channels, height, width)
    alone = torch.cat([layer(sample) for sample in x.split(1)])
    print(f"{tuple(x.shape)} -> {tuple(layer(x).shape)}")
    print(f"samples one by one give the same: {torch.allclose(layer(x), alone, atol=1e-6)}")
    plain = sum(p.numel() for p in nn.Conv2d(16, 32, 3, bias=False).parameters())
    print(f"parameters: {sum(p.numel() for p in layer.parameters()):,}, of one ordinary kernel {plain:,}")
