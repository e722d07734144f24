"""labels-misaligned: what it looks like, and every cause of it planted."""

from __future__ import annotations

from statistics import fmean

from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """Training ends hardly better than the best constant answer, which looks at no input."""
    return fmean(run.series("loss")[-3:]) > 0.75 * run.last("best constant")


@causes("labels-misaligned")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)
