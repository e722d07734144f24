"""forgot-eval: what it looks like, and every cause of it planted."""

from __future__ import annotations

from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """The same evaluation gives another loss when it is done again."""
    losses = run.series("test loss")
    return max(losses) - min(losses) > 0.005


@causes("forgot-eval")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)
