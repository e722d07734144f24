"""lr-how-to-choose: what it looks like, and every cause of it planted."""

from __future__ import annotations

from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """After 200 updates the network still reads under 80% of its training digits."""
    return run.last("accuracy") < 0.8


@causes("lr-how-to-choose")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)
