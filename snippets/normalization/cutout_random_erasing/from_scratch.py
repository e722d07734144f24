"""Cutout: a square of fixed size with its centre anywhere, cut off at the border.

Source: DeVries and Taylor, "Improved Regularization of Convolutional Neural Networks with Cutout", 2017.
"""

import torch
from torch import Tensor


def erase(image: Tensor, top: int, left: int, height: int, width: int, value: float = 0.0) -> Tensor:
    """A copy of the image (channels, height, width) with one value in a box.

    Args:
        image: stays as it is.
        top: first row of the box; may lie above the image.
        left: first column of the box; may lie beside the image.
        height: of the box, in pixels.
        width: of the box, in pixels.
        value: written into the box.
    """
    erased = image.clone()
    erased[:, max(top, 0) : max(top + height, 0), max(left, 0) : max(left + width, 0)] = value
    return erased


def cutout(image: Tensor, size: int, generator: torch.Generator | None = None) -> Tensor:
    """The image without a square of ``size`` pixels whose centre is a random pixel."""
    height, width = image.shape[1:]
    row = int(torch.randint(height, (), generator=generator))
    column = int(torch.randint(width, (), generator=generator))
    return erase(image, row - size // 2, column - size // 2, size, size)


if __name__ == "__main__":
    generator = torch.Generator().manual_seed(0)
    image = torch.ones(3, 32, 32)
    erased = [1 - cutout(image, 16, generator).mean().item() for _ in range(2000)]
    print(
        f"a square of 16 by 16 is {16 * 16 / 32 / 32:.0%} of the image; on average {sum(erased) / 2000:.0%} is erased"
    )
    by_hand = image.clone()
    by_hand[:, 2:6, 0:5] = 0
    print(f"erase equals an assignment: {torch.equal(erase(image, 2, 0, 4, 5), by_hand)}")
