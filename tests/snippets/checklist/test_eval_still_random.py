"""eval-still-random: what it looks like, and every cause of it planted."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn import functional

from snippets.checklist.eval_still_random import check
from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """After eval() the same evaluation gives another loss when it is done again."""
    losses = run.series("test loss")
    return max(losses) - min(losses) > 0.005


@causes("eval-still-random")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


class Does(nn.Module):
    """Applies a function, after a normalization that does not follow eval()."""

    def __init__(self, function: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.norm, self.function = nn.BatchNorm1d(4), function

    def train(self, mode: bool = True) -> Does:
        """Stay in training mode."""
        return super().train()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Normalize, and apply the function."""
        return self.function(self.norm(x))


def test_dropout_with_rate_zero_is_silent_and_buffers_stay() -> None:
    """A rate of 0 drops nothing; a layer that stays in training mode keeps its statistics."""
    for rate, found in ((0.0, False), (0.2, True)):
        model = Does(lambda x, rate=rate: functional.dropout(x, rate))  # type: ignore[misc]
        before = [buffer.clone() for buffer in model.buffers()]
        assert bool(check.dropout_called_as_function(model, torch.randn(8, 4))) == found
        assert all(torch.equal(a, b) for a, b in zip(before, model.buffers(), strict=True))


@pytest.mark.parametrize(
    "draw",
    [
        functional.gumbel_softmax,
        torch.poisson,
        torch.bernoulli,
        lambda x: torch.randint_like(x, 9),
        *(
            (lambda x, name=name: getattr(torch.empty_like(x), name)())
            for name in ("exponential_", "log_normal_", "random_", "bernoulli_")
        ),
    ],
)
def test_other_noise_is_found(draw: Callable[[torch.Tensor], torch.Tensor]) -> None:
    """Draws by functions and in place."""
    model = Does(lambda x: draw(x.sigmoid()))
    assert check.random_numbers_drawn(model, torch.randn(8, 4))


def test_a_seeded_generator_is_the_cure() -> None:
    """Numbers from a generator of its own are the same in each pass, if it is made with a seed."""
    model = Does(lambda x: x + torch.randn(x.shape, generator=torch.Generator().manual_seed(0)))
    x = torch.randn(8, 4)
    assert torch.equal(model(x), model(x))
    assert not check.random_numbers_drawn(model, x)
