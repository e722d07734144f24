"""lr-drops-too-early: what it looks like, and every cause of it planted."""

from __future__ import annotations

from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """At half of the run the learning rate is below a tenth of the first one, or it doubles after it fell."""
    rates = run.series("lr")
    lowest = rates.index(min(rates))
    return rates[len(rates) // 2] < 0.1 * rates[0] or max(rates[lowest:]) > 2 * rates[lowest]


@causes("lr-drops-too-early")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)
