"""underfitting: what it looks like, and every cause of it planted."""

from __future__ import annotations

from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """In the end both accuracies are low, and they are close to each other."""
    accuracy, val_accuracy = run.last("accuracy"), run.last("val accuracy")
    return accuracy < 0.8 and abs(accuracy - val_accuracy) < 0.15


@causes("underfitting")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)
