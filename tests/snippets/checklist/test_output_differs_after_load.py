"""output-differs-after-load: what it looks like, and every cause of it planted."""

from __future__ import annotations

from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """The test loss after loading is higher than that measured when the weights were saved."""
    return run.last("test loss after loading") > 1.2 * run.last("test loss before saving") + 0.05


@causes("output-differs-after-load")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)
