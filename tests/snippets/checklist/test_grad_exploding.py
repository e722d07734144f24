"""grad-exploding: what it looks like, and every cause of it planted."""

from __future__ import annotations

import math

from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """The norm of the gradient goes above 10, or is no number."""
    norms = run.series("gradient")
    return max(norms) > 10 or not all(map(math.isfinite, norms))


@causes("grad-exploding")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)
