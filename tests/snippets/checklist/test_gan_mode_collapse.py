"""gan-mode-collapse: what it looks like, and every cause of it planted."""

from __future__ import annotations

from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """In the last five lines of the log the generated points fill less than four tenths of the clouds."""
    last = run.series("coverage")[-5:]
    return sum(last) / len(last) < 0.4


@causes("gan-mode-collapse")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)
