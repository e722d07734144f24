"""adam-worse-than-sgd: what it looks like, and every cause of it planted."""

from __future__ import annotations

import torch
from torch import nn

from snippets.checklist.adam_worse_than_sgd import check
from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """Adam ends more than three points of test accuracy below SGD."""
    return run.last("sgd accuracy") > run.last("adam accuracy") + 0.03


@causes("adam-worse-than-sgd")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_a_network_that_only_needs_more_updates_is_no_cool_down() -> None:
    """A regression in the middle of its training: its loss falls as fast with an unchanged learning rate."""
    torch.manual_seed(0)
    x = torch.randn(300, 8)
    y = x.sum(dim=1, keepdim=True)
    model = nn.Linear(8, 1)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    before = [p.clone() for p in model.parameters()]
    assert not check.cool_down(model, optimizer, nn.MSELoss(), x[:32], x[:200], y[:200], x[200:], y[200:])
    assert all(torch.equal(p, old) for p, old in zip(model.parameters(), before, strict=True))
    assert model.training


def test_biases_without_decay_in_the_first_group_are_sound() -> None:
    """The groups with decay are compared, wherever they stand; the peak of one cycle is the learning rate."""
    layer = nn.Linear(64, 4)
    groups = [{"params": [layer.bias], "weight_decay": 0.0}, {"params": [layer.weight], "weight_decay": 1.0}]
    sgd = torch.optim.SGD(layer.parameters(), lr=0.1, momentum=0.9, weight_decay=0.03)
    optimizer = torch.optim.AdamW(groups, lr=0.003)
    assert not check.decay_of_both(sgd, optimizer)
    groups[1]["weight_decay"] = 0.03
    assert check.decay_of_both(sgd, torch.optim.AdamW(groups, lr=0.003))
    assert not check.updates_against_weights(nn.Sequential(layer), optimizer)
    torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.5, total_steps=100)
    assert check.updates_against_weights(nn.Sequential(layer), optimizer)
