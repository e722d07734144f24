"""Batch-instance normalization from means and variances.

Source: Nam and Kim, "Batch-Instance Normalization for Adaptively Style-Invariant Neural Networks", 2018.
"""

import torch
from torch import Tensor, nn


class BatchInstanceNorm(nn.Module):
    """Batch and instance normalization, mixed channel by channel.

    Args:
        channels: of the input (batch, channels, …).
        eps: added to the variance, against division by zero.
        momentum: weight of the new batch in the running statistics, as in torch's BatchNorm.

    Raises:
        ValueError: in training, for one image of one pixel.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))
        self.gate = nn.Parameter(torch.ones(channels))  # 1: batch, 0: instance
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Normalizes (batch, channels, …) with at least one position."""
        flat = x.reshape(*x.shape[:2], -1).to(torch.promote_types(x.dtype, torch.float32))
        var, mean = torch.var_mean(flat, dim=2, keepdim=True, correction=0)  # (batch, channels, 1)
        by_instance = (flat - mean) * torch.rsqrt(var + self.eps)
        if self.training:
            var, mean = torch.var_mean(flat, dim=(0, 2), correction=0)  # (channels,)
            if (count := flat.shape[0] * flat.shape[2]) == 1:
                raise ValueError(f"Expected more than 1 value per channel when training, got {tuple(x.shape)}")
            unbiased = var.detach() * count / (count - 1)
            self.running_mean.lerp_(mean.detach().to(self.running_mean), self.momentum)
            self.running_var.lerp_(unbiased.to(self.running_var), self.momentum)
        else:
            var, mean = self.running_var.to(flat), self.running_mean.to(flat)
        by_batch = (flat - mean.unsqueeze(1)) * torch.rsqrt(var.unsqueeze(1) + self.eps)
        gate, weight, bias = (p.unsqueeze(1) for p in (self.gate, self.weight, self.bias))
        out = (gate * by_batch + (1 - gate) * by_instance) * weight + bias
        return out.reshape(x.shape).to(x.dtype)


if __name__ == "__main__":
    torch.manual_seed(0)
    x = 3 + 2 * torch.randn(8, 16, 6, 6)
    for gate, reference in [(1.0, nn.BatchNorm2d(16)), (0.0, nn.InstanceNorm2d(16))]:
        layer = BatchInstanceNorm(16)
        nn.init.constant_(layer.gate, gate)
        difference = (layer(x) - reference(x)).abs().max().item()
        print(f"gate {gate:g}: differs from {type(reference).__name__} by less than 1e-5: {difference < 1e-5}")
