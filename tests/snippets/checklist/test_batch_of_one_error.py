"""batch-of-one-error: the error text, and every cause of it planted."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, IterableDataset

from snippets.checklist.batch_of_one_error import check
from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """A normalization refuses to compute a variance of one value."""
    return isinstance(run.error, ValueError) and str(run.error).startswith("Expected more than 1")


@causes("batch-of-one-error")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_layers_that_see_many_pixels_or_are_frozen_are_sound() -> None:
    """One sample in training mode raises nothing there, and no check speaks."""
    pooled = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.AdaptiveAvgPool2d(1), nn.BatchNorm2d(4))
    pooled[3].eval()
    inputs = torch.randn(1, 1, 8, 8)
    pooled(inputs)
    assert not check.answers_in_eval_mode(pooled, inputs)
    assert not check.one_pixel_of_one_sample(pooled, inputs)
    pooled[3].train()
    assert "1 batch normalization" in check.answers_in_eval_mode(pooled, inputs)
    assert check.one_pixel_of_one_sample(pooled, inputs)


def test_instance_normalization_asks_its_mode_only_where_it_keeps_statistics() -> None:
    """By default it refuses a map of one pixel in eval mode, too."""
    inputs = torch.randn(5, 4, 1, 1)
    for kept in (False, True):
        layer = nn.Sequential(nn.InstanceNorm2d(4, track_running_stats=kept)).eval()
        assert bool(check.one_pixel_of_each_sample(layer, inputs)) is not kept
    with pytest.raises(ValueError, match="spatial element"):
        nn.InstanceNorm2d(4).eval()(inputs)


def test_group_normalization_needs_channels_or_pixels_to_average() -> None:
    """One sample of one pixel is refused where each group has one channel, and taken where it has more."""
    nn.GroupNorm(2, 4)(torch.randn(1, 4, 1, 1))
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        nn.GroupNorm(4, 4).eval()(torch.randn(1, 4, 1, 1))


def test_a_stream_has_no_last_batch_that_is_known() -> None:
    """Its length is asked for nowhere."""

    class Stream(IterableDataset[int]):
        """Numbers."""

        def __iter__(self) -> Iterator[int]:
            return iter(range(9))

    assert not check.last_batch_of_one(DataLoader(Stream(), batch_size=4))
