"""weights-not-changing: what it looks like, and every cause of it planted."""

from __future__ import annotations

import torch

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
