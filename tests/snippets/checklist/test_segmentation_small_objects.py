"""segmentation-small-objects: what it looks like, and every cause of it planted."""

from __future__ import annotations

import torch
from torch.nn.functional import interpolate

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
