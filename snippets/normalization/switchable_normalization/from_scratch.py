"""Switchable normalization from sums over each channel only: all three statistics come from those of the first.

Source: Luo et al., "Differentiable Learning-to-Normalize via Switchable Normalization", 2018.
"""

import torch
from torch import Tensor, nn


class SwitchNorm(nn.Module):
    """Instance, layer and batch statistics, mixed by two softmaxes.

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

    def forward(self, x: Tensor) -> Tensor:
        """Normalizes (batch, channels, …); in eval mode the batch statistics are the running ones."""
        if x.dim() < 3:
            raise ValueError(f"needs (batch, channels, …) with positions to normalize over, not {tuple(x.shape)}")
        flat = x.reshape(*x.shape[:2], -1).to(torch.promote_types(x.dtype, torch.float32))
        means = [flat.mean(dim=2)]  # (batch, channels)
        variances = [flat.var(dim=2, correction=0)]
        for dim in (1, 0) if self.training else (1,):  # variance of a union: mean variance plus variance of the means
            means.append(means[0].mean(dim=dim, keepdim=True))
            variances.append((variances[0] + (means[0] - means[-1]).square()).mean(dim=dim, keepdim=True))
        if self.training:
            count = x.numel() // x.shape[1]
            unbiased = variances[2].detach()[0] * count / max(count - 1, 1)
            self.running_mean.lerp_(means[2].detach()[0].to(self.running_mean), self.momentum)
            self.running_var.lerp_(unbiased.to(self.running_var), self.momentum)
        else:
            means.append(self.running_mean.to(flat))
            variances.append(self.running_var.to(flat))
        of_mean, of_var = (each.to(flat).softmax(dim=0) for each in (self.mean_logits, self.var_logits))
        mean, var = (of[0] * a + of[1] * b + of[2] * c for of, (a, b, c) in ((of_mean, means), (of_var, variances)))
        scale = self.weight * torch.rsqrt(var + self.eps)
        out = flat * scale.unsqueeze(2) + (self.bias - mean * scale).unsqueeze(2)
        return out.reshape(x.shape).to(x.dtype)


if __name__ == "__main__":
    torch.manual_seed(0)
    x = 3 + 2 * torch.randn(8, 16, 6, 6)
    references = [nn.InstanceNorm2d(16), nn.GroupNorm(1, 16), nn.BatchNorm2d(16)]
    for place, reference in enumerate(references):
        layer = SwitchNorm(16)
        with torch.no_grad():
            layer.mean_logits[place] = layer.var_logits[place] = 50.0
        difference = (layer(x) - reference(x)).abs().max().item()
        print(f"differs from {type(reference).__name__} by less than 1e-5: {difference < 1e-5}")
