"""ranks-diverge: what it looks like, and every cause of it planted."""

from __future__ import annotations

from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """In the last five lines four ranks have more than half of the loss of one."""
    alone, ranks = (sum(run.series(f"{which} loss")[-5:]) for which in ("alone", "ranks"))
    return ranks > 0.5 * alone


@causes("ranks-diverge")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)
