"""checkerboard: what it looks like, and every cause of it planted."""

from __future__ import annotations

from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """At the end the mean of the picture still depends on the place in a cell, by more than a tenth of the contrast."""
    return run.last("pattern") > 0.1


@causes("checkerboard")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)
