"""resume-worse: what it looks like, and every cause of it planted."""

from __future__ import annotations

import torch

from snippets.checklist.resume_worse import check
from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """After the resume, at half of the log, the test loss is 1.3 times that before."""
    losses = run.series("test loss")
    half = len(losses) // 2
    return max(losses[half : half + 4]) > 1.3 * sum(losses[half - 3 : half]) / 3


@causes("resume-worse")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_plain_sgd_has_nothing_to_forget() -> None:
    """Without momentum SGD keeps no state; with it, a new one remembers nothing; an empty file is answered too."""
    weight = torch.nn.Parameter(torch.zeros(1))
    assert not check.optimizer_that_starts_anew(torch.optim.SGD([weight], lr=0.1), 100)
    assert check.optimizer_that_starts_anew(torch.optim.SGD([weight], lr=0.1, momentum=0.9), 100)
    assert check.optimizer_that_starts_anew(torch.optim.Adam([weight]), 100)
    assert check.names_that_do_not_match(torch.nn.Linear(1, 1), {"model": {}})
