"""metric-depends-on-batch-size: what it looks like, and every cause of it planted."""

from __future__ import annotations

from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """One model, one validation set, two batch sizes: the scores differ by more than a point."""
    return abs(run.last("score by 8") - run.last("score by 250")) > 0.01


@causes("metric-depends-on-batch-size")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)
