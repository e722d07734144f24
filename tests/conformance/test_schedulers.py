"""Conformance of every scheduler of the guide, found by its file: nothing here names one.

`snippets/schedulers/<id_>/use.py` gives `make_scheduler(optimizer, *, settings)`, `from_scratch.py` beside it the
closed form `learning_rate(step, base_lr, settings)` with the same settings and defaults. Peculiar ones are handled by
what they do:

- a scheduler whose `step()` takes a metric gets one (`metric`), its closed form gets `metrics=[...]`,
  all values reported before the step;
- a schedule that has an end raises ValueError beyond it, and so must its closed form;
- a schedule that replaces the base rate (OneCycleLR) has a `learning_rate` that does so too, for every group.

Files with neither function (averages of weights, rules for the base rate) are no schedules and have tests of their own.
"""

import copy
import inspect
import pickle
from collections.abc import Callable
from typing import Any

import pytest
import torch

from tests.support.discovery import modules
from tests.support.schedulers import (
    advance,
    assert_same_curve,
    curve_of,
    interrupted,
    metric,
    new_run,
    wants_metric,
    weights,
)

STEPS = 300
TWO_RATES = (0.1, 0.003)


def having(function: str, role: str) -> dict[str, Callable]:
    """Entry -> the function of this name that its file of this role has itself."""
    found = {}
    for name, module in modules("schedulers").items():
        entry, _, here = name.partition("/")
        value = getattr(module, function, None)
        if here == role and getattr(value, "__module__", None) == module.__name__:
            found[entry] = value
    return found


MAKE = having("make_scheduler", "use")
CLOSED = having("learning_rate", "from_scratch")
every_scheduler = pytest.mark.parametrize("name", sorted(MAKE) or ["none found"])


def closed_form_of(name: str, **settings: Any) -> Callable[[int, float], float]:
    """`learning_rate` of the from-scratch file, with the metrics so far where the scheduler asks for them."""
    form = CLOSED[name]
    if not wants_metric(new_run(MAKE[name], (0.1,))[1]):
        return lambda step, rate: form(step, rate, **settings)
    return lambda step, rate: form(step, rate, metrics=[metric(t) for t in range(step)], **settings)


def test_something_was_discovered():
    assert MAKE, "no make_scheduler discovered under snippets/schedulers"


def test_every_scheduler_has_its_closed_form():
    assert set(CLOSED) == set(MAKE), "make_scheduler in use.py without learning_rate in from_scratch.py, or only that"


def cosine_lengths(scheduler: Any) -> list[int]:
    """`T_max` of torch's recursive cosine, wherever it stands in a chain or a sequence; empty for all else."""
    parts = [n for part in getattr(scheduler, "_schedulers", []) for n in cosine_lengths(part)]
    return parts + ([scheduler.T_max] if isinstance(scheduler, torch.optim.lr_scheduler.CosineAnnealingLR) else [])


def tolerance(scheduler: Any) -> float:
    """1e-12 relative; more for nothing but a run past the minimum of a long cosine.

    At the step after its minimum torch's cosine starts anew from 1 - cos(pi / T), which is rounded at 2**-53: relative
    2**-53 * 2 * (T / pi)**2 = 2.3e-17 * T**2 (the claim `rounding_after_the_minimum` of its page; 1.1 for its linear
    terms). That exceeds 1e-12 for T above 198.
    """
    return max([1e-12] + [1.1 * 2.3e-17 * length**2 + 1e-14 for length in cosine_lengths(scheduler) if length < STEPS])


def assert_curve(name: str, **settings: Any) -> list[list[float]]:
    """Both groups follow the closed form; where the schedule ends early, the closed form ends there too.

    Returns:
        the curve, ``curve[step][group]``.
    """
    closed = closed_form_of(name, **settings)
    curve = curve_of(MAKE[name], STEPS, TWO_RATES, **settings)
    assert_same_curve(curve, TWO_RATES, closed, tolerance(new_run(MAKE[name], TWO_RATES, **settings)[1]))
    if len(curve) < STEPS:
        with pytest.raises(ValueError):
            closed(len(curve), TWO_RATES[0])
    return curve


@every_scheduler
def test_whole_curve_is_the_closed_form(name):
    """Two parameter groups with different base rates, over 300 steps, or up to the schedule's end."""
    assert len(curve_of(MAKE[name], STEPS)) >= 200, "give the snippet defaults that last for 200 steps"
    assert_curve(name)


def numeric_settings(name: str) -> dict[str, Any]:
    return {
        key: p.default
        for key, p in inspect.signature(MAKE[name]).parameters.items()
        if isinstance(p.default, int | float) and not isinstance(p.default, bool)
    }


# Other values of settings that are no numbers, and of numbers that are felt only with them.
OTHER: dict[str, list[dict[str, Any]]] = {
    "cyclic_lr": [{"mode": "triangular2"}, {"mode": "exp_range", "gamma": 0.99}],
    "lambda_lr": [{"lr_lambda": lambda step: 0.99**step}],
    "lr_warmup": [{"start_factor": 0.2}, {"start_factor": 0.2, "warmup_steps": 1}],
    "multi_step_lr": [{"milestones": (20, 90, 200)}],
    "multiplicative_lr": [{"lr_lambda": lambda step: 0.97 if step % 2 else 1.01}],
    "noam_schedule": [{"d_model": 512}],
    "reduce_lr_on_plateau": [{"mode": "max"}, {"threshold": 0.02}],
    "warmup_cosine": [{"start_factor": 0.2}, {"start_factor": 0.2, "warmup_steps": 1}],
    "warmup_stable_decay": [{"shape": "linear"}, {"shape": "cosine"}],
}


