"""batch-vs-single-generation-differs: what it looks like, and every cause of it planted."""

from __future__ import annotations

import torch

from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """More than a fifth of the prompts is continued differently in a batch."""
    return run.last("differ") > 0.2


@causes("batch-vs-single-generation-differs")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_positions_from_mask() -> None:
    """The running sum of the mask, less one, counts tokens from zero, whatever the padding."""
    mask = torch.tensor([[0, 0, 1, 1, 1], [1, 1, 1, 1, 1]])
    assert (mask.cumsum(dim=1) - 1).clamp(min=0).tolist() == [[0, 0, 0, 1, 2], [0, 1, 2, 3, 4]]


def test_sampling_differs() -> None:
    """With the same seed, the first row of a batch draws other tokens than the same row alone."""
    weights = torch.full((2, 50), 0.02)
    torch.manual_seed(0)
    batch = [torch.multinomial(weights, 1)[0].item() for _ in range(8)]
    torch.manual_seed(0)
    assert batch != [torch.multinomial(weights[:1], 1)[0].item() for _ in range(8)]
