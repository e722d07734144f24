"""ZCA and PCA whitening with statistics of the training set, as a layer in front of a network.

Source: LeCun et al., "Efficient BackProp", 1998, section 4.3
"""

import torch
from torch import Tensor, nn


class Whitening(nn.Module):
    """Subtracts a mean and multiplies by a matrix, both stored as buffers."""

    mean: Tensor
    matrix: Tensor

    def __init__(self, mean: Tensor, matrix: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)  # (feature,)
        self.register_buffer("matrix", matrix)  # (feature, feature)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, *feature) in, (batch, feature) out."""
        return (x.flatten(1) - self.mean) @ self.matrix


@torch.no_grad()
def fit_whitening(x: Tensor, eps: float = 0.1, kind: str = "zca") -> Whitening:
    """Learns the whitening of a training set.

    Args:
        x: training inputs (samples, *feature).
        eps: added to each eigenvalue, in units of the mean eigenvalue: directions below it are not blown up.
        kind: ``zca`` stays close to the input, ``pca`` sorts by variance, the largest first.

    Raises:
        ValueError: for another kind.
    """
    if kind not in ("zca", "pca"):
        raise ValueError(f"kind must be zca or pca, got {kind}")
    x = x.flatten(1)
    mean = x.mean(dim=0)
    values, vectors = torch.linalg.eigh((x - mean).T @ (x - mean) / (len(x) - 1))  # ascending
    values, vectors = values.flip(0).clamp(min=0), vectors.flip(1)
    matrix = vectors / (values + eps * values.mean()).sqrt()  # (feature, direction)
    return Whitening(mean, matrix @ vectors.T if kind == "zca" else matrix)


if __name__ == "__main__":
    torch.manual_seed(0)
    x = torch.randn(2000, 1) * torch.tensor([3.0, 2.0, 1.0]) + 0.3 * torch.randn(2000, 3)  # three features, nearly one
    whitened = fit_whitening(x, eps=1e-6)(x)
    for name, data in [("before", x), ("after", whitened)]:
        print(f"correlation of the first two features {name}: {torch.corrcoef(data.T)[0, 1].abs().item():.2f}")
