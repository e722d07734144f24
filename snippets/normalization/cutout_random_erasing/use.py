"""Random erasing of a batch of images: each loses a box of random size and shape, or stays as it is.

Source: Zhong et al., "Random Erasing Data Augmentation", 2017.
"""

import math

import torch
from torch import Tensor


def random_erasing(
    x: Tensor,
    probability: float = 0.25,
    area: tuple[float, float] = (0.02, 0.33),
    ratio: tuple[float, float] = (0.3, 3.3),
    value: float = 0.0,
) -> Tensor:
    """A copy of images (batch, channels, height, width) in which some have a box of one value.

    Args:
        x: images, normalized: then 0 is the mean colour.
        probability: share of the images that get a box.
        area: smallest and largest share of the image that a box covers.
        ratio: smallest and largest height of a box, divided by its width.
        value: written into the box.
    """
    batch, _, height, width = x.shape
    pixels = height * width * torch.empty(batch, 1, 1, device=x.device).uniform_(*area)
    shape = torch.empty(batch, 1, 1, device=x.device).uniform_(math.log(ratio[0]), math.log(ratio[1])).exp()
    tall = (pixels * shape).sqrt().round().clamp(max=height)
    wide = (pixels / shape).sqrt().round().clamp(max=width)
    top = (torch.rand(batch, 1, 1, device=x.device) * (height - tall + 1)).floor()
    left = (torch.rand(batch, 1, 1, device=x.device) * (width - wide + 1)).floor()
    rows, columns = torch.arange(height, device=x.device).view(-1, 1), torch.arange(width, device=x.device)
    box = (rows >= top) & (rows < top + tall) & (columns >= left) & (columns < left + wide)
    chosen = torch.rand(batch, 1, 1, device=x.device) < probability
    return x.masked_fill((box & chosen).unsqueeze(1), value)


if __name__ == "__main__":
    torch.manual_seed(0)
    x = torch.randn(1000, 3, 32, 32)
    erased = (random_erasing(x) == 0).all(dim=1).float().mean(dim=(1, 2))  # share of each image
    print(f"images with a box: {(erased > 0).float().mean().item():.2f}")
    print(f"area of a box, on average: {erased[erased > 0].mean().item():.2f}")
