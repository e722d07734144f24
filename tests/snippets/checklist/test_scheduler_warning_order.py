"""scheduler-warning-order: what it looks like, and every cause of it planted."""

from __future__ import annotations

import pytest

from tests.support.messages import never_said, said
from tests.support.planted import Record, Run, causes, program, prove, run

SYMPTOM = "scheduler-warning-order"


def shows(one: Run) -> bool:
    """It warns, with one of the page's texts."""
    return bool(said(SYMPTOM, one))


@causes(SYMPTOM)
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_texts() -> None:
    """Every text of the page is one that torch gives today."""
    assert not never_said(SYMPTOM)


def test_what_each_cause_does_to_the_learning_rate() -> None:
    """The replaced step alone is harmless; the others skip the first value, run ahead, or never change anything."""

    def lrs(cause: str, role: str = "broken") -> list[float]:
        return run(program(f"{SYMPTOM}/{cause}", role)).series("lr")

    meant = [0.02 * 0.9**step for step in range(30)]
    assert lrs("optimizer-step-replaced") == pytest.approx(meant, abs=1e-5)
    assert lrs("scheduler-first") == pytest.approx([0.9 * lr for lr in meant], abs=1e-5)
    assert lrs("scheduler-of-another-optimizer") == [0.02] * 30
    assert lrs("accumulation")[-1] == pytest.approx(0.02 * 0.9**59, abs=1e-5)
    assert lrs("accumulation", "fixed")[-1] == pytest.approx(0.02 * 0.9**14, abs=1e-5)
    skipped = run(program(f"{SYMPTOM}/scaler-skipped-a-step", "fixed")).series("lr").count(0.02) - 1
    assert 0 < skipped < 6
