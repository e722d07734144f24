"""EvoNorm-S0 and EvoNorm-B0, each in place of a normalization and the activation behind it.

Source: Liu et al., "Evolving Normalization-Activation Layers", 2020.
"""

import torch
from torch import Tensor, nn


class EvoNorm2dS0(nn.Module):
    """SiLU with a learned slope, divided by the standard deviation of a group of channels; no statistics of the batch.

    Args:
        num_features: channels.
        groups: of channels; must divide them.
        eps: added to the variance.
    """

    def __init__(self, num_features: int, groups: int = 32, eps: float = 1e-5) -> None:
        super().__init__()
        self.groups, self.eps = groups, eps
        self.weight, self.bias = nn.Parameter(torch.ones(num_features)), nn.Parameter(torch.zeros(num_features))
        self.v = nn.Parameter(torch.ones(num_features))

    def forward(self, x: Tensor) -> Tensor:
        """Of (batch, channel, height, width)."""
        weight, bias, v = (p.view(1, -1, 1, 1) for p in (self.weight, self.bias, self.v))
        var = x.unflatten(1, (self.groups, -1)).var(dim=(2, 3, 4), correction=0)  # (batch, groups)
        std = (var + self.eps).sqrt().repeat_interleave(x.shape[1] // self.groups, dim=1)[:, :, None, None]
        return x * torch.sigmoid(v * x) / std * weight + bias


class EvoNorm2dB0(nn.Module):
    """Divides by the batch's standard deviation, or by v x plus the image's own, whichever is larger.

    Args:
        num_features: channels.
        momentum: weight of the new value in the running variance, as in torch's batch normalization.
        eps: added to both variances.
    """

    running_var: Tensor

    def __init__(self, num_features: int, momentum: float = 0.1, eps: float = 1e-3) -> None:
        super().__init__()
        self.momentum, self.eps = momentum, eps
        self.weight, self.bias = nn.Parameter(torch.ones(num_features)), nn.Parameter(torch.zeros(num_features))
        self.v = nn.Parameter(torch.ones(num_features))
        self.register_buffer("running_var", torch.ones(num_features))

    def forward(self, x: Tensor) -> Tensor:
        """Of (batch, channel, height, width).

        Raises:
            ValueError: in training, for one value per channel.
        """
        weight, bias, v = (p.view(1, -1, 1, 1) for p in (self.weight, self.bias, self.v))
        var = self.running_var
        if self.training:
            var, count = x.var(dim=(0, 2, 3), correction=0), x.numel() // x.shape[1]
            if count == 1:
                raise ValueError(f"Expected more than 1 value per channel when training, got input size {x.size()}")
            with torch.no_grad():
                self.running_var.lerp_(var * count / (count - 1), self.momentum)
        of_image = (x.var(dim=(2, 3), keepdim=True, correction=0) + self.eps).sqrt()
        return x / torch.maximum((var.view(1, -1, 1, 1) + self.eps).sqrt(), v * x + of_image) * weight + bias


if __name__ == "__main__":
    torch.manual_seed(0)
    x = torch.randn(4, 16, 8, 8)
    for layer in (EvoNorm2dS0(16, groups=4), EvoNorm2dB0(16)):
        alone, together = layer(x[:1]), layer(x)[:1]
        difference = (alone - together).abs().max().item()
        print(f"{type(layer).__name__}: depends on the batch in train mode: {difference > 0.01}")
        alone, together = layer.eval()(x[:1]), layer(x)[:1]
        print(f"{type(layer).__name__}: depends on the batch in eval mode: {(alone - together).abs().max() > 1e-5}")
