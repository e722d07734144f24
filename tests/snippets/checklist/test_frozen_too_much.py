"""frozen-too-much: what it looks like, and every cause of it planted."""

from __future__ import annotations

import torch
from torch import nn

from snippets.checklist.frozen_too_much import check
from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """A tensor that should stay has moved, or one that should be trained has not."""
    return run.last("frozen moved") > 0.0001 or run.last("trained moved") < 0.0001


@causes("frozen-too-much")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_a_tied_tensor_is_known_under_each_name() -> None:
    """The output layer is to be trained and shares its weight with an embedding that was frozen."""
    model = nn.ModuleDict({"embedding": nn.Embedding(9, 4), "head": nn.Linear(4, 9)})
    model["head"].weight = model["embedding"].weight
    model["embedding"].requires_grad_(False)
    assert "head.weight" in check.names_that_should_train(model, ["head.weight", "head.bias"])


def test_an_attribute_that_agrees_with_the_flags_is_sound() -> None:
    """A module that keeps its argument and freezes itself; misspelt on modules, as a method, and to unfreeze."""
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    model[0].requires_grad = False  # type: ignore[assignment]
    model[0].weight.requires_grad_(False)
    model[0].bias.requires_grad_(False)
    assert not check.attributes_without_effect(model)
    model[1].requires_grad_ = False  # type: ignore[assignment]
    assert "1.requires_grad_" in check.attributes_without_effect(model)
    del model[1].requires_grad_
    model[1].require_grad = False  # type: ignore[assignment]
    assert "1.require_grad" in check.attributes_without_effect(model)
    model[1].require_grad = True  # type: ignore[assignment]
    assert not check.attributes_without_effect(model)
    model[0].requires_grad = True  # type: ignore[assignment]
    assert "0.requires_grad" in check.attributes_without_effect(model)


def test_a_second_optimizer_and_an_unused_head_are_sound() -> None:
    """Two optimizers share a network, and a part that the loss does not use gets no gradient."""
    model = nn.ModuleList([nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 4)])
    first, second = (torch.optim.SGD(model[number].parameters(), lr=0.1) for number in (0, 1))
    model[1](model[0](torch.randn(3, 4))).sum().backward()
    assert "2 parameters" in check.trained_but_not_in_optimizer(model, first)
    assert not check.trained_but_not_in_optimizer(model, [first, second])


def test_statistics_of_a_trained_part_may_move() -> None:
    """A normalization without weights belongs to what is around it; instance normalization keeps statistics, too."""
    norm = nn.InstanceNorm1d(4, track_running_stats=True)
    model = nn.Sequential(nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4, affine=False)), nn.Linear(4, 4))
    assert not check.statistics_that_will_move(model)
    model[0].requires_grad_(False)
    assert "0.1" in check.statistics_that_will_move(model)
    assert "1.1" in check.statistics_that_will_move(
        nn.Sequential(model, nn.Sequential(nn.Linear(4, 4), norm)).requires_grad_(False)
    )


def test_a_branch_that_starts_at_zero_is_not_frozen() -> None:
    """Its gradient is zero in the first step; so are all gradients after zero_grad(set_to_none=False)."""
    model = nn.ModuleList([nn.Linear(4, 4), nn.Linear(4, 4)])
    nn.init.zeros_(model[1].weight)  # type: ignore[arg-type]
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        x = torch.randn(3, 4)
        (x + model[1](model[0](x))).square().sum().backward()
        optimizer.step()
        assert not check.zero_gradients_that_move(model, optimizer)
    for weight in model[0].parameters():
        weight.grad = torch.zeros_like(weight)
    assert "2 parameters" in check.zero_gradients_that_move(model, optimizer)
    optimizer.param_groups[0]["lr"] = 0.0
    assert not check.zero_gradients_that_move(model, optimizer)
    optimizer.param_groups[0]["lr"] = 0.1
    optimizer.zero_grad(set_to_none=False)
    assert not check.zero_gradients_that_move(model, optimizer)


def test_rows_without_decay() -> None:
    """Masked from the first step, rows stay bit for bit with weight_decay=0; by default they shrink by lr times it."""
    for decay, factor in ((0.0, 1.0), (0.01, (1 - 0.05 * 0.01) ** 100)):
        torch.manual_seed(0)
        table = torch.nn.Embedding(6, 3)
        before = table.weight.detach().clone()
        optimizer = torch.optim.AdamW(table.parameters(), lr=0.05, weight_decay=decay)
        for _ in range(100):
            optimizer.zero_grad()
            table(torch.arange(6)).square().sum().backward()
            table.weight.grad[:4] = 0
            optimizer.step()
        if decay:
            torch.testing.assert_close(table.weight[:4], before[:4] * factor)
        else:
            assert torch.equal(table.weight[:4], before[:4])
        assert not torch.allclose(table.weight[4:], before[4:])
