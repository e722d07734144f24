"""loss-not-decreasing: what it looks like, and every cause of it planted."""

from __future__ import annotations

from statistics import fmean

from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """In its last quarter the loss is, on average, no more than a tenth below its first value."""
    losses = run.series("loss")
    return fmean(losses[-len(losses) // 4 :]) > 0.9 * losses[0]


@causes("loss-not-decreasing")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)
