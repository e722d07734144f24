"""loss-zero-immediately: what it looks like, and every cause of it planted."""

from __future__ import annotations

from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """After a quarter of the log the loss is below 0.02."""
    losses = run.series("loss")
    return losses[len(losses) // 4] < 0.02


@causes("loss-zero-immediately")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)
