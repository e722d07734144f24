"""dropout-bn-conflict: what it looks like, and every cause of it planted."""

from __future__ import annotations

from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """The training loss stays above 0.4, where the same network without the fault goes below 0.2."""
    return sum(run.series("loss")[-5:]) / 5 > 0.4


@causes("dropout-bn-conflict")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)
