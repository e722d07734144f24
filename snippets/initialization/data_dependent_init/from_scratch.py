"""Per-channel normalization of one layer, folded into weight and bias: batch normalization's first pass.

Source: Krähenbühl et al., "Data-dependent Initializations of Convolutional Neural Networks", 2015.
"""

import torch
from torch import Tensor, nn


def folded(x: Tensor, w: Tensor) -> tuple[Tensor, Tensor]:
    """Weight and bias for which every output of ``x w^T + b`` has mean 0 and variance 1; x: (batch, fan_in)."""
    center = x.mean(0)  # (fan_in,)
    covariance = (x - center).T @ (x - center) / len(x)
    std = (w @ covariance * w).sum(1).sqrt()  # (fan_out,): variance of w^T x without computing any output
    weight = w / std[:, None]
    return weight, -weight @ center


if __name__ == "__main__":
    torch.manual_seed(0)
    x = 5 + 3 * torch.randn(512, 16, dtype=torch.float64)
    layer = nn.Linear(16, 24).double()
    norm = nn.BatchNorm1d(24, eps=1e-12).double()
    weight, bias = folded(x, layer.weight.detach())
    difference = (x @ weight.T + bias - norm(layer(x))).abs().max()
    print(f"largest difference from batch normalization in training mode below 1e-10: {bool(difference < 1e-10)}")
