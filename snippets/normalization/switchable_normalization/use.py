"""Switchable normalization of images, sequences or volumes: a learned mixture of three statistics.

Source: Luo et al., "Differentiable Learning-to-Normalize via Switchable Normalization", 2018.
"""

import torch
from torch import Tensor, nn


class SwitchNorm(nn.Module):
    """Mixes the statistics of instance, layer and batch normalization, in proportions that are learned.

    Args:
        channels: of the input (batch, channels, …).
        eps: added to the variance, against division by zero.
        momentum: weight of the new batch in the running statistics, as in torch's BatchNorm.

    Raises:
        ValueError: when called with vectors, which have no positions.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, channels: int, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.weight, self.bias = nn.Parameter(torch.ones(channels)), nn.Parameter(torch.zeros(channels))
        self.mean_logits, self.var_logits = nn.Parameter(torch.zeros(3)), nn.Parameter(torch.zeros(3))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def proportions(self) -> tuple[Tensor, Tensor]:
        """Of instance, layer and batch statistics: three for the means, three for the variances."""
        return self.mean_logits.softmax(dim=0), self.var_logits.softmax(dim=0)

    def forward(self, x: Tensor) -> Tensor:
        """Normalizes (batch, channels, …); in eval mode the batch statistics are the running ones."""
        if x.dim() < 3:
            raise ValueError(f"needs (batch, channels, …) with positions to normalize over, not {tuple(x.shape)}")
        wide = x.to(torch.promote_types(x.dtype, torch.float32))
        space = tuple(range(2, x.dim()))
        per_channel = (1, -1, *[1] * len(space))
        scopes = [torch.var_mean(wide, dim=dims, keepdim=True, correction=0) for dims in (space, (1, *space))]
        if self.training:
            scopes.append(torch.var_mean(wide, dim=(0, *space), keepdim=True, correction=0))
            self.remember(*scopes[-1], count=x.numel() // x.shape[1])
        else:
            scopes.append((self.running_var.view(per_channel).to(wide), self.running_mean.view(per_channel).to(wide)))
        of_mean, of_var = (each.to(wide) for each in self.proportions())
        mean = sum(share * mean for share, (_, mean) in zip(of_mean, scopes, strict=True))
        var = sum(share * var for share, (var, _) in zip(of_var, scopes, strict=True))
        out = (wide - mean) * torch.rsqrt(var + self.eps)
        return (out * self.weight.view(per_channel) + self.bias.view(per_channel)).to(x.dtype)

    @torch.no_grad()
    def remember(self, var: Tensor, mean: Tensor, count: int) -> None:
        """Moves the running statistics towards the batch's; the variance is the unbiased one, as in torch."""
        unbiased = var.flatten() * count / max(count - 1, 1)
        self.running_mean.lerp_(mean.flatten().to(self.running_mean), self.momentum)
        self.running_var.lerp_(unbiased.to(self.running_var), self.momentum)


if __name__ == "__main__":
    torch.manual_seed(0)
    layer, x = SwitchNorm(16), 3 + 2 * torch.randn(8, 16, 6, 6)
    print(f"proportions at the start: {[round(each, 2) for each in layer.proportions()[0].tolist()]}")
    with torch.no_grad():
        layer.var_logits[2] = layer.mean_logits[2] = 50.0  # batch statistics only
    difference = (layer(x) - nn.BatchNorm2d(16)(x)).abs().max().item()
    print(f"with all weight on the batch it differs from BatchNorm by less than 1e-5: {difference < 1e-5}")
