"""adam-worse-than-sgd: what it looks like, and every cause of it planted."""

from __future__ import annotations

from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """Adam ends more than three points of test accuracy below SGD."""
    return run.last("sgd accuracy") > run.last("adam accuracy") + 0.03


@causes("adam-worse-than-sgd")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)
