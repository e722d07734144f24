"""compile-differs-from-eager: what it looks like, and every cause of it planted."""

from __future__ import annotations

from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """In the last five lines the losses of the two runs, which should be equal, differ by more than 10%."""
    eager, compiled = (sum(run.series(f"{which} loss")[-5:]) for which in ("eager", "compiled"))
    return abs(compiled - eager) > 0.1 * eager


@causes("compile-differs-from-eager")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)
