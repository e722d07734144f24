"""loss-nan: what it looks like, and every cause of it planted."""

from __future__ import annotations

import math

from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """The loss is finite no longer."""
    return not all(map(math.isfinite, run.series("loss")))


@causes("loss-nan")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)
