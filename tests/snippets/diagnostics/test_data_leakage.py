"""Data leakage: copies and groups across a split are found, and what six programs report too much."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils.data import TensorDataset, random_split

from snippets.diagnostics.data_leakage.evidence import PROGRAMS, SEEDS, digits, noisy_copies
from snippets.diagnostics.data_leakage.use import exact_copies, group_split, near_copies


@pytest.fixture(scope="module")
def pixels() -> Tensor:
    torch.manual_seed(0)
    return digits()[0]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.uint8, torch.int64])
def test_exact_copies_are_found(pixels: Tensor, dtype: torch.dtype) -> None:
    """50 planted copies are found, each with its place; of two copies in training the first; none without planting."""
    x = (pixels * 16).to(dtype).reshape(-1, 1, 8, 8)
    train, val = x[:1000], x[1000:].clone()
    assert exact_copies(train, val) == []
    planted = [(3 * i, 7 * i) for i in range(50)]
    for place, source in planted:
        val[place] = train[source]
    assert exact_copies(train, val) == planted
    assert exact_copies(torch.cat([train, train]), val) == planted
    assert exact_copies(train.transpose(2, 3), val.transpose(2, 3)) == planted  # not contiguous
    for changed in (val.to(torch.float16), val.flatten(1)):
        with pytest.raises(ValueError, match="never equal"):
            exact_copies(train, changed)


def test_near_copies_are_found(pixels: Tensor) -> None:
    """All of 300 noisy copies, each with its own original; in a split of the digits as they are, 2% of 797 at most."""
    torch.manual_seed(1)
    copies = noisy_copies(pixels[:100])[100:]
    assert dict(near_copies(pixels[:1000], copies)) == {i: i % 100 for i in range(300)}
    untouched = near_copies(pixels[:1000], pixels[1000:])
    assert len(pixels[1000:]) == 797
    assert 0 < len(untouched) < 0.02 * 797
    gaps = [(pixels[1000 + a] - pixels[b]).norm().item() for a, b in untouched]
    assert gaps == sorted(gaps)
    assert near_copies(pixels[:1000], pixels[1000:], rows=100) == untouched


@pytest.mark.parametrize("offset", [-500.0, 2000.0, 1e5])
def test_offset_changes_nothing(pixels: Tensor, offset: float) -> None:
    """100 exact copies and 797 untouched images: the same pairs when a constant is added to all features."""
    train, other = pixels[:1000], torch.cat([pixels[:100], pixels[1000:]])
    expected = near_copies(train, other)
    assert {(i, i) for i in range(100)} <= set(expected)
    assert len(expected) > 100
    for dtype in (torch.float32, torch.float64) if offset < 1e5 else (torch.float64,):
        shifted = near_copies(train.to(dtype) + offset, other.to(dtype) + offset)
        assert sorted(shifted) == sorted(expected)
    if offset == 2000:
        whole = near_copies((16 * train + offset).short(), (16 * other + offset).short())  # as integers
        assert sorted(whole) == sorted(expected)


@pytest.mark.parametrize("share", [0.1, 0.2, 0.5])
def test_groups_stay_together(share: float) -> None:
    """No group is on both sides, all rows are somewhere, and the part of the groups is what was asked for."""
    generator = torch.Generator().manual_seed(0)
    groups = torch.randint(50, (400,), generator=generator)
    train, val = group_split(groups, share, generator)
    assert not torch.isin(groups[train], groups[val]).any()
    assert torch.cat([train, val]).sort().values.tolist() == list(range(400))
    assert len(groups[val].unique()) == round(share * 50)
    again = [group_split(groups, share, torch.Generator().manual_seed(9))[1].tolist() for _ in range(2)]
    assert again[0] == again[1]


@pytest.mark.parametrize("share", [0.0, 0.01, 1.0])
def test_empty_side_is_an_error(share: float) -> None:
    """A share that leaves no group on one side is refused."""
    with pytest.raises(ValueError, match="one side empty"):
        group_split(torch.arange(10), share)


def means(evidence: Any, program: str) -> list[float]:
    """Mean reported score and mean score on fresh data."""
    runs = torch.tensor(evidence()[program])
    assert list(evidence()) == list(PROGRAMS)
    assert runs.shape == (SEEDS, 2) == (5, 2)
    return runs.mean(0).tolist()


def test_three_programs_are_honest(evidence: Any) -> None:
    """No leak, a scaler fitted on all rows, copies split by original: at most 0.05 above the score on fresh data.

    Below it they may be: the copies of 50 originals are few to report on.
    """
    for program in ("no leak", "scaled on all rows", "augmented, then split by original"):
        reported, fresh = means(evidence, program)
        assert fresh - 0.15 < reported < fresh + 0.05, program


def test_copies_inflate(evidence: Any) -> None:
    """Augmented before a random split: the reported score is over 0.07 too high."""
    reported, fresh = means(evidence, "augmented, then split at random")
    assert reported - fresh > 0.07


def test_selection_invents_a_score(evidence: Any) -> None:
    """Random labels and columns selected on all rows: above 0.8 reported, 0.5 within 0.03 on fresh data."""
    reported, fresh = means(evidence, "columns selected on all rows")
    assert reported > 0.8
    assert fresh == pytest.approx(0.5, abs=0.03)  # standard error of 5,000 guesses: 0.007


def test_label_column_is_perfect(evidence: Any) -> None:
    """A column with the label: 1.00 reported with each seed, below 0.85 on fresh data, where the column is empty."""
    runs = torch.tensor(evidence()["label in a column"])
    assert runs[:, 0].min() > 0.995
    assert runs[:, 1].max() < 0.85


def test_shifted_copies_are_missed(pixels: Tensor) -> None:
    """500 digits moved by one pixel to the right: none is near its original in pixels."""
    moved = torch.nn.functional.pad(pixels[:500].reshape(-1, 8, 8), (1, 0))[:, :, :8].flatten(1)
    assert near_copies(pixels[:500], moved) == []


def test_rounded_copies_are_not_exact() -> None:
    """Divided by 255 and multiplied again, some of 500 copies are not equal any more; near_copies finds all of them."""
    x = torch.rand(500, 64, generator=torch.Generator().manual_seed(0))
    rounded = x / 255 * 255
    assert len(exact_copies(x, x)) == 500
    assert len(exact_copies(x, rounded)) < 500
    assert sorted(near_copies(x, rounded)) == [(i, i) for i in range(500)]


def test_random_split_separates_relatives() -> None:
    """Three rows for each of 100 originals: over 0.8 of the rows held out by random_split have a relative in train."""
    groups = torch.arange(100).repeat(3)
    for seed in range(10):
        parts = random_split(TensorDataset(groups), [0.8, 0.2], torch.Generator().manual_seed(seed))
        train, val = (groups[torch.tensor(part.indices)] for part in parts)
        assert torch.isin(val, train).float().mean() > 0.8
        train, val = (groups[side] for side in group_split(groups, 0.2, torch.Generator().manual_seed(seed)))
        assert not torch.isin(val, train).any()
