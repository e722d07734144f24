"""Mixup as two losses, the form of the paper's code, which needs no labels of probabilities.

Source: Zhang et al., "mixup: Beyond Empirical Risk Minimization", 2017.
"""

import torch
from torch import Tensor, nn


def blend(x: Tensor, partner: Tensor, share: float) -> Tensor:
    """Each sample of x (batch, …) in the proportion ``share``, and the sample of number ``partner`` (batch,)."""
    return share * x + (1 - share) * x[partner]


def two_losses(logits: Tensor, y: Tensor, partner: Tensor, share: float) -> Tensor:
    """Cross-entropy with the labels of both samples, in the proportion of the blend.

    Args:
        logits: of the blended inputs, (batch, classes).
        y: class numbers (batch,).
        partner: number of the other sample of each (batch,).
        share: weight of the first sample.
    """
    own = nn.functional.cross_entropy(logits, y)
    other = nn.functional.cross_entropy(logits, y[partner])
    return share * own + (1 - share) * other


if __name__ == "__main__":
    torch.manual_seed(0)
    x, y, partner, share = torch.randn(32, 64), torch.randint(10, (32,)), torch.randperm(32), 0.7
    model = nn.Linear(64, 10)
    logits = model(blend(x, partner, share))
    labels = nn.functional.one_hot(y, 10).float()
    reference = nn.functional.cross_entropy(logits, blend(labels, partner, share))
    difference = (two_losses(logits, y, partner, share) - reference).abs().item()
    print(f"two losses and one loss with blended labels differ by less than 1e-6: {difference < 1e-6}")
