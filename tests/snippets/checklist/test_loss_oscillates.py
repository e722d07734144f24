"""loss-oscillates: what it looks like, and every cause of it planted."""

from __future__ import annotations

from itertools import pairwise
from statistics import fmean

from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """In the last third, one printed loss differs from the next by a tenth of the first loss, on average."""
    losses = run.series("loss")
    late = losses[-len(losses) // 3 :]
    return fmean(abs(b - a) for a, b in pairwise(late)) > 0.1 * losses[0]


@causes("loss-oscillates")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)
