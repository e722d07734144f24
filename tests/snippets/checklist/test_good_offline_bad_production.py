"""good-offline-bad-production: what it looks like, and every cause of it planted."""

from __future__ import annotations

from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """The accuracy in production is at least 15 points below that on the validation set."""
    return run.last("val accuracy") - run.last("live accuracy") > 0.15


@causes("good-offline-bad-production")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)
