"""class-collapse: what it looks like, and every cause of it planted."""

from __future__ import annotations

from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """In the end nearly all predictions are the same class, which is far from most frequent in the validation set."""
    return run.last("most predicted") > 0.95


@causes("class-collapse")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)
