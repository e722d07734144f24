"""val-loss-lower-than-train: what it looks like, and every cause of it planted."""

from __future__ import annotations

from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """In at least half of the epochs the validation loss is a tenth below the training loss, or more."""
    lower = [val < 0.9 * train for train, val in zip(run.series("loss"), run.series("val loss"), strict=True)]
    return 2 * sum(lower) >= len(lower)


@causes("val-loss-lower-than-train")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)
