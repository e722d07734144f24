"""val-loss-up-acc-up: what it looks like, and every cause of it planted."""

from __future__ import annotations

from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """The validation loss ends a fifth above its minimum, and the accuracy is not much below what it was there."""
    losses, accuracies = run.series("val loss"), run.series("val accuracy")
    best = losses.index(min(losses))
    return losses[-1] > 1.22 * losses[best] and accuracies[-1] > accuracies[best] - 0.02


@causes("val-loss-up-acc-up")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)
