"""overfitting: what it looks like, and every cause of it planted."""

from __future__ import annotations

from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """In the end the training accuracy is at least 15 points above the validation accuracy."""
    return run.last("accuracy") - run.last("val accuracy") > 0.15


@causes("overfitting")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)
