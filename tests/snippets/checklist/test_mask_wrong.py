"""mask-wrong: what it looks like, and every cause of it planted."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional

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
