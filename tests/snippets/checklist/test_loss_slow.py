"""loss-slow: what it looks like, and every cause of it planted."""

from __future__ import annotations

from statistics import fmean

from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """In its last quarter the loss has fallen, by 3 % or more, but not to half of its first value."""
    losses = run.series("loss")
    return 0.5 < fmean(losses[-len(losses) // 4 :]) / losses[0] < 0.97


@causes("loss-slow")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)
