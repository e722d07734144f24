"""DropBlock: equal to torchvision under one seed, closed forms, and the claims of its page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from snippets.normalization.dropblock import from_scratch
from snippets.normalization.dropblock.evidence import SHARES
from snippets.normalization.dropblock.use import DropBlock2d, set_drop_block
from tests.support import oracles  # noqa: F401 - before torchvision

RECIPES = Path(__file__).parents[3] / "docs" / "recipes.yaml"


def seeded(function: Any, *given: Any) -> Tensor:
    """Its output under seed 0."""
    torch.manual_seed(0)
    return function(*given)


@pytest.mark.parametrize("size", [1, 3, 5, 7])
@pytest.mark.parametrize("p", [0.05, 0.2, 0.5])
def test_equals_torchvision(p: float, size: int) -> None:
    """Outputs and gradients under one seed, three dtypes, maps larger than, as large as and smaller than the square."""
    from torchvision.ops import drop_block2d

    for shape in ((4, 3, 14, 14), (4, 3, 8, 11), (4, 3, 7, 7), (4, 3, 5, 5)):
        for dtype in (torch.float32, torch.float64, torch.bfloat16):
            x = torch.randn(shape).to(dtype).requires_grad_()
            ours, theirs = seeded(DropBlock2d(p, size), x), seeded(drop_block2d, x, p, size)
            gradients = [torch.autograd.grad(out.sum(), x)[0] for out in (ours, theirs)]
            tolerance = 2e-2 if dtype == torch.bfloat16 else 1e-5  # the factor is a quotient of long sums
            torch.testing.assert_close(ours, theirs, rtol=tolerance, atol=0)
            torch.testing.assert_close(*gradients, rtol=tolerance, atol=0)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 7])
def test_painting_is_pooling(size: int) -> None:
    """Square by square, by max pooling and as in the code: the same, for odd and even squares."""
    x = torch.randn(4, 3, 9, 12)
    painted = seeded(from_scratch.drop_block, x, 0.2, size)
    for other in (seeded(from_scratch.with_pooling, x, 0.2, size), seeded(DropBlock2d(0.2, size), x)):
        torch.testing.assert_close(painted, other, rtol=1e-5, atol=0)


def test_even_size() -> None:
    """torchvision refuses an even side by this text; our code takes it."""
    from torchvision.ops import drop_block2d

    with pytest.raises(ValueError, match=r"block size should be odd. Got 4 which is even."):
        drop_block2d(torch.ones(1, 1, 8, 8), 0.2, 4)
    assert DropBlock2d(0.2, 4)(torch.ones(1, 1, 8, 8)).shape == (1, 1, 8, 8)


def test_ends_of_the_scale() -> None:
    """Side 1 drops single numbers with probability p, the whole map's side drops whole channels with probability p."""
    torch.manual_seed(0)
    x = torch.ones(64, 32, 6, 6)
    single = DropBlock2d(0.3, 1)(x) == 0
    assert single.float().mean().item() == pytest.approx(0.3, abs=0.01)
    assert (single.flatten(2).any(2) & ~single.flatten(2).all(2)).float().mean() > 0.99
    whole = (DropBlock2d(0.3, 6)(x) == 0).flatten(2)
    assert torch.equal(whole.any(2), whole.all(2))
    assert whole.float().mean().item() == pytest.approx(0.3, abs=0.03)


@pytest.mark.parametrize(("p", "size", "side"), [(0.1, 7, 14), (0.25, 7, 14), (0.5, 5, 8), (0.2, 3, 28)])
def test_share_in_closed_form(p: float, size: int, side: int) -> None:
    """A number is dropped with 1 - (1 - gamma)^k, k the squares over it: the mean of that, always below p."""
    torch.manual_seed(0)
    gamma = p * side**2 / size**2 / (side - size + 1) ** 2
    over = torch.tensor([min(i + 1, side - i, size, side - size + 1) for i in range(side)], dtype=torch.float64)
    expected = (1 - (1 - gamma) ** torch.outer(over, over)).mean().item()
    dropped = (DropBlock2d(p, size)(torch.ones(100, 40, side, side)) == 0).float().mean().item()
    assert dropped == pytest.approx(expected, abs=0.01)
    assert expected < p
    if (p, size, side) == (0.5, 5, 8):
        assert expected == pytest.approx(0.373, abs=0.001)


def test_evaluation_and_mean() -> None:
    """Evaluation returns the input; in training a constant batch keeps its mean, and not each map of it."""
    x = torch.full((8, 4, 10, 10), 3.0)
    layer = DropBlock2d(0.3, 3)
    assert layer(x).mean().item() == pytest.approx(3.0, rel=1e-5)
    assert (layer(x) == 0).any()
    assert (layer(x).mean(dim=(2, 3)) - 3.0).abs().max() > 0.3
    assert torch.equal(layer.eval()(x), x)


def test_small_maps_lose_channels() -> None:
    """With the default side of 7, a 7 x 7 map and a smaller one lose whole channels and nothing else."""
    torch.manual_seed(0)
    for side in (7, 4, 1):
        gone = (DropBlock2d(0.3)(torch.ones(16, 16, side, side)) == 0).flatten(2)
        assert gone.any()
        assert torch.equal(gone.any(2), gone.all(2))


def test_set_drop_block() -> None:
    """It reaches nested layers and changes only them; numbers outside of the range are refused at construction."""
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Sequential(DropBlock2d(0.0), nn.Dropout(0.5)))
    set_drop_block(model, 0.2)
    assert (model[1][0].p, model[1][1].p) == (0.2, 0.5)
    for p, size in ((1.0, 7), (-0.1, 7), (0.1, 0)):
        with pytest.raises(ValueError, match="needs 0 <= p < 1 and block_size >= 1"):
            DropBlock2d(p, size)


def test_no_recipe_has_it() -> None:
    """No row of the recipes names DropBlock."""
    text = RECIPES.read_text().lower()
    assert "drop_path" in text
    assert not any(word in text for word in ("dropblock", "drop_block", "drop-block"))


def test_neighbours_know_single_pixels(evidence: Any) -> None:
    """At p = 0.2 kept pixels explain 67% of single ones, 47% and 34% of squares; larger squares tell less at each p."""
    single, three, five = (result["explained"] for result in evidence().values())
    at = SHARES.index(0.2)
    assert [single[at], three[at], five[at]] == pytest.approx([0.67, 0.47, 0.34], abs=0.01)
    assert all(a > b > c for a, b, c in zip(single, three, five, strict=True))
