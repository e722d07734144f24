"""dead-relu-many: what it looks like, and every cause of it planted."""

from __future__ import annotations

import contextlib
import io
import math

import pytest
import torch
from torch import nn

from scripts import logs
from snippets.checklist.dead_relu_many import check
from tests.support.planted import Record, Run, causes, program, prove


def shows(run: Run) -> bool:
    """More than half of the hidden units are zero on all of the training data."""
    return run.last("dead") > 0.5


@causes("dead-relu-many")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_units_are_counted_along_their_own_axis() -> None:
    """Features of a sequence stand last, channels of an image second; a ReLU that is called twice counts twice."""
    torch.manual_seed(0)
    relu = nn.ReLU()
    first = nn.Linear(8, 16)
    nn.init.constant_(first.bias[:4].data, -50.0)
    inputs = torch.randn(256, 5, 8)
    assert check.dead_units(nn.Sequential(first, relu, nn.Linear(16, 6), relu), inputs) == {
        "1": (4, 16),
        "1 (call 2)": (0, 6),
    }
    assert not check.bias_below_all_inputs(nn.Sequential(nn.Linear(8, 16), relu), inputs)
    nn.init.constant_(first.bias, -50.0)
    assert check.bias_below_all_inputs(nn.Sequential(first, relu), inputs)
    assert check.dead_units(nn.Sequential(nn.Conv1d(5, 7, 3), relu), inputs)["1"][1] == 7


def test_an_embedding_does_not_begin_at_the_size_of_a_linear_layer() -> None:
    """Its numbers begin at 1, so that a step of 0.03 is small; for weights of 256 inputs it is large."""
    model = nn.Sequential(nn.Embedding(100, 256), nn.Flatten(), nn.Linear(256, 3))
    for trained, found in ((model[0], False), (model[2], True)):
        optimizer = torch.optim.Adam(trained.parameters(), lr=0.03)
        model(torch.arange(100)[:, None]).square().mean().backward()
        optimizer.step()
        assert bool(check.steps_too_large(model, optimizer)) == found


def test_gelu_is_silent_far_below_zero() -> None:
    """Leaky ReLU has a gradient at -10, GELU as good as none."""
    x = torch.tensor([-10.0], requires_grad=True)
    for function, alive in ((nn.LeakyReLU(), True), (nn.GELU(), False)):
        (gradient,) = torch.autograd.grad(function(x).sum(), x)
        assert (gradient.abs().item() > 1e-6) == alive


@pytest.mark.parametrize("other", ["LeakyReLU", "GELU"])
def test_another_activation_leaves_the_cause(other: str) -> None:
    """On inputs around 1000 no unit dies with it, and the loss is lost all the same."""
    source = program("dead-relu-many/inputs-not-scaled", "broken").read_text(encoding="utf-8")
    said = io.StringIO()
    with contextlib.redirect_stdout(said), torch.random.fork_rng():
        exec(source.replace("nn.ReLU()", f"nn.{other}()"), {"__name__": "__main__"})
    losses = logs.numbers(said.getvalue(), "loss")
    assert not math.isfinite(losses[-1])
