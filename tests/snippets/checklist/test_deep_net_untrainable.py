"""deep-net-untrainable: what it looks like, and every cause of it planted."""

from __future__ import annotations

from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """At the end the loss is above 1.8, near that of random guessing (2.30) or beyond it, or no number."""
    return not sum(run.series("loss")[-3:]) / 3 < 1.8


@causes("deep-net-untrainable")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)
