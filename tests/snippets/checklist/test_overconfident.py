"""overconfident: what it looks like, and every cause of it planted."""

from __future__ import annotations

from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """The mean confidence ends more than eight points above the accuracy of the same predictions."""
    return run.last("confidence") > run.last("accuracy") + 0.08


@causes("overconfident")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)
