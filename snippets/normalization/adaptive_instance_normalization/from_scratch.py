"""Adaptive instance normalization as a layer, without torch's normalization.

Source: Huang and Belongie, "Arbitrary Style Transfer in Real-time with Adaptive Instance Normalization", 2017.
"""

import torch
from torch import Tensor, nn


class AdaptiveInstanceNorm(nn.Module):
    """Gives the input the channel statistics of a second tensor; has nothing to learn.

    Args:
        channels: channels of both tensors.
        eps: added to variances.
    """

    def __init__(self, channels: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.channels, self.eps = channels, eps

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """Input and style, (batch, channel, *space); their spaces may differ in size.

        Raises:
            ValueError: for another number of channels, and for batches that differ.
        """
        if x.shape[:2] != condition.shape[:2] or x.size(1) != self.channels:
            raise ValueError(f"needs {self.channels} channels and one batch, got {x.shape} and {condition.shape}")
        mean, std = self.statistics(x)
        style_mean, style_std = self.statistics(condition)
        shape = (*x.shape[:2], *(1 for _ in x.shape[2:]))
        scale = style_std / std
        return (x * scale.view(shape) + (style_mean - mean * scale).view(shape)).to(x.dtype)

    def statistics(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and standard deviation of each channel of each sample, (batch, channel)."""
        wide = (x if x.dtype == torch.float64 else x.float()).flatten(2)
        mean = wide.mean(dim=2)
        return mean, ((wide - mean.unsqueeze(2)).square().mean(dim=2) + self.eps).sqrt()


if __name__ == "__main__":
    torch.manual_seed(0)
    x, style = torch.randn(2, 3, 8, 8, dtype=torch.float64), 4 * torch.rand(2, 3, 5, 5, dtype=torch.float64)
    var, mean = torch.var_mean(style, (2, 3), correction=0)
    reference = torch.cat(
        [
            nn.functional.instance_norm(
                x[i : i + 1], weight=(var[i] + 1e-5).sqrt(), bias=mean[i]
            )  # one style at a time
            for i in range(2)
        ]
    )
    difference = (AdaptiveInstanceNorm(3)(x, style) - reference).abs().max().item()
    print(f"largest difference to torch's instance_norm with these weights below 1e-12: {difference < 1e-12}")
