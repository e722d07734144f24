"""LSUV for a plain chain of layers: orthogonal matrices from a QR decomposition, one division for each layer.

Source: Mishkin and Matas, "All you need is a good init", 2015.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn


def orthogonal(rows: int, columns: int, generator: torch.Generator) -> Tensor:
    """Semi-orthogonal matrix, uniformly distributed: QR with the signs of R's diagonal moved into Q."""
    a = torch.randn(rows, columns, generator=generator)
    q, r = torch.linalg.qr(a if rows >= columns else a.T)
    q = q * r.diagonal().sign()
    return q if rows >= columns else q.T


def lsuv_chain(x: Tensor, widths: list[int], generator: torch.Generator) -> list[Tensor]:
    """Weights for ``tanh(x W1^T) ...``: (batch, widths[0]) -> one matrix for each pair of neighbours."""
    weights = []
    for fan_in, fan_out in pairwise(widths):
        w = orthogonal(fan_out, fan_in, generator)
        w = w / (x @ w.T).std(correction=0)  # the output is linear in w, so one division is exact
        weights.append(w)
        x = torch.tanh(x @ w.T)
    return weights


if __name__ == "__main__":
    widths = [32, 64, 64, 10]
    x = 5 * torch.randn(256, 32, generator=torch.Generator().manual_seed(0))
    weights = lsuv_chain(x, widths, torch.Generator().manual_seed(1))
    generator, signal, difference = torch.Generator().manual_seed(1), x, 0.0
    with torch.no_grad():
        for w in weights:
            layer = nn.Linear(w.shape[1], w.shape[0], bias=False)
            nn.init.orthogonal_(layer.weight, generator=generator)
            layer.weight.div_(layer(signal).std(correction=0))
            difference = max(difference, (layer.weight - w).abs().max().item())
            signal = torch.tanh(layer(signal))
    print(f"largest difference from nn.init.orthogonal_ and a division below 1e-5: {difference < 1e-5}")
