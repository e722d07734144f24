"""loss-spikes: what it looks like, and every cause of it planted."""

from __future__ import annotations

from statistics import median

import torch
from torch.utils.data import DataLoader, SubsetRandomSampler, TensorDataset

from snippets.checklist.loss_spikes import check
from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """In the second half, one loss is at least 6 times the median of the 20 before it."""
    losses = run.names["losses"]
    late = range(len(losses) // 2, len(losses))
    return any(not losses[i] < 6 * max(median(losses[i - 20 : i]), 1e-5 * losses[0]) for i in late)


@causes("loss-spikes")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_rare_targets_and_token_numbers_are_not_far_from_the_rest() -> None:
    """Targets of 1 in a twentieth of the samples, and rare tokens, are sound; a NaN hides no sample at -999."""
    inputs, rare = torch.randn(200, 5), torch.zeros(200, 1)
    rare[::20] = 1
    assert not check.values_far_from_the_rest(inputs, rare)
    tokens = torch.ones(200, 5, dtype=torch.long)
    tokens[::50] = 30000
    assert not check.values_far_from_the_rest(tokens, torch.randn(200).half())
    inputs[3], inputs[7] = torch.nan, -999
    assert "2 of 200" in check.values_far_from_the_rest(inputs, rare)


def test_the_last_batch_is_that_of_the_sampler() -> None:
    """One batch an epoch has no others; of 130 samples drawn from 1,000 two are left."""
    data = TensorDataset(torch.randn(1000, 1))
    few = DataLoader(TensorDataset(torch.randn(10, 1)), batch_size=64)
    assert not check.spikes_at_the_last_batch([1.0, 0.9, 0.8, 0.7], few)
    drawn = DataLoader(data, batch_size=64, sampler=SubsetRandomSampler(range(130)))
    assert "has 2 samples" in check.spikes_at_the_last_batch([1.0, 1.0, 9.0] * 4, drawn)


def test_what_adam_really_divides_by() -> None:
    """The first steps, a maximum that is kept, and an epsilon of 1e-6 are sound; denominators near 1e-8 are not."""

    def says(steps: int, size: float, beta2: float, **settings: object) -> str:
        weight = torch.nn.Parameter(torch.zeros(20))
        optimizer = torch.optim.Adam([weight], lr=0.03, betas=(0.9, beta2), **settings)  # type: ignore[arg-type]
        for step in range(steps):
            weight.grad = torch.full((20,), 0.1 if step == 0 and steps > 1 else size)
            optimizer.step()
        return str(check.adam_that_divides_by_almost_zero(optimizer) or "")

    assert says(400, 1e-8, 0.9)
    assert not says(1, 1e-6, 0.999)
    assert not says(400, 1e-8, 0.9, amsgrad=True)
    assert not says(400, 1e-8, 0.9, eps=1e-6)
    assert not says(400, 1e-8, 0.999)
