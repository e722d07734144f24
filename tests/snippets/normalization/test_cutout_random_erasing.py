"""Cutout and random erasing: equal to torchvision's erase, areas within bounds, and the claims of the page."""

from __future__ import annotations

import pytest
import torch
from sklearn.datasets import load_digits

from snippets.normalization.cutout_random_erasing.evidence import SEEDS, SIZES, run
from snippets.normalization.cutout_random_erasing.from_scratch import cutout, erase
from snippets.normalization.cutout_random_erasing.use import random_erasing
from tests.support.rates import learning_rate_times


@pytest.mark.parametrize("box", [(0, 0, 8, 8), (2, 3, 4, 1), (7, 7, 1, 1)])
def test_equals_torchvision(box: tuple[int, int, int, int]) -> None:
    """erase equals torchvision's for three boxes; the image that was given stays as it was."""
    from torchvision.transforms.v2 import functional  # late: it takes a second

    torch.manual_seed(0)
    image = torch.randn(3, 8, 8)
    before = image.clone()
    assert torch.equal(erase(image, *box, value=0.5), functional.erase(image, *box, v=torch.tensor(0.5)))
    assert torch.equal(image, before)


def boxes(x: torch.Tensor, **settings) -> list[tuple[int, int]]:
    """Height and width of the box in each image; asserts that it is one full rectangle in all channels."""
    found = []
    for image in random_erasing(x, **settings):
        changed = (image != 1).any(dim=0)
        assert torch.equal(changed, (image != 1).all(dim=0))
        rows, columns = changed.any(dim=1), changed.any(dim=0)
        assert torch.equal(changed, rows.unsqueeze(1) & columns)
        found.append((int(rows.sum()), int(columns.sum())))
    return found


@pytest.mark.parametrize("size", [(64, 64), (48, 96)])
def test_area_and_shape_within_bounds(size: tuple[int, int]) -> None:
    """With probability 1 each image gets one rectangle of 2% to 33% of its area and a ratio of 0.3 to 3.3."""
    torch.manual_seed(0)
    found = boxes(torch.ones(300, 2, *size), probability=1.0)
    for height, width in found:
        assert (height + 1) * (width + 1) > 0.02 * size[0] * size[1]  # sides are rounded to pixels
        assert (height - 1) * (width - 1) < 0.33 * size[0] * size[1]
        assert (height + 1) / (width - 1) > 0.3 or height == size[0]
        assert (height - 1) / (width + 1) < 3.3
    areas = [height * width / (size[0] * size[1]) for height, width in found]
    assert sum(areas) / len(areas) == pytest.approx(0.175, abs=0.02)  # the middle of 2% and 33%
    assert len(set(found)) > 100  # each image has its own


@pytest.mark.parametrize("probability", [0.0, 0.25, 1.0])
def test_share_of_images(probability: float) -> None:
    """The share of images with a box is the probability; the batch that was given stays as it was."""
    torch.manual_seed(0)
    x = torch.ones(2000, 1, 16, 16)
    touched = (random_erasing(x, probability=probability) == 0).any(dim=3).any(dim=2).float().mean().item()
    assert touched == pytest.approx(probability, abs=0.03)
    assert x.min() == 1


def test_cutout_loses_at_the_border() -> None:
    """A square of half the image's side is 25% of its area; cut off at the border, 19% is left on average."""
    side = 0.5
    left = (side - side**2 / 4) ** 2  # what the border leaves on average
    assert left == pytest.approx(0.19, abs=0.003)
    generator = torch.Generator().manual_seed(0)
    image = torch.ones(1, 32, 32)
    erased = [1 - cutout(image, 16, generator).mean().item() for _ in range(3000)]
    assert sum(erased) / len(erased) == pytest.approx(0.19, abs=0.01)
    assert max(erased) == pytest.approx(0.25)
    assert min(erased) < 0.08


def test_zero_is_black_only_before_normalizing() -> None:
    """With ImageNet's means and deviations black is -2.1 to -1.8 after normalizing, and 0 is the mean colour."""
    mean, deviation = (torch.tensor(v).view(3, 1, 1) for v in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    image = torch.full((3, 8, 8), 0.9)
    first = (erase(image, 0, 0, 4, 4) - mean) / deviation
    then = erase((image - mean) / deviation, 0, 0, 4, 4)
    assert first[:, 0, 0].tolist() == pytest.approx([-2.12, -2.04, -1.80], abs=0.01)
    assert torch.allclose((then * deviation + mean)[:, :4, :4], mean.expand(3, 4, 4))


def test_picture_instead_of_tensor() -> None:
    """torchvision's first RandomErasing gives the quoted error on a PIL image; that of v2 erases there, too."""
    from PIL import Image
    from torchvision import transforms

    picture = Image.new("RGB", (32, 32), "white")
    with pytest.raises(AttributeError, match="'Image' object has no attribute 'shape'"):
        transforms.RandomErasing(p=1.0)(picture)
    erased = transforms.v2.RandomErasing(p=1.0)(picture)
    assert (0, 0, 0) in [color for _, color in erased.getcolors()]


def test_hidden_parts(evidence) -> None:
    """Squares of 3 pixels gain over five points on digits with a hidden square, in the mean of three seeds.

    At a third of the learning rate they gain less, two to seven.
    """
    plain, erased = (torch.tensor(evidence()[SIZES.index(size)]) for size in (0, 3))  # (seeds, 2)
    assert len(plain) == SEEDS
    gain = (erased - plain)[:, 1].mean().item()
    assert gain > 0.05
    data = load_digits()
    x, y = torch.tensor(data.images, dtype=torch.float32) / 16, torch.tensor(data.target)
    with learning_rate_times(1 / 3):
        slow = [run(3, seed, x, y)[1] - run(0, seed, x, y)[1] for seed in range(SEEDS)]
    assert 0.02 < sum(slow) / SEEDS < min(gain, 0.07)


def test_whole_digits(evidence) -> None:
    """On whole digits no size gains a point in the mean; 2 and 3 lose less than three points, 4 over a half."""
    plain, two, three, four = (torch.tensor(of_size)[:, 0].mean() for of_size in evidence())
    assert max(two, three, four) < plain + 0.01
    assert min(two, three) > plain - 0.03
    assert four < plain - 0.005
