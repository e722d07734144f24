"""input-layout-scrambled: what it looks like, and every cause of it planted."""

from __future__ import annotations

from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """Shapes fit, no error comes, and accuracy stays low."""
    return run.error is None and run.last("accuracy") < 0.7


@causes("input-layout-scrambled")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)
