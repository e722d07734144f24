"""resume-worse: what it looks like, and every cause of it planted."""

from __future__ import annotations

from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """After the resume, at half of the log, the test loss is 1.3 times that before."""
    losses = run.series("test loss")
    half = len(losses) // 2
    return max(losses[half : half + 4]) > 1.3 * sum(losses[half - 3 : half]) / 3


@causes("resume-worse")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)
