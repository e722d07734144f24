"""Batch-instance normalization with torch's two functions, and the clipping of its gates after each step.

Source: Nam and Kim, "Batch-Instance Normalization for Adaptively Style-Invariant Neural Networks", 2018.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional


class BatchInstanceNorm(nn.Module):
    """Mixes the outputs of batch and instance normalization with one learned gate for each channel.

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
        buffers = (self.running_mean, self.running_var)
        by_batch = functional.batch_norm(
            x, *buffers, training=self.training, momentum=self.momentum, eps=self.eps, weight=self.weight * self.gate
        )
        by_instance = functional.layer_norm(x, x.shape[2:], eps=self.eps)  # over the positions of a channel
        scale = (self.weight * (1 - self.gate)).view(-1, *[1] * (x.dim() - 2))
        return by_batch + by_instance * scale + self.bias.view(scale.shape)


@torch.no_grad()
def clip_gates(model: nn.Module) -> None:
    """Brings every gate back to [0, 1]; call it after each ``optimizer.step()``."""
    for module in model.modules():
        if isinstance(module, BatchInstanceNorm):
            module.gate.clamp_(0.0, 1.0)


if __name__ == "__main__":
    torch.manual_seed(0)
    layer, x = BatchInstanceNorm(16), 3 + 2 * torch.randn(8, 16, 6, 6)
    difference = (layer(x) - nn.BatchNorm2d(16)(x)).abs().max().item()
    print(f"at the start it differs from BatchNorm by less than 1e-5: {difference < 1e-5}")
    optimizer = torch.optim.SGD(layer.parameters(), lr=10.0)
    layer(x)[:, :8].square().mean().backward()
    optimizer.step()
    print(f"gates after a large step: up to {layer.gate.max().item():.2f}")
    clip_gates(layer)
    print(f"gates after clipping: from {layer.gate.min().item():.2f} to {layer.gate.max().item():.2f}")
