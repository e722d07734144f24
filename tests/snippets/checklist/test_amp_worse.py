"""amp-worse: what it looks like, and every cause of it planted."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from snippets.checklist.amp_worse import check
from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """It ends with an error or NaN, or reads fewer than half of the digits, where float32 reads more."""
    return run.error is not None or not math.isfinite(run.last("loss")) or run.last("accuracy") < 0.5


@causes("amp-worse")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_smallest_numbers() -> None:
    """Below 6e-8 float16 is zero and bfloat16 is not; next to 1, bfloat16 steps by 1/128 and float16 by 1/1024."""
    assert torch.tensor(2.9e-8).half() == 0
    assert torch.tensor(6e-8).half() > 0
    assert torch.tensor(1e-38).bfloat16() > 0
    assert torch.finfo(torch.bfloat16).eps == 1 / 128
    assert torch.finfo(torch.float16).eps == 1 / 1024


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_lowest_number_hides(dtype: torch.dtype) -> None:
    """The lowest number of a type hides a place as minus infinity does; a row without any place gives no NaN."""
    scores, mask = torch.tensor([[1.0, 2.0], [1.0, 2.0]], dtype=dtype), torch.tensor([[False, True], [True, True]])
    lowest = scores.masked_fill(mask, torch.finfo(dtype).min).softmax(dim=1)
    assert lowest[0].tolist() == [1.0, 0.0]
    assert torch.isfinite(lowest).all()
    assert torch.isnan(scores.masked_fill(mask, -torch.inf).softmax(dim=1)[1]).all()


def test_a_small_gradient_is_not_called_clipped() -> None:
    """Near the end of training a norm of 1e-4 is ordinary; 1 / scale is not."""
    model, scaler = nn.Linear(1, 1, bias=False), torch.amp.GradScaler("cpu")
    scaler.scale(torch.zeros(1))
    model.weight.grad = torch.full((1, 1), 1e-4)
    assert not check.clipped_while_scaled(model, scaler)
    model.weight.grad /= 1e-4 * scaler.get_scale()
    assert check.clipped_while_scaled(model, scaler)


def test_token_numbers_and_other_eps_can_be_asked() -> None:
    """An embedding takes whole numbers; Adafactor's eps is a pair."""
    model, tokens = nn.Sequential(nn.Embedding(10, 4), nn.Flatten(), nn.Linear(8, 2)), torch.randint(10, (6, 2))
    loss_fn, targets = nn.CrossEntropyLoss(), torch.randint(2, (6,))
    loss_fn(model(tokens), targets).backward()
    assert not check.gradients_lost_to_zero(model, loss_fn, tokens, targets)
    assert not check.epsilon_that_is_zero(torch.optim.Adafactor(model.parameters()))


def test_a_learning_rate_of_zero_rounds_nothing_away() -> None:
    """The first step of a warm-up moves no weight; a tiny learning rate in bfloat16 rounds it away."""
    model = nn.Linear(8, 8).bfloat16()
    model(torch.ones(1, 8).bfloat16()).sum().backward()
    assert not check.updates_that_round_away(model, torch.optim.SGD(model.parameters(), lr=0.0))
    assert not check.updates_that_round_away(model, torch.optim.SGD(nn.Linear(1, 1).parameters(), lr=0.1))
    assert check.updates_that_round_away(model, torch.optim.SGD(model.parameters(), lr=1e-9))


def test_mask_values_as_attributes_and_numbers() -> None:
    """A constant in an attribute is found; a float16 mask times -1e9 is minus infinity and not NaN."""

    class Masked(nn.Module):
        hidden = -1e9

        def __init__(self) -> None:
            super().__init__()
            self.low = -1e9

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + self.low

    assert check.numbers_outside_half(Masked())
    assert (torch.tensor([1.0, 0.0]).half() * -1e9).tolist() == [-math.inf, 0.0]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_cache_keeps_the_graph(dtype: torch.dtype) -> None:
    """A pass under no_grad and one with gradients in one autocast block: each weight has a gradient."""
    model, x = nn.Sequential(nn.Linear(8, 8), nn.LayerNorm(8), nn.Linear(8, 4)), torch.randn(5, 8)
    with torch.autocast("cpu", dtype=dtype):
        with torch.no_grad():
            labels = model(x).argmax(dim=1)
        loss = nn.functional.cross_entropy(model(x), labels)
    loss.backward()
    assert all(p.grad is not None and bool(p.grad.any()) for p in model.parameters())


def test_whole_numbers_in_bfloat16() -> None:
    """All up to 256 are there, every second one up to 512, and every fourth up to 1024."""
    there = torch.arange(1025).to(torch.bfloat16).unique().long().tolist()
    assert there == [*range(257), *range(258, 513, 2), *range(516, 1025, 4)]


class Counts(nn.Module):
    """Positions in one type or another, counted in one way or another."""

    def __init__(self, dtype: torch.dtype, how: str) -> None:
        super().__init__()
        self.how, self.dtype = how, dtype
        self.drop = nn.Dropout()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        n = x.shape[1]
        ways = {
            "type": lambda: torch.arange(n, dtype=self.dtype),
            "to": lambda: torch.arange(n).to(self.dtype)[None, :, None],
            "type_as": lambda: torch.arange(7, n + 7).type_as(torch.ones(1, dtype=self.dtype))[:, None],
        }
        return self.drop(x + ways[self.how]().float().flatten().sin())


def test_positions() -> None:
    """Found in both types of 16 bits where numbers coincide; silent in float32, for short texts and other numbers."""
    for how in ("type", "to", "type_as"):
        long, longer = torch.zeros(2, 600), torch.zeros(2, 4000)
        model = Counts(torch.bfloat16, how)
        assert "600 positions" in check.positions_that_coincide(model, long)
        assert model.training
        assert "4000 positions" in check.positions_that_coincide(Counts(torch.float16, how), longer)
        assert check.positions_that_coincide(Counts(torch.float16, how), long) is None
        assert check.positions_that_coincide(Counts(torch.float32, how), longer) is None
        assert check.positions_that_coincide(model, torch.zeros(2, 100)) is None
    lines = nn.Sequential(nn.Linear(300, 300), nn.ReLU()).to(torch.bfloat16)
    assert check.positions_that_coincide(lines, torch.randn(1, 300).to(torch.bfloat16)) is None
