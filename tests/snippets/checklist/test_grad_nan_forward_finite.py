"""grad-nan-forward-finite: what it looks like, and every cause of it planted."""

from __future__ import annotations

import math

from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """Every loss is a finite number, and a gradient is NaN."""
    finite = all(map(math.isfinite, run.series("loss")))
    return finite and any(map(math.isnan, run.series("gradient")))


@causes("grad-nan-forward-finite")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)
