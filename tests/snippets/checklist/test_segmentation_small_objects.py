"""segmentation-small-objects: what it looks like, and every cause of it planted."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.functional import grid_sample, interpolate, pad
from torchvision.transforms import RandomRotation
from torchvision.transforms.functional import rotate

from snippets.checklist.segmentation_small_objects import check
from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """What is found overlaps with the objects by less than 0.3, over all images together."""
    return not run.last("iou") > 0.3


@causes("segmentation-small-objects")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_resizing_loses_objects() -> None:
    """Of squares 2 pixels wide at all 16 places in a cell of 4, nearest keeps 4, and bilinear above 0.5 keeps fewer."""
    masks = torch.zeros(16, 1, 16, 16)
    for place, mask in enumerate(masks):
        row, column = 4 + place // 4, 4 + place % 4
        mask[0, row : row + 2, column : column + 2] = 1
    nearest = interpolate(masks, 4, mode="nearest")
    bilinear = interpolate(masks, 4, mode="bilinear") > 0.5
    assert int(nearest.flatten(1).any(dim=1).sum()) == 4
    assert 0 < int(bilinear.flatten(1).any(dim=1).sum()) < 4


def squares(width: int, places: list[int], size: int = 48) -> torch.Tensor:
    """One image with squares of a width along its diagonal."""
    mask = torch.zeros(1, 1, size, size)
    for place in places:
        mask[..., place : place + width, place : place + width] = 1
    return mask


def test_one_of_two_objects_is_lost() -> None:
    """The large one stays, so that the mask is not empty; a large one alone loses nothing at its border."""
    for mask, lost in ((squares(16, [24]) + squares(2, [5]), True), (squares(16, [23]), False)):
        assert bool(check.objects_lost_in_resizing(mask, interpolate(mask, 12, mode="nearest"))) == lost


def test_width_of_one_object_where_an_image_has_many() -> None:
    """Eight squares of 3 pixels are no square of 8; a map of values for 8 x 8 pixels each is too coarse for them."""
    targets = squares(3, list(range(0, 48, 6)))
    model = nn.Sequential(nn.AvgPool2d(8), nn.Upsample(scale_factor=8, mode="bilinear"))
    assert "3 pixels wide" in check.detail_of_the_output(model, torch.randn(1, 1, 48, 48), targets)
    assert not check.detail_of_the_output(nn.Identity(), torch.randn(1, 1, 48, 48), targets)
    assert not check.detail_of_the_output(nn.Identity(), torch.randn(1, 1, 48, 48), squares(48, [0]))


def test_a_batch_without_objects_is_not_asked() -> None:
    """It says nothing of a miss, or of a width."""
    nothing = squares(3, [])
    assert not check.price_of_a_miss(nn.BCEWithLogitsLoss(), nothing)
    assert not check.detail_of_the_output(nn.Identity(), torch.randn(1, 1, 48, 48), nothing)


def test_masks_of_nearest_two_classes_soft_or_one_hot_are_sound() -> None:
    """Smaller and larger sizes; a soft mask of one object; a channel for each class."""
    masks = 2 * squares(15, [4]) + squares(5, [30])
    for size in (11, 24, 96):
        assert not check.class_numbers_between(masks, interpolate(masks, size, mode="nearest"))
    assert not check.class_numbers_between(masks, interpolate(masks, 24, mode="nearest")[:, 0].long())
    soft = squares(15, [4])
    assert not check.class_numbers_between(soft, interpolate(soft, 24, mode="area"))
    channels = torch.cat([masks == label for label in range(3)], dim=1).float()
    assert not check.class_numbers_between(channels, interpolate(channels, 24, mode="bilinear"))


def test_numbers_between_are_found_in_every_form() -> None:
    """Cut to whole numbers, rounded, left as fractions, enlarged; beside a mark of 255 for what is not labelled."""
    masks = 2 * squares(15, [5]) + squares(5, [30])
    for size in (24, 96):
        between = interpolate(masks, size, mode="bilinear")
        for y in (between, between.long(), between.round()[:, 0]):
            for original in (masks, masks.byte(), masks.long()[:, 0]):
                assert "labels have a number" in check.class_numbers_between(original, y)
    fractions = interpolate(masks, 24, mode="bilinear")
    fractions = torch.where(fractions == fractions.round(), 0.0, fractions)
    assert check.class_numbers_between(masks.byte(), fractions)
    marked = squares(9, [3]) + 255 * squares(5, [30])
    assert check.class_numbers_between(marked, interpolate(marked, 31, mode="bilinear").long())


def test_fills_with_zero() -> None:
    """Padding, sampling outside, rotation of a tensor and of a mask: the empty places are 0 by default."""
    ones = torch.ones(1, 1, 8, 8)
    assert pad(ones, (0, 2, 0, 2))[..., 8:].eq(0).all()
    assert grid_sample(ones, torch.full((1, 2, 2, 2), 3.0), align_corners=False).eq(0).all()
    assert rotate(ones, 45)[0, 0, 0, 0] == 0
    assert RandomRotation((45, 45))(ones.long())[0, 0, 0, 0] == 0


def test_padding_on_all_sides() -> None:
    """Found at each border and for any value; silent where ignored, where nothing is padded, and for a few pixels."""
    torch.manual_seed(0)
    ignoring = nn.CrossEntropyLoss(ignore_index=255)
    for space in ((0, 5, 0, 0), (3, 0, 0, 4), (2, 2, 2, 2)):
        for value in (0.0, 0.5):
            x, y = torch.rand(4, 3, 20, 20), torch.randint(5, (4, 20, 20))
            x, outputs = pad(x, space, value=value), torch.randn(4, 5, 20 + sum(space[2:]), 20 + sum(space[:2]))
            assert "mostly as class 3" in check.padding_that_counts(ignoring, x, outputs, pad(y, space, value=3))
            assert check.padding_that_counts(ignoring, x, outputs, pad(y, space, value=255)) is None
    x, y, outputs = torch.rand(4, 1, 20, 20), torch.ones(4, 1, 20, 20), torch.randn(4, 1, 20, 20)
    assert check.padding_that_counts(nn.BCEWithLogitsLoss(), x, outputs, y) is None
    x[:, :, 8:12] = 0  # a smooth band inside is no padding
    assert check.padding_that_counts(nn.BCEWithLogitsLoss(), x, outputs, y) is None
    x[..., 15:] = 0
    assert "class 1" in check.padding_that_counts(nn.BCEWithLogitsLoss(), x, outputs, y)
