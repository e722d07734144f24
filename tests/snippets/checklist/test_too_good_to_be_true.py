"""too-good-to-be-true: what it looks like, and every cause of it planted."""

from __future__ import annotations

from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """The score on the validation set is far above the score on data that nobody has touched."""
    return run.last("val score") - run.last("new score") > 0.12


@causes("too-good-to-be-true")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)
