"""Causal convolutions with doubling dilation in residual blocks, for time series, sound and other sequences.

Source: Bai et al., "An Empirical Evaluation of Generic Convolutional and Recurrent Networks for Sequence Modeling",
2018, section 3
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class CausalConv1d(nn.Conv1d):
    """A convolution whose output at step t sees the inputs up to step t: all padding is at the left.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        kernel_size: inputs that each output reads.
        dilation: steps from one of them to the next.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, dilation: int = 1) -> None:
        super().__init__(in_channels, out_channels, kernel_size, dilation=dilation)
        self.left = (kernel_size - 1) * dilation

    def forward(self, input: Tensor) -> Tensor:
        """(batch, channels, steps) in, (batch, out_channels, steps) out."""
        return super().forward(F.pad(input, (self.left, 0)))


class Block(nn.Module):
    """Two causal convolutions with ReLU beside a skip connection."""

    def __init__(self, channels: int, kernel_size: int, dilation: int) -> None:
        super().__init__()
        self.first = CausalConv1d(channels, channels, kernel_size, dilation)
        self.second = CausalConv1d(channels, channels, kernel_size, dilation)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, steps) in and out."""
        return x + self.second(self.first(x).relu()).relu()


def causal_network(
    inputs: int, outputs: int, channels: int = 32, blocks: int = 5, kernel_size: int = 3
) -> nn.Sequential:
    """Blocks with dilations 1, 2, 4, ...; an output sees 1 + 2 (kernel_size - 1) (2^blocks - 1) steps."""
    layers = [Block(channels, kernel_size, dilation=2**i) for i in range(blocks)]
    return nn.Sequential(nn.Conv1d(inputs, channels, 1), *layers, nn.Conv1d(channels, outputs, 1))


if __name__ == "__main__":
    torch.manual_seed(0)
    model, x = causal_network(1, 1), torch.randn(2, 1, 200, requires_grad=True)
    model(x)[0, 0, 150].backward()
    seen = x.grad[0, 0].nonzero().flatten() if x.grad is not None else torch.empty(0)
    print(f"{tuple(x.shape)} -> {tuple(model(x).shape)}")
    print(f"the output at step 150 sees steps {seen.min().item()} to {seen.max().item()}")
