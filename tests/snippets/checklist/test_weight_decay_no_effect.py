"""weight-decay-no-effect: what it looks like, and every cause of it planted."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from snippets.checklist.weight_decay_no_effect import check
from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """The weights end with nearly the same norm, with weight decay and without."""
    return run.last("norm with decay") > 0.95 * run.last("norm without")


@causes("weight-decay-no-effect")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_batch_norm_undoes_the_scale() -> None:
    """Weights ten times as large before a BatchNorm: the same outputs, a tenth of the gradient."""
    torch.manual_seed(0)
    x, target = torch.randn(64, 8, dtype=torch.float64), torch.randn(64, 4, dtype=torch.float64)
    linear, norm = nn.Linear(8, 4, bias=False).double(), nn.BatchNorm1d(4, eps=1e-12).double()
    outputs, gradients = [], []
    for factor in (1.0, 10.0):
        with torch.no_grad():
            linear.weight.mul_(factor)
        out = norm(linear(x))
        outputs.append(out)
        gradients.append(torch.autograd.grad((out - target).square().mean(), linear.weight)[0])
    torch.testing.assert_close(outputs[1], outputs[0], rtol=1e-8, atol=1e-8)
    torch.testing.assert_close(10 * gradients[1], gradients[0], rtol=1e-6, atol=1e-9)


def test_an_embedding_without_decay_is_sound() -> None:
    """A large table, frozen layers and a penalty that is switched off; a matrix without decay is found."""
    model = nn.ModuleList([nn.Embedding(999, 8), nn.Linear(8, 8), nn.Linear(8, 64).requires_grad_(False)])
    rest = [model[0].weight, model[1].bias, *model[2].parameters()]
    groups: list[dict[str, Any]] = [{"params": [model[1].weight]}, {"params": rest, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, weight_decay=0.1)
    assert not check.matrices_without_decay(optimizer, model)
    optimizer.param_groups[0]["weight_decay"] = 0.0
    assert check.matrices_without_decay(optimizer, model)
    assert not check.penalty_outside_the_graph(0.0)
    assert check.penalty_outside_the_graph(0.3)


def test_a_small_l2_term_works_in_a_long_run() -> None:
    """One percent of the gradient's size adds up: what it took in all updates is asked."""
    weight = nn.Parameter(torch.full((8, 8), 0.1))
    optimizer = torch.optim.Adam([weight], lr=1e-3, weight_decay=1e-2)
    for step in range(300):
        weight.grad = torch.full((8, 8), 0.1 * (-1) ** step)
        optimizer.step()
        if step == 100:
            assert check.l2_term_that_adam_divides(optimizer)
    optimizer.state[weight]["step"] += 2000
    assert not check.l2_term_that_adam_divides(optimizer)
