"""finetune-destroys-features: what it looks like, and every cause of it planted."""

from __future__ import annotations

from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """The accuracy of the pre-trained network, on the first line, is lost by over a tenth at the end."""
    accuracies = run.series("accuracy")
    return accuracies[-1] < accuracies[0] - 0.1


@causes("finetune-destroys-features")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)
