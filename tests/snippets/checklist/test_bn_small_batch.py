"""bn-small-batch: what it looks like, and every cause of it planted."""

from __future__ import annotations

from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """The test accuracy at the end is far below the 0.9 that this small network reaches otherwise."""
    return sum(run.series("test accuracy")[-3:]) / 3 < 0.75


@causes("bn-small-batch")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)
