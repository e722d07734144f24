"""bad-inputs: what it looks like, and every cause of it planted."""

from __future__ import annotations

from statistics import fmean

from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """The training loss stops far above 0, on data that a small network fits."""
    return fmean(run.series("loss")[-5:]) > 0.25


@causes("bad-inputs")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)
