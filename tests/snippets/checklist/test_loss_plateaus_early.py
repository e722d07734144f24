"""loss-plateaus-early: what it looks like, and every cause of it planted."""

from __future__ import annotations

from statistics import fmean

from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """The loss falls by 5 % or more, not below a quarter of its first value, and late by less than a tenth."""
    losses = run.series("loss")
    middle, end = fmean(losses[len(losses) // 2 :][:5]), fmean(losses[-5:])
    return 0.25 * losses[0] < end < 0.95 * losses[0] and end > 0.9 * middle


@causes("loss-plateaus-early")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)
