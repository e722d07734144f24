"""multi-gpu-differs: what it looks like, and every cause of it planted."""

from __future__ import annotations

from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """In the last five epochs the ranks' training loss is more than 15% off that of the run on one device."""
    alone, ranks = (sum(run.series(f"{which} loss")[-5:]) for which in ("alone", "ranks"))
    return abs(ranks - alone) > 0.15 * alone


@causes("multi-gpu-differs")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)
