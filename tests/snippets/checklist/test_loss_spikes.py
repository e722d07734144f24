"""loss-spikes: what it looks like, and every cause of it planted."""

from __future__ import annotations

from statistics import median

from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """In the second half, one loss is at least 6 times the median of the 20 before it."""
    losses = run.names["losses"]
    late = range(len(losses) // 2, len(losses))
    return any(not losses[i] < 6 * max(median(losses[i - 20 : i]), 1e-5 * losses[0]) for i in late)


@causes("loss-spikes")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)
