"""cannot-reproduce-paper: what it looks like, and every cause of it planted."""

from __future__ import annotations

import torch
from torch import nn

from snippets.checklist.cannot_reproduce_paper import check
from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """The test error is at least 1.4 times the published one."""
    return not run.last("test error") < 1.4 * run.last("published error")


@causes("cannot-reproduce-paper")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_root_of_epsilon() -> None:
    """With the root of epsilon outside, the divisor is that of epsilon inside at 0, elsewhere up to 1.42 times it."""
    parameter = torch.nn.Parameter(torch.zeros(601, dtype=torch.float64))
    gradient = torch.cat([torch.zeros(1), torch.logspace(-9, 6, 600)]).double()
    for eps in (1e-3, 1.0):
        with torch.no_grad():
            parameter.zero_()
        optimizer = torch.optim.RMSprop([parameter], lr=1.0, alpha=0.0, eps=eps**0.5)
        parameter.grad = gradient.clone()
        optimizer.step()
        ratio = (gradient / (gradient.square() + eps).sqrt())[1:] / -parameter.detach()[1:]
        assert abs(ratio[0].item() - 1) < 1e-6
        assert abs(ratio[-1].item() - 1) < 1e-4
        assert ((ratio > 1 - 1e-9) & (ratio < 1.42)).all()
        assert ratio.max() > 1.4


def test_counts_are_compared_to_the_last_digit_of_the_table() -> None:
    """A bias too many shows in an exact number, and not in one that is rounded to thousands."""
    model = nn.Linear(100, 100)
    assert check.parameter_count(model, {"parameters": 10_001})
    assert not check.parameter_count(model, {"parameters": 10_100})
    assert not check.parameter_count(model, {"parameters": 10_000})  # a thousand's rounding, or more
    assert check.parameter_count(model, {"parameters": 120_000})


def test_twice_the_learning_rate_is_not_more_than_twice() -> None:
    """Half of the paper's batch at its learning rate; one cycle, whose first learning rate is a 25th of the highest."""
    for lr, finds in ((0.1, False), (0.11, True)):
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr)
        paper = {"batch_size": 64, "lr": 0.1}
        assert bool(check.rate_of_another_batch(optimizer, torch.zeros(32, 1), paper)) is finds
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], 0.1, 0.9)
    torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=10)
    assert not check.rate_of_another_batch(optimizer, torch.zeros(64, 1), {"batch_size": 64, "lr": 0.1})


def test_what_is_frozen_does_not_decay_and_no_update_has_no_divisor() -> None:
    """A frozen bias in a group with weight decay, and RMSprop before its first step."""
    model = nn.Linear(2, 2)
    model.bias.requires_grad_(False)
    assert not check.vectors_that_decay(torch.optim.SGD(model.parameters(), 0.1, weight_decay=0.1))
    assert not check.epsilon_outside_the_root(torch.optim.RMSprop(model.parameters()), {"eps": 1e-3})


def test_one_block_six_times() -> None:
    """In Sequential and ModuleList: parameters() has one block, state_dict() six; a list that makes each has six."""
    block = torch.nn.Linear(5, 5)
    for many in (torch.nn.Sequential(*[block] * 6), torch.nn.ModuleList([block] * 6)):
        assert all(one is block for one in many)
        assert sum(p.numel() for p in many.parameters()) == 30
        assert len(many.state_dict()) == 12
    six = torch.nn.ModuleList([torch.nn.Linear(5, 5) for _ in range(6)])
    assert sum(p.numel() for p in six.parameters()) == 180
