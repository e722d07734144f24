"""Cosine similarities of all pairs, and a classifier whose logits are cosines times a learned scale.

Source: Wang et al., "NormFace: L2 Hypersphere Embedding for Face Verification", 2017, section 3
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def pairwise_cosine(x: Tensor, y: Tensor) -> Tensor:
    """Cosines (batch of x, batch of y) of rows (batch, feature); computed in float32 at least.

    float32, because in float16 the eps of ``F.normalize`` is 0, and a row of zeros would become NaN.
    """
    x, y = (rows if rows.dtype == torch.float64 else rows.float() for rows in (x, y))
    return F.normalize(x, dim=-1) @ F.normalize(y, dim=-1).T


class CosineClassifier(nn.Module):
    """The last layer of a network: logits are cosines of features with one vector for each class, times a scale.

    Args:
        features: width of the input.
        classes: number of logits.
        scale: at the start; it is learned as its logarithm, so that it stays positive.
    """

    def __init__(self, features: int, classes: int, scale: float = 16.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(classes, features))
        self.log_scale = nn.Parameter(torch.tensor(math.log(scale)))

    def forward(self, x: Tensor) -> Tensor:
        """Logits (batch, classes) of features (batch, feature)."""
        return self.log_scale.exp() * pairwise_cosine(x, self.weight)


if __name__ == "__main__":
    torch.manual_seed(0)
    x = torch.randn(4, 8)
    print(f"a row against five times itself: {pairwise_cosine(x[:1], 5 * x[:1]).item():.2f}")
    print(f"a row against its negative: {pairwise_cosine(x[:1], -x[:1]).item():.2f}")
    logits = CosineClassifier(8, 3)(x)
    print(f"logits lie between -16 and 16: {logits.abs().max().item() <= 16}")
