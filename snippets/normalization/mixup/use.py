"""Mixup of a batch: images or other inputs, and labels, blended with those of another sample.

Source: Zhang et al., "mixup: Beyond Empirical Risk Minimization", 2017.
"""

import torch
from torch import Tensor, nn


def mixup(x: Tensor, y: Tensor, classes: int, alpha: float = 0.2) -> tuple[Tensor, Tensor]:
    """A batch in which each sample is blended with another one, in the same proportion for all.

    Args:
        x: inputs (batch, …), floating point, normalized as in training.
        y: class numbers (batch,).
        classes: how many classes there are.
        alpha: of the Beta distribution; the larger, the more even the blend.

    Returns:
        Blended inputs, and labels (batch, classes) that are probabilities: give them to cross_entropy.

    Raises:
        ValueError: when the inputs are integers, or alpha is not positive.
    """
    if not x.is_floating_point():
        raise ValueError(f"mixup needs floating point inputs, not {x.dtype}: convert and normalize first")
    if alpha <= 0:
        raise ValueError(f"alpha must be positive, not {alpha}")
    share = torch.distributions.Beta(alpha, alpha).sample().item()
    partner = torch.randperm(len(x), device=x.device)
    labels = nn.functional.one_hot(y, classes).to(x.dtype)
    return share * x + (1 - share) * x[partner], share * labels + (1 - share) * labels[partner]


if __name__ == "__main__":
    torch.manual_seed(0)
    x, y = torch.randn(64, 1, 8, 8), torch.randint(10, (64,))
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for _ in range(5):
        mixed, labels = mixup(x, y, classes=10)  # in training only
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(mixed), labels)
        loss.backward()
        optimizer.step()
    print(f"labels {tuple(labels.shape)}, each sums to 1: {torch.allclose(labels.sum(dim=1), torch.ones(64))}")
    print(f"largest number of classes in a label: {int((labels > 0).sum(dim=1).max())}")
