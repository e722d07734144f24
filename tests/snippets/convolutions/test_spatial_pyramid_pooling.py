"""Spatial pyramid pooling: equal to torch, its cells, the block of detectors, and the claims of its page."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import default_collate

from snippets.convolutions.spatial_pyramid_pooling.from_scratch import cells, cells_of_the_paper, pyramid
from snippets.convolutions.spatial_pyramid_pooling.use import SPPF, SpatialPyramidPooling


def small() -> tuple[nn.Module, Tensor]:
    """Both blocks of the page, and the linear layer behind them."""
    body = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), SPPF(8, 6))
    return nn.Sequential(body, SpatialPyramidPooling(), nn.Linear(6 * 21, 10)), torch.randn(2, 3, 24, 20)


@pytest.mark.parametrize("levels", [(4, 2, 1), (6, 3, 2, 1), (5,)])
def test_equals_torch(levels: tuple[int, ...]) -> None:
    """For 40 sizes: the module with torch's pooling, outputs, and gradients where no values are equal; of equal maxima
    torch's has one with a gradient, ours all."""
    torch.manual_seed(0)
    module = SpatialPyramidPooling(levels)
    for size in range(1, 41):
        x = torch.randn(2, 3, size, 1 + (7 * size) % 31, dtype=torch.float64, requires_grad=True)
        ours, theirs = pyramid(x, levels), module(x)
        assert torch.equal(ours, theirs)
        grad = torch.randn_like(ours)
        mine, its = (torch.autograd.grad(y, x, grad)[0] for y in (ours, theirs))
        torch.testing.assert_close(mine, its, rtol=1e-12, atol=1e-12)
    x = torch.zeros(1, 1, 12, 12, dtype=torch.float64, requires_grad=True)
    mine, its = (torch.autograd.grad(y[0, -1], x)[0] for y in (pyramid(x, (1,)), SpatialPyramidPooling((1,))(x)))
    torch.testing.assert_close(mine, torch.full_like(x, 1 / 144))
    assert its.count_nonzero() == its.sum() == 1


def test_length_is_fixed() -> None:
    """Channels times the sum of the squared levels, for 900 sizes from 1 × 1 to 30 × 30: 21 a channel for 4, 2, 1."""
    for height in range(1, 31):
        for width in range(1, 31):
            x = torch.empty(1, 5, height, width)
            assert SpatialPyramidPooling()(x).shape == (1, 5 * 21)
            assert SpatialPyramidPooling((3, 1))(x).shape == (1, 5 * 10)


def test_weights_of_the_next_layer() -> None:
    """256 channels and 4, 2, 1: 5,376 numbers, and 22,024,192 parameters in a layer of 4,096 units; GAP: 1,052,672."""
    x = torch.empty(1, 256, 13, 13)
    for levels, count, parameters in (((4, 2, 1), 5376, 22_024_192), ((1,), 256, 1_052_672)):
        length = SpatialPyramidPooling(levels)(x).shape[1]
        assert length == count
        with torch.device("meta"):
            assert sum(p.numel() for p in nn.Linear(length, 4096).parameters()) == parameters


def test_paper_leaves_rows_out() -> None:
    """Sizes 1 to 60, levels up to 8: torch's cells cover all; the paper's leave out (size mod level) - 1 if above 0."""
    for level in range(1, 9):
        for size in range(level, 61):
            ours, papers = cells(size, level), cells_of_the_paper(size, level)
            covered = {i for cell in ours for i in range(size)[cell]}
            assert covered == set(range(size))
            missed = set(range(size)) - {i for cell in papers for i in range(size)[cell]}
            assert len(missed) == max(0, size % level - 1)
            assert missed == set(range(size - len(missed), size))
    for level in (3, 2, 1):  # the paper's own example
        assert cells(13, level) == cells_of_the_paper(13, level)


def test_coarse_levels_are_maxima_of_fine_ones() -> None:
    """4, 2, 1: each number of the levels 2 and 1 is the largest of its part of the level 4, for 900 sizes."""
    torch.manual_seed(0)
    for height in range(1, 31):
        for width in range(1, 31):
            y = pyramid(torch.randn(1, 2, height, width))
            four, two, one = y.split([32, 8, 2], dim=1)
            fine = four.view(1, 2, 4, 4)
            assert torch.equal(F.max_pool2d(fine, 2).flatten(1), two)
            assert torch.equal(fine.amax(dim=(2, 3)), one)


