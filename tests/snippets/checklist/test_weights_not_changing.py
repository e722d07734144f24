"""weights-not-changing: what it looks like, and every cause of it planted."""

from __future__ import annotations

import torch
from torch import nn

from snippets.checklist.weights_not_changing import check
from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """The layer that the program watches is, to four decimals, where it began."""
    return run.last("moved") == 0.0


@causes("weights-not-changing")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_bfloat16_near_one() -> None:
    """The neighbour below 1 is 0.9961, and a step of 3e-4 from 1 is lost, down or up."""
    one = torch.tensor(1.0, dtype=torch.bfloat16)
    below = torch.nextafter(one, torch.zeros_like(one))
    assert round(below.item(), 4) == 0.9961
    assert one - 3e-4 == one
    assert one + 3e-4 == one


class Holder(nn.Module):
    """A model with something in a list, under a name of its own."""

    def __init__(self, name: str, item: nn.Module) -> None:
        super().__init__()
        self.first = nn.Linear(3, 3)
        setattr(self, name, [item])


def test_what_can_not_learn_is_not_missed() -> None:
    """An activation and a frozen teacher lie in lists without harm; a private name hides no layer."""
    assert not check.layers_in_plain_lists(Holder("layers", nn.ReLU()))
    assert not check.layers_in_plain_lists(Holder("teacher", nn.Linear(3, 3).requires_grad_(False)))
    assert not check.layers_in_plain_lists(nn.LSTM(3, 3, num_layers=2))
    assert check.layers_in_plain_lists(Holder("_layers", nn.Linear(3, 3)))


def test_a_learning_rate_of_zero_rounds_nothing_away() -> None:
    """With 0 nothing moves, in any format; Adam's first update is the learning rate, which bfloat16 loses at 1."""
    for lr, found in ((0.0, False), (1e-3, True), (1e-2, False)):
        model = nn.LayerNorm(8, bias=False).bfloat16()
        optimizer = torch.optim.Adam(model.parameters(), lr=lr)
        model(torch.randn(8, 8).bfloat16()).float().pow(3).mean().backward()
        optimizer.step()
        nn.init.ones_(model.weight)
        assert bool(check.updates_that_round_away(model, optimizer)) == found
