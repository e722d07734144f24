"""custom-init-no-effect: what it looks like, and every cause of it planted."""

from __future__ import annotations

from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """A layer has not the standard deviation of 0.02 that was asked for, or the initialization ends with an error."""
    return run.error is not None or any(abs(std / 0.02 - 1) > 0.3 for std in run.series("std"))


@causes("custom-init-no-effect")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)
