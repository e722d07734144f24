"""resume-worse: what it looks like, and every cause of it planted."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from snippets.checklist.resume_worse import check
from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """After the resume, at half of the log, the test loss is 1.3 times that before."""
    losses = run.series("test loss")
    half = len(losses) // 2
    return max(losses[half : half + 4]) > 1.3 * sum(losses[half - 3 : half]) / 3


@causes("resume-worse")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_plain_sgd_has_nothing_to_forget() -> None:
    """Without momentum SGD keeps no state; with it, a new one remembers nothing; an empty file is answered too."""
    weight = torch.nn.Parameter(torch.zeros(1))
    assert not check.optimizer_that_starts_anew(torch.optim.SGD([weight], lr=0.1), 100)
    assert check.optimizer_that_starts_anew(torch.optim.SGD([weight], lr=0.1, momentum=0.9), 100)
    assert check.optimizer_that_starts_anew(torch.optim.Adam([weight]), 100)
    assert check.names_that_do_not_match(torch.nn.Linear(1, 1), {"model": {}})


def two(names: list[str], sizes: dict[str, int]) -> tuple[nn.ModuleDict, torch.optim.Adam]:
    """Two layers in this order, with an Adam that has made an update."""
    model = nn.ModuleDict({name: nn.Linear(3, sizes[name]) for name in names})
    optimizer = torch.optim.Adam(model.parameters())
    sum(layer(torch.ones(3)).sum() for layer in model.values()).backward()
    optimizer.step()
    return model, optimizer


def test_order_without_an_error() -> None:
    """Heads of one shape take each other's state; of two shapes, the next update ends with an error."""
    for sizes, fails in (({"a": 1, "b": 1}, False), ({"a": 1, "b": 2}, True)):
        model, optimizer = two(["a", "b"], sizes)
        file = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
        other, resumed = two(["b", "a"], sizes)
        other.load_state_dict(file["model"])
        resumed.load_state_dict(file["optimizer"])
        assert "a.weight that of b.weight" in check.state_of_other_parameters(model, optimizer, other_file(other))
        assert "4 of 4 parameters" in check.state_of_other_parameters(other, resumed, file)
        sum(layer(torch.ones(3)).sum() for layer in other.values()).backward()
        if fails:
            with pytest.raises(RuntimeError, match=r"shape|size"):
                resumed.step()
        else:
            mine = optimizer.state[model["a"].weight]["exp_avg"]
            assert torch.equal(resumed.state[other["b"].weight]["exp_avg"], mine)
            resumed.step()


def other_file(model: nn.Module) -> dict[str, dict[str, torch.Tensor]]:
    """A checkpoint with the model's weights alone."""
    return {"model": model.state_dict()}


def test_orders_that_are_no_fault() -> None:
    """The same order, frozen layers, groups in an order of their own, no state, names with a prefix: silent."""
    sizes = {"a": 1, "b": 1}
    model, optimizer = two(["a", "b"], sizes)
    file, turned = other_file(model), other_file(two(["b", "a"], sizes)[0])
    assert not check.state_of_other_parameters(model, optimizer, file)
    half = torch.optim.Adam(model["a"].parameters())
    half.load_state_dict(torch.optim.Adam(two(["a"], sizes)[0].parameters()).state_dict())
    assert not check.state_of_other_parameters(model, half, turned)
    groups = torch.optim.Adam([{"params": model["b"].parameters()}, {"params": model["a"].parameters()}])
    assert not check.state_of_other_parameters(model, groups, file)
    plain = torch.optim.SGD(model.parameters(), lr=0.1)
    assert not check.state_of_other_parameters(model, plain, turned)
    prefixed = {"model": {f"module.{name}": w for name, w in model.state_dict().items()}}
    assert not check.state_of_other_parameters(model, optimizer, prefixed)


def test_hand_set_counter() -> None:
    """LambdaLR: the counter is right, the learning rate is the first one until a step; all built first: silent."""
    shape = torch.optim.lr_scheduler
    makers = (
        lambda o: shape.LambdaLR(o, lambda n: 1 - n / 100),
        lambda o: shape.StepLR(o, 20, 0.5),
        lambda o: shape.CosineAnnealingLR(o, 100),
    )
    for make in makers:
        first = torch.optim.SGD(nn.Linear(2, 2).parameters(), lr=0.1)
        old = make(first)
        for _ in range(50):
            first.step()
            old.step()
        file = first.state_dict()
        saved = file["param_groups"][0]["lr"]
        second = torch.optim.SGD(nn.Linear(2, 2).parameters(), lr=0.1)
        second.load_state_dict(file)
        if isinstance(old, shape.LambdaLR):
            new = make(second)
            new.last_epoch = 50
            assert second.param_groups[0]["lr"] == 0.1
            assert check.schedule_that_starts_anew(new, 50) is None, "the counter is right"
            assert "0.05 when the file was saved, and is 0.1 now" in check.schedule_that_starts_anew(new, 50, saved)
            second.step()
            new.step()
            assert abs(second.param_groups[0]["lr"] - 0.049) < 1e-9
        third = torch.optim.SGD(nn.Linear(2, 2).parameters(), lr=0.1)
        right = make(third)
        third.load_state_dict(file)
        right.load_state_dict(old.state_dict())
        assert check.schedule_that_starts_anew(right, 50, saved) is None
