"""CutMix of a batch: a box of each image is replaced by the same box of another one, and labels follow the area.

Source: Yun et al., "CutMix: Regularization Strategy to Train Strong Classifiers with Localizable Features", 2019.
"""

import torch
from torch import Tensor, nn


def cutmix(x: Tensor, y: Tensor, classes: int, alpha: float = 1.0) -> tuple[Tensor, Tensor]:
    """A batch in which each image has a box of another one, at the same place in all.

    Args:
        x: images (batch, channels, height, width).
        y: class numbers (batch,).
        classes: how many classes there are.
        alpha: of the Beta distribution of the area; 1 makes all areas equally likely.

    Returns:
        New images, and labels (batch, classes) that are probabilities: give them to cross_entropy.

    Raises:
        ValueError: when x is not a batch of images, or alpha is not positive.
    """
    if x.dim() != 4:
        raise ValueError(f"cutmix needs images (batch, channels, height, width), not {tuple(x.shape)}")
    if alpha <= 0:
        raise ValueError(f"alpha must be positive, not {alpha}")
    height, width = x.shape[2:]
    half = 0.5 * (1 - torch.distributions.Beta(alpha, alpha).sample().item()) ** 0.5
    row, column = int(torch.randint(height, ())), int(torch.randint(width, ()))
    top, bottom = max(row - int(half * height), 0), min(row + int(half * height), height)
    left, right = max(column - int(half * width), 0), min(column + int(half * width), width)
    partner = torch.randperm(len(x), device=x.device)
    mixed = x.clone()
    mixed[:, :, top:bottom, left:right] = x[partner, :, top:bottom, left:right]
    share = 1 - (bottom - top) * (right - left) / (height * width)  # of what is left after the border has cut the box
    labels = nn.functional.one_hot(y, classes).float()
    return mixed, share * labels + (1 - share) * labels[partner]


if __name__ == "__main__":
    torch.manual_seed(0)
    x, y = torch.randn(64, 1, 8, 8), torch.randint(10, (64,))
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for _ in range(5):
        mixed, labels = cutmix(x, y, classes=10)  # in training only
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(mixed), labels)
        loss.backward()
        optimizer.step()
    changed = (mixed != x).any(dim=0).float().mean().item()
    print(f"share of pixels from the other image: {changed:.3f}")
    print(f"share of the label: {labels[labels > 0].min().item():.3f}")
