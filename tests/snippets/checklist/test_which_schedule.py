"""which-schedule: what it looks like, and every cause of it planted."""

from __future__ import annotations

import copy

import torch
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR, CyclicLR, LRScheduler

from snippets.checklist.which_schedule import check
from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """The loss of all training images is above 0.16 at the end."""
    return not run.last("loss") < 0.16


@causes("which-schedule")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def rates(optimizer: torch.optim.Optimizer, scheduler: LRScheduler, steps: int) -> list[float]:
    """The learning rates of a run."""
    lrs = []
    for _ in range(steps):
        lrs.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return lrs


def sgd() -> torch.optim.Optimizer:
    """SGD of one weight, with momentum, at 1."""
    return torch.optim.SGD([torch.zeros(1, requires_grad=True)], 1.0, 0.9)


def test_a_short_warmup_is_no_restart_and_a_triangle_is_one() -> None:
    """Three updates of warm-up and a constant learning rate; a cycle without a jump that ends at the top."""
    assert not check.end_after_a_restart([0.0, 0.3, 0.6] + [1.0] * 100)
    optimizer = sgd()
    triangles = rates(optimizer, CyclicLR(optimizer, 0.01, 1.0, 20), 140)
    assert "update 121 of 140" in str(check.end_after_a_restart(triangles))
    optimizer = sgd()
    assert not check.end_after_a_restart(rates(optimizer, CosineAnnealingLR(optimizer, 100), 100))


def test_a_cosine_to_a_tenth_ends_with_its_run() -> None:
    """Many recipes for language models end at a tenth of the highest learning rate."""
    for length, finds in ((300, False), (600, True)):
        optimizer = sgd()
        assert (
            bool(check.end_of_the_schedule(rates(optimizer, CosineAnnealingLR(optimizer, length, 0.1), 300))) is finds
        )


def test_a_run_that_still_learns_is_not_held_up_by_its_learning_rate() -> None:
    """More updates at the same learning rate lower the loss as well; all learning rates of groups fall alike."""
    torch.manual_seed(0)
    x = torch.randn(500, 8)
    y = x @ torch.randn(8, 1)
    model = nn.Linear(8, 1)
    groups = [{"params": [model.weight], "lr": 0.005}, {"params": [model.bias], "lr": 0.0}]
    optimizer = torch.optim.SGD(groups)
    losses = []
    for _ in range(100):
        loss = nn.functional.mse_loss(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    before = copy.deepcopy(model.state_dict())
    asked = model, nn.MSELoss(), optimizer, x, x, y
    assert not check.rate_that_never_falls(*asked, losses, [0.005] * 100)
    assert all(torch.equal(model.state_dict()[name], value) for name, value in before.items())


def test_a_group_with_a_low_learning_rate_and_radam_need_no_warmup() -> None:
    """A wide layer whose own learning rate is a hundredth; RAdam, whose first updates are not scaled."""
    wide, head = nn.Linear(1024, 8), nn.Linear(8, 2)
    model = nn.Sequential(wide, head)
    groups = [{"params": head.parameters(), "lr": 0.01}, {"params": wide.parameters(), "lr": 1e-4}]
    assert not check.first_updates_against_weights(model, torch.optim.Adam(groups), [0.01] * 9)
    assert not check.first_updates_against_weights(model, torch.optim.RAdam(model.parameters(), 0.01), [0.01] * 9)
    assert check.first_updates_against_weights(model, torch.optim.Adam(model.parameters(), 0.01), [0.01] * 9)
