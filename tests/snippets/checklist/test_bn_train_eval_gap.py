"""bn-train-eval-gap: what it looks like, and every cause of it planted."""

from __future__ import annotations

from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """The same images with the same weights have a much higher loss in evaluation mode, or none that is a number."""
    in_train, in_eval = run.last("train mode loss"), run.last("eval mode loss")
    return not in_eval < 2 * in_train + 0.3


@causes("bn-train-eval-gap")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)
