"""Statistics of several devices merged into those of the whole batch; here the devices are parts of one batch.

Source: Chan, Golub and LeVeque, "Updating Formulae and a Pairwise Algorithm for Computing Sample Variances", 1979.
"""

import torch
from torch import Tensor, nn


class SyncBatchNorm(nn.Module):
    """Batch normalization of a batch that lies on several devices."""

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(self, channels: int, devices: int = 2, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__()
        self.devices, self.eps, self.momentum = devices, eps, momentum
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))
        self.register_buffer("num_batches_tracked", torch.tensor(0))

    def forward(self, x: Tensor) -> Tensor:
        """Normalize (batch, channel, *space); the batch is dealt out to the devices in order.

        Raises:
            ValueError: in training, for one value per channel.
        """
        shape = (1, -1, *(1 for _ in range(x.dim() - 2)))
        wide = x if x.dtype == torch.float64 else x.float()
        mean, var = self.running_mean, self.running_var
        if self.training:
            count = x.numel() // x.size(1)
            if count == 1:
                raise ValueError(f"Expected more than 1 value per channel when training, got input size {x.size()}")
            parts = [part.transpose(0, 1).flatten(1) for part in wide.tensor_split(self.devices) if len(part)]
            mean, var = self.merge([(p.size(1), p.mean(1), p.var(1, correction=0)) for p in parts])
            with torch.no_grad():  # each device does the same, so the buffers stay alike
                self.num_batches_tracked += 1
                self.running_mean.lerp_(mean.to(self.running_mean.dtype), self.momentum)
                self.running_var.lerp_((var * count / (count - 1)).to(self.running_var.dtype), self.momentum)
        out = (wide - mean.view(shape)) * (var + self.eps).rsqrt().view(shape)
        return (out * self.weight.view(shape) + self.bias.view(shape)).to(x.dtype)

    @staticmethod
    def merge(parts: list[tuple[int, Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
        """Mean and variance of all values from each device's count, mean and variance: all that devices exchange."""
        total = sum(count for count, _, _ in parts)
        mean = sum((count * mean for count, mean, _ in parts[1:]), parts[0][0] * parts[0][1]) / total
        squares = [count * (var + (own - mean).square()) for count, own, var in parts]  # around the common mean
        return mean, torch.stack(squares).sum(dim=0) / total


if __name__ == "__main__":
    torch.manual_seed(0)
    ours, whole = SyncBatchNorm(16, devices=4).double(), nn.BatchNorm2d(16).double()
    x = 3 * torch.randn(10, 16, 5, 5, dtype=torch.float64) + 1  # 3, 3, 2 and 2 images
    difference = (ours(x) - whole(x)).abs().max().item()
    print(f"largest difference to BatchNorm2d on the whole batch below 1e-12: {difference < 1e-12}")
