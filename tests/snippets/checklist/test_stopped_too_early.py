"""stopped-too-early: what it looks like, and every cause of it planted."""

from __future__ import annotations

from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """Training ends at a validation loss above 0.7, where the same network reaches less than half of that."""
    return sum(run.series("validation loss")[-3:]) / 3 > 0.7


@causes("stopped-too-early")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)
