"""bad-inputs: what it looks like, and every cause of it planted."""

from __future__ import annotations

from statistics import fmean

import torch

from snippets.checklist.bad_inputs import check
from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """The training loss stops far above 0, on data that a small network fits."""
    return fmean(run.series("loss")[-5:]) > 0.25


@causes("bad-inputs")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_blank_pictures_under_a_scaling_by_channel_are_found_and_single_features_are_sound() -> None:
    """A black picture has three values after a scaling by channel; one feature is one value in each sample."""
    pictures = torch.rand(40, 3, 8, 8)
    pictures[::4] = 0
    scaled = (pictures - torch.tensor([0.485, 0.456, 0.406])[:, None, None]) / 0.225
    assert "10 of 40" in check.inputs_that_are_constant(scaled)
    assert not check.inputs_that_are_constant(torch.randn(40, 1))


def test_a_code_in_one_feature_is_found_and_constants_and_switches_are_none() -> None:
    """Values up to 1e5 hide no code of another feature; a constant 2020 and a switch of 0 and 100 are sound."""
    x = torch.randn(500, 3)
    assert not check.value_far_from_all_others(torch.cat([x, torch.full((500, 1), 2020.0)], dim=1))
    assert not check.value_far_from_all_others(torch.cat([x, 100.0 * (x[:, :1] > 1)], dim=1))
    x[:, 2] = 1e5 * torch.rand(500)
    assert not check.value_far_from_all_others(x)
    x[::20, 1] = -999
    assert "-999 occurs 25 times; all other values of feature 1" in check.value_far_from_all_others(x)


def test_a_small_group_is_found_and_a_feature_that_is_mostly_zero_is_none() -> None:
    """Three samples of a hundred on another scale; a sum that most customers never paid; one sample alone."""
    x = torch.rand(1000, 6) + 0.1
    paid = x.clone()
    paid[:, 5] = torch.where(torch.arange(1000) % 3 == 0, 1000 * x[:, 5], 0.0)
    assert not check.groups_of_different_size(paid)
    assert not check.groups_of_different_size(x[:1])
    assert not check.groups_of_different_size(torch.cat([x[:100], 50 * x[:1]]))
    x[:30] *= 255
    assert "970 inputs" in check.groups_of_different_size(x)
