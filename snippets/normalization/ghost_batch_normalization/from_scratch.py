"""Ghost batch normalization: statistics of each part of the batch, running statistics moved by one part after another.

Source: Hoffer et al., "Train longer, generalize better: closing the generalization gap in large batch training of
neural networks", 2017.
"""

import torch
from torch import Tensor, nn


class GhostBatchNorm(nn.Module):
    """Brings each channel to mean 0 and variance 1 over each ghost batch; in eval mode, by the running statistics."""

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(self, channels: int, ghost_size: int = 32, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__()
        self.ghost_size, self.eps, self.momentum = ghost_size, eps, momentum
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))
        self.register_buffer("num_batches_tracked", torch.tensor(0))

    def forward(self, x: Tensor) -> Tensor:
        """Normalize (batch, channel, *space)."""
        wide = x if x.dtype == torch.float64 else x.float()
        if self.training:
            ghosts = wide.tensor_split(max(1, len(x) // self.ghost_size))
            out = torch.cat([self.scaled(ghost, *self.statistics(ghost)) for ghost in ghosts])
        else:
            out = self.scaled(wide, self.running_mean, self.running_var)
        return out.to(x.dtype)

    def statistics(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance of one ghost batch, which also moves the running ones.

        Raises:
            ValueError: for one value per channel.
        """
        over, count = [d for d in range(x.dim()) if d != 1], x.numel() // x.size(1)
        if count == 1:
            raise ValueError(f"Expected more than 1 value per channel when training, got input size {x.size()}")
        mean, var = x.mean(over), x.var(over, correction=0)
        with torch.no_grad():
            self.num_batches_tracked += 1
            self.running_mean.lerp_(mean.to(self.running_mean.dtype), self.momentum)
            self.running_var.lerp_((var * count / (count - 1)).to(self.running_var.dtype), self.momentum)
        return mean, var

    def scaled(self, x: Tensor, mean: Tensor, var: Tensor) -> Tensor:
        """Subtract, divide, and apply weight and bias."""
        shape = (1, -1, *(1 for _ in x.shape[2:]))
        normal = (x - mean.view(shape)) * (var + self.eps).rsqrt().view(shape)
        return normal * self.weight.view(shape) + self.bias.view(shape)


if __name__ == "__main__":
    torch.manual_seed(0)
    ours, reference = GhostBatchNorm(16, ghost_size=4).double(), nn.BatchNorm2d(16).double()
    x = 3 * torch.randn(12, 16, 5, 5, dtype=torch.float64) + 1
    difference = (ours(x) - torch.cat([reference(part) for part in x.split(4)])).abs().max().item()
    running = (ours.running_var - reference.get_buffer("running_var")).abs().max().item()
    print(f"largest difference to BatchNorm2d, part by part, below 1e-12: {max(difference, running) < 1e-12}")
