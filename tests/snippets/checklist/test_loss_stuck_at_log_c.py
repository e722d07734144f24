"""loss-stuck-at-log-c: what it looks like, and every cause of it planted."""

from __future__ import annotations

import math
from statistics import fmean

from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """Late, the loss is within 5 % of the logarithm of the number of classes, and the accuracy below 0.3."""
    losses, accuracies = run.series("loss"), run.series("accuracy")
    late = fmean(losses[len(losses) // 2 :]), fmean(accuracies[len(losses) // 2 :])
    return abs(late[0] / math.log(10) - 1) < 0.05 and late[1] < 0.3


@causes("loss-stuck-at-log-c")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)
