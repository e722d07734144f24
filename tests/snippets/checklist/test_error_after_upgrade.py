"""error-after-upgrade: what it looks like, and every cause of it planted."""

from __future__ import annotations

from tests.support.messages import never_said, said
from tests.support.planted import Record, Run, causes, prove

SYMPTOM = "error-after-upgrade"


def shows(run: Run) -> bool:
    """An error ends it, with one of the page's texts."""
    return run.error is not None and bool(said(SYMPTOM, run))


@causes(SYMPTOM)
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_texts() -> None:
    """Every error text of the page is one that torch gives today."""
    assert not never_said(SYMPTOM)
