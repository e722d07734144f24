"""loss-plateaus-early: what it looks like, and every cause of it planted."""

from __future__ import annotations

from statistics import fmean

import torch
from torch import nn

from snippets.checklist.loss_plateaus_early import check
from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """The loss falls by 5 % or more, not below a quarter of its first value, and late by less than a tenth."""
    losses = run.series("loss")
    middle, end = fmean(losses[len(losses) // 2 :][:5]), fmean(losses[-5:])
    return 0.25 * losses[0] < end < 0.95 * losses[0] and end > 0.9 * middle


@causes("loss-plateaus-early")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_outputs_near_the_mean_are_at_no_limit() -> None:
    """Targets of which little can be predicted lie outside of the outputs, which crowd at no end; ReLU's do."""
    targets = 2 * torch.rand(500, 1, generator=torch.Generator().manual_seed(0)) - 1
    outputs = 0.1 * torch.randn(500, 1, generator=torch.Generator().manual_seed(1))
    assert not check.outputs_at_their_limit(outputs, targets)
    assert check.outputs_at_their_limit(outputs.relu(), targets)
    assert check.outputs_at_their_limit((3 * targets).tanh(), 5 * targets)


def test_half_precision_rounds_the_sum_of_probabilities() -> None:
    """In bfloat16 the row of a softmax sums to 1 only roughly; the function of the loss counts as the module does."""
    p = (3 * torch.randn(64, 10, generator=torch.Generator().manual_seed(0))).softmax(dim=1).bfloat16()
    assert check.outputs_that_are_probabilities(p, nn.functional.cross_entropy)


def test_one_sample_small_inputs_and_dead_units_make_no_linear_network() -> None:
    """One input has no middle; near 0 tanh is a line; a network that answers one number for all is no linear one."""
    torch.manual_seed(0)
    bent, line = (nn.Sequential(nn.Linear(8, 16), act, nn.Linear(16, 2)) for act in (nn.Tanh(), nn.Identity()))
    x = torch.randn(20, 8)
    assert not check.network_that_is_linear(bent, x[:1])
    assert not check.network_that_is_linear(bent, 1e-4 * x)
    assert check.network_that_is_linear(line, x)
    nn.init.zeros_(bent.get_parameter("2.weight"))
    assert not check.network_that_is_linear(bent, x)


def test_a_gap_of_batch_normalization_is_not_blamed_on_dropout() -> None:
    """Statistics of other batches raise the loss in one mode; dropout at a rate of 0 does not."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.BatchNorm1d(1, affine=False), nn.Dropout(0.0))
    x = 5 + torch.randn(64, 1)
    assert not check.loss_that_dropout_makes(model, nn.MSELoss(), x, x, [1.0])


def test_two_steps_of_a_tenth_are_a_schedule() -> None:
    """ImageNet's 90 epochs, a tenth after 30 and after 60, end at 1 % for a third of the time."""
    weight = nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([weight], lr=0.1)
    scheduler, rates = torch.optim.lr_scheduler.StepLR(optimizer, 30), []
    for _ in range(90):
        rates.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    assert not check.learning_rate_that_is_gone(rates)
