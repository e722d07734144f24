"""Batch renormalization for (batch, channel) and (batch, channel, *space).

Source: Ioffe, "Batch Renormalization: Towards Reducing Minibatch Dependence in Batch-Normalized Models", 2017,
algorithm 1.
"""

import torch
from torch import Tensor, nn


class BatchRenorm(nn.Module):
    """Normalizes by the batch, and corrects the result towards that of the running statistics."""

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(
        self, channels: int, r_max: float = 1.0, d_max: float = 0.0, eps: float = 1e-5, momentum: float = 0.1
    ) -> None:
        super().__init__()
        self.r_max, self.d_max, self.eps, self.momentum = r_max, d_max, eps, momentum
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))
        self.register_buffer("num_batches_tracked", torch.tensor(0))

    def forward(self, x: Tensor) -> Tensor:
        """Normalize (batch, channel, *space); in train mode, move the running statistics.

        Raises:
            ValueError: in training, for one value per channel.
        """
        shape = (1, -1, *(1 for _ in x.shape[2:]))
        wide = x if x.dtype == torch.float64 else x.float()
        old_mean, old_std = self.running_mean.clone(), (self.running_var + self.eps).sqrt()
        if self.training:
            over, count = [d for d in range(x.dim()) if d != 1], x.numel() // x.size(1)
            if count == 1:
                raise ValueError(f"Expected more than 1 value per channel when training, got input size {x.size()}")
            mean, var = wide.mean(over), wide.var(over, correction=0)
            std = (var + self.eps).sqrt()
            r = (std / old_std).detach().clamp(1 / self.r_max, self.r_max)
            d = ((mean - old_mean) / old_std).detach().clamp(-self.d_max, self.d_max)
            normal = (wide - mean.view(shape)) / std.view(shape) * r.view(shape) + d.view(shape)
            with torch.no_grad():
                self.num_batches_tracked += 1
                self.running_mean.lerp_(mean.to(old_mean.dtype), self.momentum)
                self.running_var.lerp_((var * count / (count - 1)).to(old_mean.dtype), self.momentum)
        else:
            normal = (wide - old_mean.view(shape)) / old_std.view(shape)
        return (normal * self.weight.view(shape) + self.bias.view(shape)).to(x.dtype)


if __name__ == "__main__":
    torch.manual_seed(0)
    x = 3 * torch.randn(8, 16, 5, 5, dtype=torch.float64) + 1
    plain = BatchRenorm(16, r_max=1, d_max=0).double()
    difference = (plain(x) - nn.BatchNorm2d(16).double()(x)).abs().max().item()
    print(f"without room, largest difference to BatchNorm2d below 1e-12: {difference < 1e-12}")
    free = BatchRenorm(16, r_max=100, d_max=100).double()
    difference = (free(x) - BatchRenorm(16).double().eval()(x)).abs().max().item()
    print(f"without limits, largest difference to eval mode below 1e-12: {difference < 1e-12}")
