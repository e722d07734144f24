"""test-much-worse-than-val: what it looks like, and every cause of it planted."""

from __future__ import annotations

from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """The accuracy on the test set is at least 12 points below that on the validation set."""
    return run.last("val accuracy") - run.last("test accuracy") > 0.12


@causes("test-much-worse-than-val")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)
