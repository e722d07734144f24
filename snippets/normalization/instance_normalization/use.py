"""Instance normalization with torch.nn.InstanceNorm2d: a residual block of a style network.

Source: Ulyanov, Vedaldi and Lempitsky, "Instance Normalization: The Missing Ingredient for Fast Stylization", 2016
"""

import torch
from torch import Tensor, nn


class Block(nn.Module):
    """Two convolutions with instance normalization, and a skip connection.

    Args:
        width: channels of input and output.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1, padding_mode="reflect", bias=False),
            nn.InstanceNorm2d(width, affine=True),  # torch's default is affine=False: no gain, no bias
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1, padding_mode="reflect", bias=False),
            nn.InstanceNorm2d(width, affine=True),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Output (batch, channels, height, width) of an input of that shape."""
        return x + self.body(x)


if __name__ == "__main__":
    torch.manual_seed(0)
    block, x = Block(8), torch.randn(4, 8, 16, 16)
    print(f"the same alone, in train and in eval mode: {torch.allclose(block(x)[:1], block.eval()(x[:1]), atol=1e-5)}")
    paler = 0.3 * x + 2
    print(f"largest change of the body for paler images: {(block.body(paler) - block.body(x)).abs().max().item():.4f}")
