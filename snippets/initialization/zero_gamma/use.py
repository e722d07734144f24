"""Zero-gamma: start every residual block at the identity by zeroing the scale of its last normalization.

Source: Goyal et al., "Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour", 2017.
"""

import torch
from torch import Tensor, nn


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions with batch normalization; the last normalization's scale starts at zero.

    Args:
        channels: channels of input and output.
        zero_gamma: False leaves the last scale at its default of one.

    Shape:
        (batch, channels, height, width) -> the same
    """

    def __init__(self, channels: int, zero_gamma: bool = True) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        if zero_gamma:
            nn.init.zeros_(self.bn2.weight)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.bn1(self.conv1(x)))  # (batch, channels, height, width)
        return torch.relu(x + self.bn2(self.conv2(y)))


def zero_last_gamma(model: nn.Module, last_norm: str) -> int:
    """Zero the scale of each submodule of that name, in place; call it after every other initializer.

    Args:
        model: any model whose residual blocks keep their last normalization under one attribute name.
        last_norm: that name, such as ``"bn3"`` for a bottleneck block of torchvision and ``"bn2"`` for a basic block.

    Returns:
        How many scales were zeroed.

    Raises:
        ValueError: if there is none, or one is no affine normalization layer.
    """
    found = [module for name, module in model.named_modules() if name.split(".")[-1] == last_norm]
    if not found:
        raise ValueError(f"no submodule is named {last_norm!r}")
    for module in found:
        weight = getattr(module, "weight", None)
        if weight is None or weight.dim() != 1:
            raise ValueError(f"{last_norm!r} is {type(module).__name__}, not a normalization with a scale")
        nn.init.zeros_(weight)
    return len(found)


if __name__ == "__main__":
    torch.manual_seed(0)
    model = nn.Sequential(*(ResidualBlock(16, zero_gamma=False) for _ in range(16)))
    x = torch.rand(8, 16, 12, 12)  # (batch, channels, height, width), as after a ReLU
    print(f"scale 1: standard deviation {x.std():.2f} becomes {model(x).std():.1f} through 16 blocks")
    print(f"scales set to zero: {zero_last_gamma(model, 'bn2')}")
    print(f"scale 0: the output equals the input, largest difference {(model(x) - x).abs().max():.0e}")
