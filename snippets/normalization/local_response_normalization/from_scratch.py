"""Local response normalization: each channel is divided by a power of the squares of its neighbours.

Source: Krizhevsky, Sutskever and Hinton, "ImageNet Classification with Deep Convolutional Neural Networks", 2012, 3.3
"""

import torch
from torch import Tensor, nn


class LocalResponseNorm(nn.Module):
    """``x / (k + alpha / size * sum of squares of size neighbouring channels) ** beta``, as torch has it.

    Args:
        channels: channels of the input, (batch, channels, *space); the layer itself does not need to know them.
        size: channels in the sum: size // 2 before and (size - 1) // 2 after.
        alpha: torch's alpha, the paper's times size.
        beta: power of the divisor.
        k: what is added to the sum.
    """

    def __init__(self, channels: int, size: int = 5, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> None:
        super().__init__()
        self.channels, self.size, self.alpha, self.beta, self.k = channels, size, alpha, beta, k

    def forward(self, x: Tensor) -> Tensor:
        """Normalized x, of the same shape and type."""
        wide = x.to(torch.promote_types(x.dtype, torch.float32))  # squares overflow in half precision
        count = x.shape[1]
        squares = wide.square()
        total = torch.zeros_like(squares)
        for shift in range(-(self.size // 2), (self.size - 1) // 2 + 1):  # total[c] gets squares[c + shift]
            first, last = max(0, -shift), min(count, count - shift)
            if first < last:
                total[:, first:last] += squares[:, first + shift : last + shift]
        return (wide / (self.k + self.alpha / self.size * total) ** self.beta).to(x.dtype)


if __name__ == "__main__":
    torch.manual_seed(0)
    x = 20 * torch.randn(4, 12, 5, 5, dtype=torch.float64)
    ours, reference = LocalResponseNorm(12, alpha=0.01), nn.LocalResponseNorm(5, alpha=0.01)
    print(f"largest difference to torch.nn.LocalResponseNorm: {(ours(x) - reference(x)).abs().max().item():.0e}")
