"""loss-decreases-acc-not: what it looks like, and every cause of it planted."""

from __future__ import annotations

from statistics import fmean, median

from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """The loss falls to 60 % or less, and the accuracy ends less than 0.1 above where it began."""
    losses, accuracies = run.series("loss"), run.series("test accuracy")
    return losses[-1] < 0.6 * losses[0] and fmean(accuracies[-5:]) < median(accuracies[:3]) + 0.1


@causes("loss-decreases-acc-not")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)
