"""special-tokens-wrong: what it looks like, and every cause of it planted."""

from __future__ import annotations

from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """The loss falls, and fewer than half of the generated texts are texts of the language."""
    return run.last("loss") < run.series("loss")[0] and run.last("right texts") < 0.5


@causes("special-tokens-wrong")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)