def other_settings(name: str) -> list[dict[str, Any]]:
    """Each number made smaller, alone, and what `OTHER` has."""
    smaller = [
        {key: max(1, value * 2 // 3) if isinstance(value, int) else value * 0.7 if value else 1e-3}
        for key, value in numeric_settings(name).items()
    ]
    return smaller + OTHER.get(name, [])


@every_scheduler
def test_other_settings_follow_the_closed_form_too(name):
    """The curve must follow each, and both must know its name; each is felt, or following would prove nothing.

    A setting that changes nothing alone is felt in one of `OTHER`.
    """
    usual, felt = curve_of(MAKE[name], STEPS, TWO_RATES), set()
    for settings in other_settings(name):
        curve = assert_curve(name, **settings)
        assert len(curve) >= 100, "the schedule ends before anything is seen of it"
        if curve != usual:
            felt |= set(settings)
    assert felt == set(inspect.signature(MAKE[name]).parameters) - {"optimizer"}


def test_only_long_cosines_get_more_room():
    """A schedule without torch's cosine, and one whose cosine is short or never ends, is held to 1e-12."""
    schedulers = torch.optim.lr_scheduler
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.1)
    for other in (schedulers.StepLR(optimizer, 30), schedulers.CosineAnnealingWarmRestarts(optimizer, 236)):
        assert tolerance(other) == 1e-12
    assert tolerance(schedulers.CosineAnnealingLR(optimizer, 100)) == 1e-12
    assert tolerance(schedulers.CosineAnnealingLR(optimizer, STEPS)) == 1e-12
    parts = [schedulers.LinearLR(optimizer, total_iters=30), schedulers.CosineAnnealingLR(optimizer, 236)]
    assert 1.3e-12 < tolerance(schedulers.SequentialLR(optimizer, parts, [30])) < 1.5e-12


@every_scheduler
def test_same_settings_and_defaults(name):
    """`make_scheduler` and `learning_rate` have the same settings, in the same words, with the same defaults."""

    def settings(function: Callable) -> dict[str, Any]:
        parameters = inspect.signature(function).parameters
        kept = {k: p.default for k, p in parameters.items() if k not in ("optimizer", "step", "base_lr", "metrics")}
        return {k: getattr(v, "__name__", v) if callable(v) else v for k, v in kept.items()}

    make = settings(MAKE[name])
    assert make == settings(CLOSED[name])
    assert inspect.Parameter.empty not in make.values(), "every setting needs a default"


@every_scheduler
def test_closed_form_refuses_a_negative_step(name):
    with pytest.raises(ValueError):
        CLOSED[name](-1, 0.1)


@every_scheduler
@pytest.mark.parametrize("at", [1, 57, 150])
def test_resume_equals_an_uninterrupted_run(name, at):
    """Bit for bit, rates and weights, for two groups: once in the first phase, once later, once in the middle."""
    optimizer, scheduler = new_run(MAKE[name], TWO_RATES)
    whole = advance(optimizer, scheduler, range(STEPS))
    rest, final = interrupted(MAKE[name], STEPS, at, TWO_RATES)
    assert rest == whole[at:]
    assert all(torch.equal(a, b) for a, b in zip(final, weights(optimizer), strict=True))


@every_scheduler
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda pair: pickle.loads(pickle.dumps(pair))])
def test_copy_goes_on_by_itself(name, copied):
    """A copy of optimizer and scheduler, made in the middle, goes on as the original does, and leaves it alone."""
    optimizer, scheduler = new_run(MAKE[name], TWO_RATES)
    advance(optimizer, scheduler, range(57))
    rates, before = scheduler.get_last_lr(), weights(optimizer)
    other_optimizer, other = copied((optimizer, scheduler))
    curve = advance(other_optimizer, other, range(57, 200))
    assert scheduler.get_last_lr() == rates == [group["lr"] for group in optimizer.param_groups]
    assert all(torch.equal(a, b) for a, b in zip(before, weights(optimizer), strict=True))
    assert curve == advance(optimizer, scheduler, range(57, 200))
    assert all(torch.equal(a, b) for a, b in zip(weights(other_optimizer), weights(optimizer), strict=True))
    assert curve[0] == rates


@every_scheduler
def test_reported_rate_is_the_optimizers(name):
    """`get_last_lr()` is what the next update uses, before the first step and after each."""
    optimizer, scheduler = new_run(MAKE[name], TWO_RATES)
    for step in range(120):
        assert scheduler.get_last_lr() == [group["lr"] for group in optimizer.param_groups]
        advance(optimizer, scheduler, range(step, step + 1))


@every_scheduler
def test_only_the_optimizers_own_groups_change(name):
    """Making and stepping a scheduler touches no parameter."""
    optimizer, scheduler = new_run(MAKE[name], TWO_RATES)
    assert all(torch.equal(w, torch.ones_like(w)) for w in weights(optimizer))
    optimizer.step()  # without gradients: a no-op that keeps torch's warning about the order silent
    scheduler.step(*([metric(0)] if wants_metric(scheduler) else []))
    assert all(torch.equal(w, torch.ones_like(w)) for w in weights(optimizer))
