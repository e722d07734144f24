"""special-tokens-wrong: what it looks like, and every cause of it planted."""

from __future__ import annotations

import torch

from snippets.checklist.special_tokens_wrong import check
from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """The loss falls, and fewer than half of the generated texts are texts of the language."""
    return run.last("loss") < run.series("loss")[0] and run.last("right texts") < 0.5


@causes("special-tokens-wrong")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_several_stop_tokens() -> None:
    """One of them is enough, in the targets and at the end; texts without any target are left out."""
    ids = torch.tensor([[1, 5, 6, 8], [1, 7, 5, 8], [1, 7, 7, 7]])
    labels = torch.tensor([[-100, 5, 6, 8], [-100, 7, 5, 8], [-100] * 4])
    assert not check.stop_token_masked(ids, labels, [8, 9])
    assert not check.texts_that_end_otherwise(ids, labels, [8, 9])
    assert "100% of the texts end with 8" in check.texts_that_end_otherwise(ids, labels, [3, 9])
    labels[labels == 8] = -100
    assert check.stop_token_masked(ids, labels, [8, 9])
