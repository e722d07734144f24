"""CutMix with a mask, as the paper writes it.

Source: Yun et al., "CutMix: Regularization Strategy to Train Strong Classifiers with Localizable Features", 2019.
"""

import torch
from torch import Tensor, nn


def box_mask(height: int, width: int, box: tuple[int, int, int, int]) -> Tensor:
    """(height, width) of 0 and 1, with 0 inside the box.

    Args:
        height: of the image, in pixels.
        width: of the image, in pixels.
        box: top, bottom, left and right; bottom and right are the first pixels outside.
    """
    top, bottom, left, right = box
    mask = torch.ones(height, width)
    mask[top:bottom, left:right] = 0
    return mask


def cut(x: Tensor, partner: Tensor, mask: Tensor) -> Tensor:
    """Images x (batch, channels, height, width) where the mask is 1, and those of number ``partner`` where it is 0."""
    return mask * x + (1 - mask) * x[partner]


if __name__ == "__main__":
    torch.manual_seed(0)
    x, y, partner = torch.randn(16, 3, 8, 8), torch.randint(10, (16,)), torch.randperm(16)
    mask = box_mask(8, 8, (2, 8, 0, 4))
    share = mask.mean().item()  # of the own label
    logits = nn.Conv2d(3, 10, 8)(cut(x, partner, mask)).flatten(1)
    own, other = nn.functional.cross_entropy(logits, y), nn.functional.cross_entropy(logits, y[partner])
    labels = nn.functional.one_hot(y, 10).float()
    blended = nn.functional.cross_entropy(logits, share * labels + (1 - share) * labels[partner])
    print(f"share of the own label: {share:.3f}")
    print(f"two losses equal one to 1e-6: {(share * own + (1 - share) * other - blended).abs().item() < 1e-6}")
