"""BlurPool: blur a map before every second pixel is dropped, behind max pooling or behind a convolution.

Source: Zhang, "Making Convolutional Networks Shift-Invariant Again", 2019, section 3.2 and equations 4 to 6
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class BlurPool(nn.Module):
    """A binomial blur and a stride, for each channel by itself; it has no weights to learn.

    Args:
        channels: of input and output.
        size: of the blur; 3 to 5 is usual, 1 does not blur.
        stride: pixels from one output to the next.
    """

    kernel: Tensor

    def __init__(self, channels: int, size: int = 4, stride: int = 2) -> None:
        super().__init__()
        line = torch.tensor([math.comb(size - 1, i) for i in range(size)]) / 2 ** (size - 1)
        self.register_buffer(
            "kernel", torch.outer(line, line).expand(channels, 1, size, size).clone(), persistent=False
        )
        left = (size - 1) // 2
        self.stride, self.padding = stride, (left, size - 1 - left) * 2

    def forward(self, x: Tensor) -> Tensor:
        """(batch, channels, height, width) in; height and width are divided by the stride and rounded up."""
        return F.conv2d(F.pad(x, self.padding, mode="reflect"), self.kernel, stride=self.stride, groups=x.shape[1])


def max_blur_pool(channels: int, size: int = 4) -> nn.Sequential:
    """In place of ``nn.MaxPool2d(3, stride=2, padding=1)``.

    Args:
        channels: of input and output.
        size: of the blur.
    """
    return nn.Sequential(nn.MaxPool2d(3, stride=1, padding=1), BlurPool(channels, size))


def conv_blur_pool(in_channels: int, out_channels: int, size: int = 4) -> nn.Sequential:
    """In place of a 3×3 convolution with stride 2, batch norm and ReLU: the stride moves behind the ReLU.

    Args:
        in_channels: of the input.
        out_channels: of the output.
        size: of the blur.
    """
    conv = nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(out_channels), nn.ReLU(), BlurPool(out_channels, size))


if __name__ == "__main__":
    torch.manual_seed(0)
    x = torch.rand(2, 16, 32, 32)  # (batch, channels, height, width)
    for layer in (BlurPool(16), max_blur_pool(16), conv_blur_pool(16, 32)):
        print(f"{tuple(x.shape)} -> {tuple(layer(x).shape)}, {sum(p.numel() for p in layer.parameters())} weights")
    stripes = (torch.arange(32) % 2).expand(1, 16, 32, 32).float()  # 0, 1, 0, 1, …
    kept, moved = stripes[..., ::2, ::2], stripes.roll(1, dims=3)[..., ::2, ::2]
    print(
        f"mean of every second pixel of stripes: {kept.mean():.1f}, and {moved.mean():.1f} after a shift by one pixel"
    )
    layer = BlurPool(16)
    print(f"with the blur: {layer(stripes).mean():.1f} and {layer(stripes.roll(1, dims=3)).mean():.1f}")
