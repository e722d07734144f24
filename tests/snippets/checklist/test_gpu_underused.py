"""gpu-underused: what it looks like in counts, and every cause of it planted. Nothing here measures time."""

from __future__ import annotations

from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """The training process reads samples, waits for results, or launches over 20 operations for each sample."""
    read, waits, operations = map(run.series, ("samples read here", "waits per step", "operations per sample"))
    return any(read) or any(count > 1 for count in waits) or any(count > 20 for count in operations)


@causes("gpu-underused")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)
