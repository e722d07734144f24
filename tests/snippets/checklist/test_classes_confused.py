"""classes-confused: what it looks like, and every cause of it planted."""

from __future__ import annotations

from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """More than 15 % of one class is taken for one other class, while most samples are recognized."""
    return run.last("worst pair") > 0.15 and run.last("accuracy") > 0.5


@causes("classes-confused")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)
