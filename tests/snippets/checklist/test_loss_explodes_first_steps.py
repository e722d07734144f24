"""loss-explodes-first-steps: what it looks like, and every cause of it planted."""

from __future__ import annotations

import math

from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """Within 30 steps the loss is ten times that of the best constant answer: log C, or the targets' variance."""
    targets = run.names["y_train"]
    constant = targets.var().item() if targets.is_floating_point() else math.log(10)
    return not max(run.series("loss")) < 10 * constant


@causes("loss-explodes-first-steps")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)
