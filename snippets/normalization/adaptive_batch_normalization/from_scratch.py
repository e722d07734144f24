"""Adaptive batch normalization layer by layer, for a chain of layers and one batch.

Source: Li et al., "Revisiting Batch Normalization For Practical Domain Adaptation", 2016, algorithm 1;
Schneider et al., "Improving robustness against common corruptions by covariate shift adaptation", 2020
"""

import copy

import torch
from torch import Tensor, nn

NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


@torch.no_grad()
def adapt(model: nn.Sequential, x: Tensor, source_samples: float = 0.0) -> nn.Sequential:
    """A copy with mean and variance of x, (batch, channel, *space), at each normalization."""
    model = copy.deepcopy(model).eval()
    share = source_samples / (source_samples + len(x))
    for layer in model:
        if not isinstance(layer, NORMS):
            x = layer(x)
            continue
        assert layer.running_mean is not None
        assert layer.running_var is not None
        rows = x.transpose(0, 1).flatten(1)  # (channel, batch * space)
        mean, var = rows.mean(dim=1), rows.var(dim=1)
        shape = (1, -1) + (1,) * (x.dim() - 2)
        x = (x - mean.view(shape)) / (rows.var(dim=1, correction=0) + layer.eps).sqrt().view(shape)
        if layer.affine:
            x = x * layer.weight.view(shape) + layer.bias.view(shape)
        layer.running_mean.copy_(share * layer.running_mean + (1 - share) * mean)
        layer.running_var.copy_(share * layer.running_var + (1 - share) * var)
    return model


if __name__ == "__main__":
    torch.manual_seed(0)
    parts = [nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.BatchNorm2d(8)]
    model, x = nn.Sequential(*parts), 2 + torch.randn(32, 3, 8, 8)
    adapted = adapt(model, x)
    for layer in model:
        if isinstance(layer, NORMS):
            layer.momentum = 1.0  # training mode then stores the statistics of the one batch
    model.train()(x)
    pairs = zip(adapted.buffers(), model.buffers(), strict=True)
    largest = max((a - b).abs().max().item() for a, b in pairs if a.is_floating_point())
    print(f"statistics differ from those of training mode by less than 1e-5: {largest < 1e-5}")
