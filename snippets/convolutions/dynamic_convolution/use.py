"""Dynamic convolution: kernels that are averaged by an attention of each sample, and a temperature to anneal.

Source: Chen et al., "Dynamic Convolution: Attention over Convolution Kernels", 2019, section 3
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class DynamicConv2d(nn.Module):
    """A convolution with the average of ``kernels`` kernels, weighted by a softmax that each sample computes.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        kernel: height and width of the kernels, odd; the padding is half of it.
        stride: of the convolution.
        groups: of the convolution.
        kernels: how many kernels are averaged.
        temperature: by which logits are divided; large values make the attention even.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int = 3,
        stride: int = 1,
        groups: int = 1,
        kernels: int = 4,
        temperature: float = 30.0,
    ) -> None:
        super().__init__()
        self.stride, self.padding, self.groups = stride, kernel // 2, groups
        self.temperature: Tensor
        self.register_buffer("temperature", torch.tensor(temperature))  # saved with the weights
        self.shape = (out_channels, in_channels // groups, kernel, kernel)
        self.weight = nn.Parameter(torch.empty(kernels, math.prod(self.shape)))
        for one in self.weight.detach():
            nn.init.kaiming_uniform_(one.view(self.shape), a=math.sqrt(5))
        self.bias = nn.Parameter(torch.zeros(kernels, out_channels))
        hidden = max(4, in_channels // 4)
        self.attend = nn.Sequential(nn.Linear(in_channels, hidden), nn.ReLU(), nn.Linear(hidden, kernels))

    def forward(self, x: Tensor) -> Tensor:
        """(batch, in_channels, height, width) in; out_channels, and height and width by the stride, rounded up."""
        share = (self.attend(x.mean(dim=(2, 3))) / self.temperature).softmax(dim=1)  # (batch, kernels)
        weight, bias = (share @ self.weight).view(-1, *self.shape[1:]), (share @ self.bias).flatten()
        batch = x.shape[0]
        joined = x.reshape(1, -1, *x.shape[2:])  # samples become groups of channels
        y = F.conv2d(joined, weight, bias, self.stride, self.padding, groups=batch * self.groups)
        return y.reshape(batch, -1, *y.shape[2:])


def set_temperature(model: nn.Module, epoch: int, first: float = 30.0, epochs: int = 10) -> float:
    """Lower the temperature of all layers linearly from ``first`` to 1 in ``epochs``; call it each epoch, from 0 on."""
    temperature = max(1.0, first - (first - 1) * epoch / epochs)
    for module in model.modules():
        if isinstance(module, DynamicConv2d):
            module.temperature.fill_(temperature)
    return temperature


if __name__ == "__main__":
    torch.manual_seed(0)
    model = nn.Sequential(DynamicConv2d(3, 16), nn.ReLU(), DynamicConv2d(16, 16, stride=2))
    x = torch.randn(8, 3, 14, 14)  # (batch, channels, height, width)
    print(f"temperatures: {[set_temperature(model, epoch) for epoch in (0, 5, 10, 100)]}")
    alone = torch.cat([model(sample) for sample in x.split(1)])
    print(f"{tuple(model(x).shape)}, one by one the same: {torch.allclose(model(x), alone, atol=1e-5)}")
