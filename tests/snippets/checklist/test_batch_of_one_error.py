"""batch-of-one-error: the error text, and every cause of it planted."""

from __future__ import annotations

from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """A normalization refuses to compute a variance of one value."""
    return isinstance(run.error, ValueError) and str(run.error).startswith("Expected more than 1")


@causes("batch-of-one-error")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)
