"""error-in-backward: what it looks like, and every cause of it planted."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from snippets.checklist.error_in_backward import check
from tests.support.messages import never_said, said
from tests.support.planted import Record, Run, causes, program, prove, run

SYMPTOM = "error-in-backward"


def shows(run: Run) -> bool:
    """An error ends it, with one of the page's texts."""
    return run.error is not None and bool(said(SYMPTOM, run))


@causes(SYMPTOM)
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_texts() -> None:
    """Every error text of the page is one that torch gives today."""
    assert not never_said(SYMPTOM)


def test_a_kept_graph_is_no_cure_once_weights_are_updated() -> None:
    """retain_graph=True in the program of the carried state gives the next error of the page."""
    names = dict(run(program(f"{SYMPTOM}/state-carried-over", "broken")).names)
    source = program(f"{SYMPTOM}/state-carried-over", "broken").read_text(encoding="utf-8")
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        exec(source.replace("backward()", "backward(retain_graph=True)"), names)


def test_rounding_has_a_gradient_of_zero() -> None:
    """It raises no error."""
    x = torch.tensor([0.3], requires_grad=True)
    x.round().sum().backward()
    assert x.grad.item() == 0


def test_a_state_of_which_one_half_is_detached() -> None:
    """The cell's half keeps its history; nested states and a list without a tensor are looked at as well."""
    _, (hidden, cell) = nn.LSTM(2, 3)(torch.ones(4, 2))
    assert check.history_of_a_state((hidden.detach(), cell))
    assert check.history_of_a_state([None, (hidden, cell)])
    assert not check.history_of_a_state([(hidden.detach(), cell.detach()), None])


def test_what_keeps_no_numbers_can_be_shared() -> None:
    """A shared sum is walked twice without an error; a shared tanh is not."""
    start = torch.ones(2, requires_grad=True)
    for shared, sound in ((start + 1, True), (start.tanh(), False)):
        loss, second_loss = shared.sum(), 2 * shared.mean()
        assert bool(check.operations_in_common(loss, second_loss)) is not sound
        loss.backward()
        if sound:
            second_loss.backward()


def test_losses_and_outputs_of_other_kinds() -> None:
    """A loss that is Python's number; outputs that are trained themselves; a model that cuts within."""
    model = nn.Linear(2, 1)
    outputs = model(torch.ones(3, 2))
    assert "float" in check.loss_without_history(outputs, outputs.mean().item())
    assert check.loss_without_history(nn.Parameter(torch.ones(2)), torch.ones(()))
    assert "yet" in check.nothing_to_train(model, outputs.detach())


class Noisy(nn.Module):
    """In train mode, dropout overwrites what tanh needs; batch normalization counts its batches."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.norm, self.drop = nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Dropout(0.5, inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.drop(self.norm(self.inner(x)).tanh())


def test_a_change_in_place_that_only_training_makes() -> None:
    """It is found, and leaves buffers and random state as they were; a shape like a weight's makes no weight of it."""
    model, inputs, loss_fn = Noisy(), torch.randn(4, 4), nn.MSELoss()
    before, state = model.norm.running_mean.clone(), torch.get_rng_state()
    assert "tanh" in check.line_changed_in_place(model, loss_fn, inputs, inputs)
    assert torch.equal(model.norm.running_mean, before)
    assert torch.equal(torch.get_rng_state(), state)
    assert not check.line_changed_in_place(model.eval(), loss_fn, inputs, inputs)
    assert not check.line_changed_in_place(nn.Identity(), loss_fn, inputs, inputs)
    assert not check.weights_updated_between(model, loss_fn(model.train()(inputs), inputs))


@pytest.mark.parametrize(("kind", "more"), [(torch.optim.SGD, 1), (torch.optim.AdamW, 2)])
def test_versions_of_updated_weights(kind: type[torch.optim.Optimizer], more: int) -> None:
    """AdamW writes twice per update, once for its decay; float16 weights are found as well."""
    model = nn.Sequential(nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 1)).half()
    losses = [model(torch.ones(5, 3).half()).mean() for _ in range(2)]
    losses[0].backward()
    kind(model.parameters(), lr=0.1).step()
    assert check.weights_updated_between(model, losses[1])
    with pytest.raises(RuntimeError, match=f"output 0 of AsStrided, is at version {1 + more}; expected version 1"):
        losses[1].backward()


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "exp", "softmax", "relu", "mul", "div"])
def test_which_operations_need_which_numbers(name: str) -> None:
    """These need their result again, a product and a quotient what went in."""
    for change in (True, False):
        x = 1 + torch.rand(3, requires_grad=True)
        if name in ("mul", "div"):
            y, changed = getattr(x, name)(x + 1), x
        else:
            changed = y = x.softmax(0) if name == "softmax" else getattr(x, name)()
        loss = y.sum()
        if change:
            changed += 1
            with pytest.raises(RuntimeError, match="modified by an inplace operation"):
                loss.backward()
        else:
            loss.backward()
