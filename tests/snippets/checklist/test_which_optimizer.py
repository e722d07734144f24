"""which-optimizer: what it looks like, and every cause of it planted."""

from __future__ import annotations

from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """At the end the loss is still above half of its first value."""
    losses = run.series("loss")
    return not losses[-1] < 0.5 * losses[0]


@causes("which-optimizer")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)
