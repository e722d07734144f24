"""batch-dependent-output: what it looks like, and every cause of it planted."""

from __future__ import annotations

from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """The output of the same sample depends on the size of the batch in which it comes."""
    return max(run.series("largest change")) > 0.01


@causes("batch-dependent-output")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)
