"""SkipInit: a pre-activation residual block without batch normalization, its branch times a learned scalar.

Source: De and Smith, "Batch Normalization Biases Residual Blocks Towards the Identity Function in Deep Networks", 2020,
section 4.
"""

import torch
from torch import Tensor, nn


class SkipInitBlock(nn.Module):
    """``x + alpha * conv(relu(conv(relu(x))))`` with biases in place of normalization.

    Args:
        channels: number of input and output channels.
        alpha: initial value of the scalar: 0, or at most 1/sqrt(number of blocks).

    Shape:
        (batch, channels, height, width) -> the same.
    """

    def __init__(self, channels: int, alpha: float = 0.0) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.alpha = nn.Parameter(torch.tensor(float(alpha)))
        for conv in (self.conv1, self.conv2):
            nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
            assert conv.bias is not None
            nn.init.zeros_(conv.bias)

    def forward(self, x: Tensor) -> Tensor:
        branch = self.conv2(torch.relu(self.conv1(torch.relu(x))))
        return x + self.alpha * branch


if __name__ == "__main__":
    torch.manual_seed(0)
    x = torch.randn(4, 16, 8, 8)  # (batch, channels, height, width)
    for alpha in (0.0, 1 / 50**0.5, 1.0):
        model = nn.Sequential(*[SkipInitBlock(16, alpha) for _ in range(50)])
        with torch.no_grad():
            growth = model(x).std() / x.std()
        print(f"alpha {alpha:.2f}: 50 blocks multiply the signal by", f"{growth:.1f}" if growth < 10 else "over 1000")
