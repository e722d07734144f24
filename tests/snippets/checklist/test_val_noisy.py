"""val-noisy: what it looks like, and every cause of it planted."""

from __future__ import annotations

from itertools import pairwise

from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """In the second half the validation accuracy jumps by more than 1.3 points from epoch to epoch, on average."""
    values = run.series("val accuracy")[-15:]
    return sum(abs(b - a) for a, b in pairwise(values)) / 14 > 0.013


@causes("val-noisy")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)
