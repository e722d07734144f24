"""config-not-applied: what it looks like, and every cause of it planted."""

from __future__ import annotations

from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """Two settings that should train differently print the same numbers."""
    return run.series("setting 1 loss") == run.series("setting 2 loss")


@causes("config-not-applied")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)
