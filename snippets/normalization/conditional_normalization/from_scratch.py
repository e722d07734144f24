"""Conditional batch normalization with its running statistics.

Source: de Vries et al., "Modulating early visual processing by language", 2017.
"""

import torch
from torch import Tensor, nn


class ConditionalBatchNorm(nn.Module):
    """Batch normalization whose weight and bias are 1 and 0 plus linear functions of a condition."""

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(self, channels: int, conditions: int = 4, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.weight = nn.Parameter(torch.zeros(channels, conditions))  # a column for each class of a one-hot condition
        self.bias = nn.Parameter(torch.zeros(channels, conditions))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))
        self.register_buffer("num_batches_tracked", torch.tensor(0))

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """Input (batch, channel, *space) and condition (batch, conditions).

        Raises:
            ValueError: in training, for one value per channel.
        """
        ones = tuple(1 for _ in x.shape[2:])
        wide = x if x.dtype == torch.float64 else x.float()
        mean, var = self.running_mean, self.running_var
        if self.training:
            over, count = [d for d in range(x.dim()) if d != 1], x.numel() // x.size(1)
            if count == 1:
                raise ValueError(f"Expected more than 1 value per channel when training, got input size {x.size()}")
            mean, var = wide.mean(over), wide.var(over, correction=0)
            with torch.no_grad():
                self.num_batches_tracked += 1
                self.running_mean.lerp_(mean.to(self.running_mean.dtype), self.momentum)
                self.running_var.lerp_((var * count / (count - 1)).to(self.running_var.dtype), self.momentum)
        normal = (wide - mean.view(1, -1, *ones)) * (var + self.eps).rsqrt().view(1, -1, *ones)
        weight, bias = (p @ condition.to(p.dtype).T for p in (self.weight, self.bias))  # (channel, batch)
        return (normal * (1 + weight.T.view(*x.shape[:2], *ones)) + bias.T.view(*x.shape[:2], *ones)).to(x.dtype)


if __name__ == "__main__":
    torch.manual_seed(0)
    ours, plain = ConditionalBatchNorm(3).double(), nn.BatchNorm2d(3).double()
    nn.init.normal_(ours.weight)
    nn.init.normal_(ours.bias)
    x, classes = torch.randn(6, 3, 4, 4, dtype=torch.float64), torch.full((6,), 2)  # one class for all
    plain.load_state_dict({"weight": 1 + ours.weight[:, 2].detach(), "bias": ours.bias[:, 2].detach()}, strict=False)
    difference = (ours(x, nn.functional.one_hot(classes, 4).double()) - plain(x)).abs().max().item()
    print(f"one condition for all: BatchNorm2d with that weight and bias, to 1e-12: {difference < 1e-12}")
