"""scheduler-warning-order: what it looks like, and every cause of it planted."""

from __future__ import annotations

import functools
import types
import warnings

import pytest
import torch
from torch.optim import lr_scheduler

from snippets.checklist.scheduler_warning_order import check
from tests.support.messages import never_said, said
from tests.support.planted import Record, Run, causes, program, prove, run

SYMPTOM = "scheduler-warning-order"


def shows(one: Run) -> bool:
    """It warns, with one of the page's texts."""
    return bool(said(SYMPTOM, one))


@causes(SYMPTOM)
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_texts() -> None:
    """Every text of the page is one that torch gives today."""
    assert not never_said(SYMPTOM)


def test_what_each_cause_does_to_the_learning_rate() -> None:
    """The replaced step alone is harmless; the others skip the first value, run ahead, or never change anything."""

    def lrs(cause: str, role: str = "broken") -> list[float]:
        return run(program(f"{SYMPTOM}/{cause}", role)).series("lr")

    meant = [0.02 * 0.9**step for step in range(30)]
    assert lrs("optimizer-step-replaced") == pytest.approx(meant, abs=1e-5)
    assert lrs("scheduler-first") == pytest.approx([0.9 * lr for lr in meant], abs=1e-5)
    assert lrs("scheduler-of-another-optimizer") == [0.02] * 30
    assert lrs("accumulation")[-1] == pytest.approx(0.02 * 0.9**59, abs=1e-5)
    assert lrs("accumulation", "fixed")[-1] == pytest.approx(0.02 * 0.9**14, abs=1e-5)
    skipped = run(program(f"{SYMPTOM}/scaler-skipped-a-step", "fixed")).series("lr").count(0.02) - 1
    assert 0 < skipped < 6


def adam() -> torch.optim.Adam:
    """An optimizer of one number that has a gradient."""
    weight = torch.nn.Parameter(torch.ones(1))
    weight.grad = torch.ones(1)
    return torch.optim.Adam([weight], lr=0.1)


def test_a_warm_up_and_a_plateau_skip_no_value() -> None:
    """A first learning rate below the one that was set, then rising; and one that was lowered later."""
    optimizer = adam()
    scheduler = lr_scheduler.LinearLR(optimizer, total_iters=5)
    lrs = []
    for _ in range(9):
        lrs.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    assert not check.first_value_that_was_skipped(optimizer, lrs)
    optimizer = adam()
    lr_scheduler.ReduceLROnPlateau(optimizer)
    optimizer.param_groups[0]["lr"] = 0.01
    assert not check.first_value_that_was_skipped(optimizer, [0.1, 0.1, 0.01])


def test_schedulers_and_optimizers_that_wrap_others() -> None:
    """A chain has no count of its own; a wrapper shares the groups of what it wraps; a partial has no name."""
    optimizer = adam()
    chain = lr_scheduler.ChainedScheduler([lr_scheduler.ExponentialLR(optimizer, 0.9)])
    optimizer.step()
    chain.step()
    assert not check.updates_that_were_skipped(optimizer, chain)
    assert not check.scheduler_that_runs_ahead(optimizer, chain)
    wrapper = types.SimpleNamespace(param_groups=optimizer.param_groups)
    assert not check.scheduler_that_serves_another(wrapper, chain)
    assert check.scheduler_that_serves_another(adam(), chain)
    optimizer.step = functools.partial(optimizer.step)  # type: ignore[method-assign]
    assert "partial" in check.step_that_was_replaced(optimizer)


def test_a_function_in_the_place_of_step_has_to_be_a_method() -> None:
    """A plain function stops the making of a scheduler; a method is watched, and no warning comes."""
    optimizer = adam()
    plain = optimizer.step
    optimizer.step = lambda: plain()  # type: ignore[method-assign,assignment]
    with pytest.raises(AttributeError, match="__func__"):
        lr_scheduler.ExponentialLR(optimizer, 0.9)
    optimizer.step = types.MethodType(lambda self: plain(), optimizer)  # type: ignore[method-assign]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scheduler = lr_scheduler.ExponentialLR(optimizer, 0.9)
        optimizer.step()
        scheduler.step()


def test_what_a_resume_does_to_the_warning() -> None:
    """Steps that catch up warn and end at the right value; a loaded state does not warn, even before an update."""
    optimizer = adam()
    scheduler = lr_scheduler.ExponentialLR(optimizer, 0.9)
    with pytest.warns(UserWarning, match="Detected call"):
        scheduler.step()
    for _ in range(2):
        scheduler.step()
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.1 * 0.9**3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loaded = lr_scheduler.ExponentialLR(adam(), 0.9)
        loaded.load_state_dict(scheduler.state_dict())
        loaded.step()
