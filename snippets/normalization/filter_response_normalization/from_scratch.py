"""Filter response normalization for (batch, channel, *space), with the threshold as an option.

Source: Singh and Krishnan, "Filter Response Normalization Layer: Eliminating Batch Dependence in the Training of Deep
Neural Networks", 2019.
"""

import torch
from torch import Tensor, nn


class FilterResponseNorm(nn.Module):
    """Divides each channel of each sample by the root of its mean square; nothing is subtracted.

    Args:
        channels: their number.
        eps: added to the mean square.
        threshold: whether to cut off below a learned threshold afterwards, as the paper's layer does.
    """

    def __init__(self, channels: int, eps: float = 1e-6, threshold: bool = False) -> None:
        super().__init__()
        self.eps = eps
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))
        self.tau = nn.Parameter(torch.zeros(channels)) if threshold else None

    def forward(self, x: Tensor) -> Tensor:
        """Normalize (batch, channel, *space)."""
        shape = (1, -1, *(1 for _ in x.shape[2:]))
        wide = x if x.dtype == torch.float64 else x.float()
        mean_square = wide.square().mean(dim=list(range(2, x.dim())), keepdim=True)  # (batch, channel, 1, …)
        y = self.weight.view(shape) * wide * (mean_square + self.eps).rsqrt() + self.bias.view(shape)
        return (y if self.tau is None else torch.maximum(y, self.tau.view(shape))).to(x.dtype)


if __name__ == "__main__":
    torch.manual_seed(0)
    x = 5 + 3 * torch.randn(4, 16, 6, 6, dtype=torch.float64)
    ours = FilterResponseNorm(16, threshold=True).double()
    reference = nn.functional.rms_norm(x, (6, 6), eps=1e-6).relu()
    print(f"differs from torch's rms_norm and ReLU by less than 1e-12: {(ours(x) - reference).abs().max() < 1e-12}")
    y = FilterResponseNorm(16).double()(x)
    print(f"mean {y.mean().item():.2f}  mean square {y.square().mean().item():.2f}")
