"""Instance normalization: mean and variance of each channel of each sample over its space.

Source: Ulyanov, Vedaldi and Lempitsky, "Instance Normalization: The Missing Ingredient for Fast Stylization", 2016
"""

import torch
from torch import Tensor, nn


class InstanceNorm(nn.Module):
    """Mean 0 and variance 1 in each channel of each sample, then a gain and a bias where they are asked for.

    Args:
        channels: channels of the input, (batch, channels, *space).
        eps: added to the variance.
        affine: has a gain and a bias for each channel; torch's default is not to have them.
        track_running_stats: averages statistics in train mode and uses these averages in eval mode.
        momentum: weight of the new statistics in the averages.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(
        self,
        channels: int,
        eps: float = 1e-5,
        affine: bool = False,
        track_running_stats: bool = False,
        momentum: float = 0.1,
    ) -> None:
        super().__init__()
        self.eps, self.tracks, self.momentum = eps, track_running_stats, momentum
        self.weight = nn.Parameter(torch.ones(channels)) if affine else None
        self.bias = nn.Parameter(torch.zeros(channels)) if affine else None
        if track_running_stats:
            self.register_buffer("running_mean", torch.zeros(channels))
            self.register_buffer("running_var", torch.ones(channels))
            self.register_buffer("num_batches_tracked", torch.tensor(0))  # torch never counts here

    def forward(self, x: Tensor) -> Tensor:
        """Normalized x, of the same shape and type."""
        wide = x.to(torch.promote_types(x.dtype, torch.float32))  # half precision would lose the variance
        shape, over = (-1,) + (1,) * (x.dim() - 2), list(range(2, x.dim()))
        if self.tracks and not self.training:
            mean, var = self.running_mean.view(shape), self.running_var.view(shape)
        else:
            var, mean = torch.var_mean(wide, dim=over, correction=0, keepdim=True)  # (batch, channels, 1, …)
        if self.tracks and self.training:
            self.remember(mean.flatten(1), var.flatten(1), x[0, 0].numel())
        y = (wide - mean) * (var + self.eps).rsqrt()
        if self.weight is not None and self.bias is not None:
            y = y * self.weight.view(shape) + self.bias.view(shape)
        return y.to(x.dtype)

    @torch.no_grad()
    def remember(self, mean: Tensor, var: Tensor, count: int) -> None:
        """Moves the averages towards the mean over the batch; the variance that is averaged is the unbiased one."""
        self.running_mean.lerp_(mean.mean(0).to(self.running_mean), self.momentum)
        self.running_var.lerp_((var.mean(0) * count / max(count - 1, 1)).to(self.running_var), self.momentum)


if __name__ == "__main__":
    torch.manual_seed(0)
    x = 10 * torch.randn(4, 6, 5, 5, dtype=torch.float64) + 3
    ours, reference = InstanceNorm(6, affine=True).double(), nn.InstanceNorm2d(6, affine=True).double()
    print(f"largest difference to torch.nn.InstanceNorm2d: {(ours(x) - reference(x)).abs().max().item():.0e}")
