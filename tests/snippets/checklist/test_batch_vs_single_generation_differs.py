"""batch-vs-single-generation-differs: what it looks like, and every cause of it planted."""

from __future__ import annotations

import torch

from snippets.checklist.batch_vs_single_generation_differs import check
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


def test_nothing_to_attend_to() -> None:
    """A softmax over nothing is NaN; torch's attention gives 0."""
    x, seen = torch.randn(1, 3, 4), torch.ones(3, 3, dtype=torch.bool).tril()
    seen[0] = False
    assert (x @ x.mT).masked_fill(~seen, -torch.inf).softmax(dim=-1)[0, 0].isnan().all()
    assert not torch.nn.functional.scaled_dot_product_attention(x, x, x, attn_mask=seen)[0, 0].any()


class Rounding(torch.nn.Module):
    """Logits of bfloat16 whose last digit depends on the size of the batch."""

    def forward(self, tokens: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Large logits."""
        logits = tokens.unsqueeze(2) * torch.arange(1.0, 4.0)
        return (logits * (1 + (len(tokens) > 1) / 128)).bfloat16()


def test_rounding_is_no_position() -> None:
    """A step of bfloat16 at logits of 24 is 0.125."""
    tokens = torch.tensor([[0, 0, 8], [5, 6, 7]])
    model, mask = Rounding(), tokens != 0
    assert (check.quiet(model, tokens, mask)[0, 2] - check.quiet(model, tokens[:1, 2:], mask[:1, 2:])[0, 0]).any()
    assert not check.positions_that_count_padding(model, tokens, mask)
