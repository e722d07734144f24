"""Fixup: train a deep residual network without normalization by rescaling its initialization.

Source: Zhang et al., "Fixup Initialization: Residual Learning Without Normalization", 2019.
"""

import torch
from torch import Tensor, nn


class FixupBlock(nn.Module):
    """Residual block of two 3x3 convolutions with scalar biases and one scalar multiplier instead of normalization.

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        stride: stride of the first convolution and of the shortcut.

    Shape:
        (batch, in_channels, height, width) -> (batch, out_channels, height / stride, width / stride), rounded up
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
        super().__init__()
        self.bias1a = nn.Parameter(torch.zeros(1))
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=False)
        self.bias1b = nn.Parameter(torch.zeros(1))
        self.bias2a = nn.Parameter(torch.zeros(1))
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.scale = nn.Parameter(torch.ones(1))
        self.bias2b = nn.Parameter(torch.zeros(1))
        same = in_channels == out_channels and stride == 1
        self.shortcut = None if same else nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.conv1(x + self.bias1a) + self.bias1b)  # (batch, out_channels, height, width)
        y = self.conv2(y + self.bias2a) * self.scale + self.bias2b
        return torch.relu(y + (x if self.shortcut is None else self.shortcut(x + self.bias1a)))


def fixup_scale(blocks: int, layers: int = 2) -> float:
    """Factor ``blocks ** (-1 / (2 * layers - 2))`` for the weights inside a branch of ``layers`` >= 2 layers.

    Raises:
        ValueError: for fewer than one block or two layers.
    """
    if blocks < 1 or layers < 2:
        raise ValueError(f"need blocks >= 1 and layers >= 2, got {blocks} and {layers}")
    return float(blocks ** (-1 / (2 * layers - 2)))


def fixup_init(model: nn.Module, head: nn.Linear) -> nn.Module:
    """Initialize every convolution of ``model`` and its classifier ``head`` in place.

    Raises:
        ValueError: if the model holds no ``FixupBlock``.
    """
    blocks = [module for module in model.modules() if isinstance(module, FixupBlock)]
    scale = fixup_scale(len(blocks))
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    with torch.no_grad():
        for block in blocks:
            block.conv1.weight.mul_(scale)
            block.conv2.weight.zero_()  # the branch starts at 0, so the block at the identity
        head.weight.zero_()
        head.bias.zero_()
    return model


if __name__ == "__main__":
    torch.manual_seed(0)
    head = nn.Linear(16, 10)
    blocks = [FixupBlock(16, 16) for _ in range(50)]
    model = nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), head
    )
    fixup_init(model, head)
    x = torch.randn(8, 3, 16, 16)  # (batch, channels, height, width)
    stem = model[:2](x)
    print(f"scale of the first layer in each of 50 branches: {fixup_scale(50):.3f}")
    print(f"largest change of the signal through 50 blocks: {(model[:-3](x) - stem).abs().max():.0e}")
    loss = nn.functional.cross_entropy(model(x), torch.randint(10, (8,)))
    print(f"loss {loss:.3f}, logarithm of 10 classes 2.303")