def test_three_poolings_in_a_row() -> None:
    """Windows of 5 once, twice, three times are windows of 5, 9 and 13, for 900 sizes of the map."""
    torch.manual_seed(0)
    for height in range(1, 31):
        for width in range(1, 31):
            x = y = torch.randn(1, 2, height, width)
            for window in (5, 9, 13):
                y = F.max_pool2d(y, 5, 1, 2)
                assert torch.equal(y, F.max_pool2d(x, window, 1, window // 2))


def test_sppf_equals_parallel_poolings() -> None:
    """The whole block, in eval and train mode, with the same weights: reduce, 5, 9, 13 side by side, join."""
    torch.manual_seed(0)
    block = SPPF(6, 5)
    for training in (True, False):
        block.train(training)
        for size in (1, 4, 13, 20):
            x = torch.randn(2, 6, size, size + 2)
            small = block.reduce(x)
            parallel = torch.cat([small, *(F.max_pool2d(small, k, 1, k // 2) for k in (5, 9, 13))], dim=1)
            torch.testing.assert_close(block(x), block.join(parallel), rtol=1e-5, atol=1e-5)
            assert block(x).shape == (2, 5, size, size + 2)


def test_other_levels_need_another_linear_layer() -> None:
    """64 channels and 4, 2, 1 make 1,344 numbers; a layer for the 1,024 of level 4 alone refuses them, by the text."""
    for size in (8, 13):
        with pytest.raises(RuntimeError, match=r"mat1 and mat2 shapes cannot be multiplied \(4x1344 and 1024x10\)"):
            nn.Sequential(SpatialPyramidPooling(), nn.Linear(1024, 10))(torch.randn(4, 64, size, size))
        nn.Sequential(SpatialPyramidPooling((4,)), nn.Linear(1024, 10))(torch.randn(4, 64, size, size))


def test_one_size_in_a_batch() -> None:
    """torch's collate refuses two sizes, by the text; the pooled vectors of the two stack."""
    images = [torch.rand(3, 32, 32), torch.rand(3, 48, 40)]
    text = r"stack expects each tensor to be equal size, but got \[3, 32, 32\] at entry 0 and \[3, 48, 40\] at entry 1"
    with pytest.raises(RuntimeError, match=text):
        default_collate(images)
    assert default_collate([SpatialPyramidPooling()(image[None])[0] for image in images]).shape == (2, 63)


def accuracy(evidence: Any, name: str) -> Tensor:
    """(seeds, sizes 12, 16, 20, 24)."""
    return torch.tensor(evidence()[name])


def test_other_sizes_lose(evidence: Any) -> None:
    """Trained at 16, each pyramid loses over 10 points at 24 pixels, mean of two seeds."""
    for name in ("1, trained at 16", "4, trained at 16", "4, 2, 1, trained at 16"):
        scores = accuracy(evidence, name)
        assert (scores[:, 1] - scores[:, 3]).mean() > 0.1


def test_three_sizes_help(evidence: Any) -> None:
    """Trained at 12, 16, 24: over 5 points better at 24, at 16 worse, by less than 12; means of two seeds."""
    one, three = accuracy(evidence, "4, 2, 1, trained at 16"), accuracy(evidence, "4, 2, 1, trained at 12, 16, 24")
    assert (three[:, 3] - one[:, 3]).mean() > 0.05
    assert 0 < (one[:, 1] - three[:, 1]).mean() < 0.12


def test_finest_level_alone(evidence: Any) -> None:
    """At 16 pixels the level 4 alone is within 8 points of 4, 2, 1; the level 1 alone is over 15 worse; means."""
    all_three, four, one = (accuracy(evidence, f"{name}, trained at 16")[:, 1] for name in ("4, 2, 1", "4", "1"))
    assert (all_three - four).mean().abs() < 0.08
    assert (all_three - one).mean() > 0.15
