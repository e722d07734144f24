"""accumulation-differs: what it looks like, and every cause of it planted."""

from __future__ import annotations

from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """The two runs end apart, by more than a twentieth of their way; the same gradients would leave them together."""
    return run.last("apart") > 0.05


@causes("accumulation-differs")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)
