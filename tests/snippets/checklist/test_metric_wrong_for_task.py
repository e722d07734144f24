"""metric-wrong-for-task: what it looks like, and every cause of it planted."""

from __future__ import annotations

from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """The loss falls, and the score says that a constant answer is as good."""
    falls = run.last("loss") < 0.7 * run.series("loss")[0]
    return falls and run.last("score") < run.last("best constant") + 0.02


@causes("metric-wrong-for-task")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)
