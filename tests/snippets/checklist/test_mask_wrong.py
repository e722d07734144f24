"""mask-wrong: what it looks like, and every cause of it planted."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional

from snippets.checklist.mask_wrong import check
from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """The loss looks as if the task were learnt (guessing gives 1.61), and half of what is written is wrong."""
    return run.last("loss") < 0.45 and run.last("written") < 0.5


@causes("mask-wrong")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_true_has_two_meanings() -> None:
    """True takes part in scaled_dot_product_attention, and is left out by nn.MultiheadAttention."""
    torch.manual_seed(0)
    x, allowed = torch.randn(1, 5, 8), torch.ones(5, 5, dtype=torch.bool).tril()
    changed = x.clone()
    changed[:, -1] += 1
    attention = nn.MultiheadAttention(8, 1, batch_first=True)

    def moved(function: Callable[[torch.Tensor], torch.Tensor]) -> float:
        return (function(x) - function(changed))[:, :-1].abs().max().item()

    assert moved(lambda t: functional.scaled_dot_product_attention(t, t, t, attn_mask=allowed)) == 0
    assert moved(lambda t: functional.scaled_dot_product_attention(t, t, t, attn_mask=allowed.mT)) > 1e-3
    assert moved(lambda t: attention(t, t, t, attn_mask=~allowed)[0]) == 0
    assert torch.isnan(attention(x, x, x, attn_mask=allowed)[0][:, -1]).all()


class Mean(nn.Module):
    """Gives each place the mean of all tokens, or of those up to it."""

    def __init__(self, *, causal: bool) -> None:
        super().__init__()
        self.causal, self.embedding = causal, nn.Embedding(9, 8)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Return (batch, sequence, width)."""
        x: torch.Tensor = self.embedding(tokens)
        places = torch.arange(1, x.shape[1] + 1).view(1, -1, 1)
        return x.cumsum(dim=1) / places if self.causal else x.mean(dim=1, keepdim=True).expand(x.shape)


def test_rows_that_end_alike_show_the_leak() -> None:
    """One sequence, or several that all end in padding."""
    tokens = torch.tensor([[3, 4, 5, 6, 0, 0], [7, 8, 2, 0, 0, 0]])
    for rows in (tokens, tokens[:1]):
        assert check.outputs_that_see_the_future(Mean(causal=False), rows)
        assert not check.outputs_that_see_the_future(Mean(causal=True), rows)


def test_ignored_labels_are_no_other_tokens() -> None:
    """Half of each row is padding with the label -100."""
    inputs = torch.tensor([[3, 4, 5, 6, 0, 0, 0, 0], [7, 8, 2, 1, 0, 0, 0, 0]])
    targets = inputs.masked_fill(inputs == 0, -100)
    assert check.targets_that_are_the_inputs(inputs, targets)
    assert not check.targets_that_are_the_inputs(inputs[:, :-1], targets[:, 1:])


def test_the_end_of_text_counts() -> None:
    """Padding with the id of the end, of which the first is in the loss."""
    torch.manual_seed(0)
    targets = torch.tensor([[3, 4, 0, 0, 0, 0], [7, 0, 0, 0, 0, 0]])
    counts = (targets != 0).int().roll(1, dims=1).bool() | (targets != 0)
    counts[:, 0] = True
    outputs = torch.randn(2, 6, 9)

    def by_length(flat: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        weights = counts.flatten().float() if len(labels) == 12 else torch.ones(len(labels))
        return (functional.cross_entropy(flat, labels, reduction="none") * weights).sum() / weights.sum()

    assert not check.padding_that_is_counted(by_length, outputs, targets)
    assert check.padding_that_is_counted(functional.cross_entropy, outputs, targets)
