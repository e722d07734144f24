"""bad-inputs: what it looks like, and every cause of it planted."""

from __future__ import annotations

from statistics import fmean

import numpy as np
import pytest
import torch
from PIL import Image

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


def test_bytes_wrap_round() -> None:
    """In torch and in NumPy, a uint8 plus or minus a Python number stays uint8 and wraps round; so does a cast."""
    for values in (torch.tensor([250, 3], dtype=torch.uint8), np.array([250, 3], dtype=np.uint8)):
        assert [int(value) for value in values + 10] == [4, 13]
        assert [int(value) for value in values - 10] == [240, 249]
        assert (values + 10).dtype == values.dtype
    for kind in (np.int16, np.int32, np.int64):
        assert np.array([300, -100], dtype=kind).astype(np.uint8).tolist() == [44, 156]
        assert torch.from_numpy(np.array([300, -100], dtype=kind)).to(torch.uint8).tolist() == [44, 156]


def solarize(x: torch.Tensor) -> torch.Tensor:
    """Invert what is brighter than a threshold near the top."""
    return torch.where(x >= 250, 255 - x, x) / 255


SOUND = {
    "scaled": lambda x: x / 255,
    "inverted": lambda x: 255 - x,
    "two values": lambda x: (x > 100).float(),
    "solarized": solarize,
    "clamped": lambda x: (x.float() * 1.8).clamp(0, 255).to(torch.uint8),
    "standardized": lambda x: (x / 255 - x.float().mean() / 255) / (x.float().std() + 1e-6),
    "noise": lambda x: x / 255 + 0.1 * torch.randn(x.shape),
    "brighter or darker": lambda x: (x / 255 * (0.5 + torch.rand(()))).clamp(0, 1),
    "cropped": lambda x: torch.nn.functional.pad(x / 255, (2, 2, 2, 2))[..., 1:9, 3:11],
}
WRAPPED = {
    "brighter": lambda x: x + 30,
    "less the mean": lambda x: (x - x.new_tensor(120)) / 255,
    "twice": lambda x: x * 2,
    "cast": lambda x: (x.float() * 1.3).int().to(torch.uint8) / 255,
    "inverted": lambda x: (255 - x + 20) / 255,
    "at random": lambda x: x + int(torch.randint(5, 40, ())) if torch.rand(()) < 0.5 else x,
}


@pytest.mark.parametrize("name", SOUND)
def test_sound_augmentations_do_not_wrap(name: str) -> None:
    """Also with float pictures, and where nothing or only noise comes out."""
    pictures = torch.randint(256, (4, 3, 8, 8), dtype=torch.uint8)
    assert not check.brightness_that_wraps_round(SOUND[name], pictures)
    assert not check.brightness_that_wraps_round(SOUND[name], pictures.float())


@pytest.mark.parametrize("name", WRAPPED)
def test_other_arithmetic_that_wraps(name: str) -> None:
    """A shift, a mean, a factor, a cast, after an inversion, sometimes only; and NumPy's arrays."""
    pictures = torch.randint(256, (4, 3, 8, 8), dtype=torch.uint8)
    assert "wrap round" in check.brightness_that_wraps_round(WRAPPED[name], pictures)
    assert "wrap round" in check.brightness_that_wraps_round(lambda x: x + 30, pictures.numpy())


def test_conversion_cuts() -> None:
    """Values of 16 bits up to 255 stay, all above become 255."""
    values = np.array([[0, 200, 255, 256, 300, 4095, 40000, 65535]], dtype=np.uint16)
    picture = np.asarray(Image.fromarray(values).convert("RGB"))
    assert picture[0, :, 0].tolist() == [0, 200, 255, 255, 255, 255, 255, 255]
