"""second-run-differs: what it looks like, and every cause of it planted."""

from __future__ import annotations

from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """The second run in one program differs from the first by over 5% at some line of the log."""
    pairs = zip(run.series("run 1 loss"), run.series("run 2 loss"), strict=True)
    return any(abs(first - second) > 0.05 * first + 0.001 for first, second in pairs)


@causes("second-run-differs")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)
