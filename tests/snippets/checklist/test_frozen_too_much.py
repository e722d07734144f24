"""frozen-too-much: what it looks like, and every cause of it planted."""

from __future__ import annotations

from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """A tensor that should stay has moved, or one that should be trained has not."""
    return run.last("frozen moved") > 0.0001 or run.last("trained moved") < 0.0001


@causes("frozen-too-much")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)
