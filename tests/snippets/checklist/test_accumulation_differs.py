"""accumulation-differs: what it looks like, and every cause of it planted."""

from __future__ import annotations

import torch
from torch import nn

from snippets.checklist.accumulation_differs import check
from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """The two runs end apart, by more than a twentieth of their way; the same gradients would leave them together."""
    return run.last("apart") > 0.05


@causes("accumulation-differs")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_what_is_not_divided_is_not_blamed_on_ignored_targets() -> None:
    """A loss that is not divided, or only the last third that counts, is another cause, ignored targets or not."""
    torch.manual_seed(0)
    model, loss_fn = nn.Linear(6, 3), nn.CrossEntropyLoss()
    model.register_parameter("unused", nn.Parameter(torch.zeros(2)))
    inputs, targets = torch.randn(30, 6), torch.randint(3, (30,))
    targets[::3] = -100  # as many in each third

    def undivided(twin: nn.Module, x: torch.Tensor, y: torch.Tensor) -> None:
        for part, answer in zip(x.split(10), y.split(10), strict=True):
            loss_fn(twin(part), answer).backward()

    def zeroed(twin: nn.Module, x: torch.Tensor, y: torch.Tensor) -> None:
        for part, answer in zip(x.split(12), y.split(12), strict=True):
            twin.zero_grad()
            loss_fn(twin(part), answer).backward()

    targets[0], targets[1] = targets[1].item(), -100
    assert not check.micro_batches_of_unequal_weight(model, loss_fn, zeroed, inputs, targets)
    assert "last 6 of 30" in check.gradient_of_the_last_micro_batch(model, loss_fn, zeroed, inputs, targets)
    targets[20:27] = -100
    assert check.micro_batches_of_unequal_weight(model, loss_fn, undivided, inputs, targets)
