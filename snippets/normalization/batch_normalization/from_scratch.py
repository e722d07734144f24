"""Batch normalization with its running statistics, for (batch, channel) and (batch, channel, *space).

Source: Ioffe and Szegedy, "Batch Normalization: Accelerating Deep Network Training by Reducing Internal Covariate
Shift", 2015, algorithms 1 and 2.
"""

import torch
from torch import Tensor, nn


class BatchNorm(nn.Module):
    """Brings each channel to mean 0 and variance 1 over the batch; in eval mode, by the running statistics."""

    weight: Tensor  # these are None where affine or track_running_stats is False
    bias: Tensor
    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(
        self,
        channels: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
    ) -> None:
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.register_parameter("weight", nn.Parameter(torch.ones(channels)) if affine else None)
        self.register_parameter("bias", nn.Parameter(torch.zeros(channels)) if affine else None)
        tracked = track_running_stats
        self.register_buffer("running_mean", torch.zeros(channels) if tracked else None)
        self.register_buffer("running_var", torch.ones(channels) if tracked else None)
        self.register_buffer("num_batches_tracked", torch.tensor(0) if tracked else None)

    def forward(self, x: Tensor) -> Tensor:
        """Normalize (batch, channel, *space); in train mode, move the running statistics.

        Raises:
            ValueError: for one value per channel, where the batch's own statistics are used.
        """
        wide = x if x.dtype == torch.float64 else x.float()  # 16-bit numbers are too coarse for sums
        over = [d for d in range(x.dim()) if d != 1]
        mean, var = self.running_mean, self.running_var
        if self.training or mean is None:
            count = x.numel() // x.size(1)  # values behind each mean
            if count == 1:
                raise ValueError(f"Expected more than 1 value per channel when training, got input size {x.size()}")
            mean, var = wide.mean(over), wide.var(over, correction=0)
            if self.training and self.running_mean is not None:
                self.track(mean.detach(), var.detach() * count / (count - 1))
        shape = (1, -1, *(1 for _ in over[1:]))
        out = (wide - mean.view(shape)) * (var + self.eps).rsqrt().view(shape)
        if self.weight is not None:
            out = out * self.weight.view(shape) + self.bias.view(shape)
        return out.to(x.dtype)

    def track(self, mean: Tensor, var: Tensor) -> None:
        """Move the running statistics towards those of this batch; ``momentum`` is the share of the new ones."""
        self.num_batches_tracked += 1
        share = 1 / self.num_batches_tracked.double() if self.momentum is None else self.momentum
        self.running_mean += share * (mean - self.running_mean).to(self.running_mean.dtype)
        self.running_var += share * (var - self.running_var).to(self.running_var.dtype)


if __name__ == "__main__":
    torch.manual_seed(0)
    ours, reference = BatchNorm(16).double(), nn.BatchNorm2d(16).double()
    for _ in range(20):
        x = 3 * torch.randn(8, 16, 5, 5, dtype=torch.float64) + 1
        difference = (ours(x) - reference(x)).abs().max().item()
    running = (ours.running_var - reference.get_buffer("running_var")).abs().max().item()
    print(f"largest difference to torch.nn.BatchNorm2d: output below 1e-12: {difference < 1e-12}")
    print(f"running variance after 20 batches below 1e-12: {running < 1e-12}")
