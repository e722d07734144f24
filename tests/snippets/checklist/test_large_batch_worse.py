"""large-batch-worse: what it looks like, and every cause of it planted."""

from __future__ import annotations

from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """After as many epochs the large batch ends at twice the loss of the small one."""
    return not run.last("batch 256 loss") < 2 * run.last("batch 16 loss")


@causes("large-batch-worse")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)
