"""MultiplicativeLR: equal to its product, and the claims of its page."""

import math
import warnings

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR, MultiplicativeLR, SequentialLR

from snippets.schedulers.multiplicative_lr.evidence import curve, inverse_time
from snippets.schedulers.multiplicative_lr.from_scratch import learning_rate
from snippets.schedulers.multiplicative_lr.use import make_scheduler, slower_and_slower
from tests.support.schedulers import advance, assert_same_curve, curve_of, interrupted, new_run


@pytest.mark.parametrize("function", [slower_and_slower, lambda t: 0.98, lambda t: 0.5 if t % 50 == 0 else 1.0])
def test_equals_the_product(function):
    """The rate is base times the product of f(1) to f(t), to 1e-12, for two groups."""
    curve = curve_of(make_scheduler, 250, (0.1, 0.003), lr_lambda=function)
    assert_same_curve(curve, (0.1, 0.003), lambda t, lr: learning_rate(t, lr, lr_lambda=function))


def test_half_means_two_things():
    """0.5 at every step: LambdaLR gives half at each update, MultiplicativeLR a millionth after 20 steps."""
    assert curve_of(lambda o: LambdaLR(o, lambda t: 0.5), 30) == [[0.05]] * 30
    assert curve_of(make_scheduler, 21, lr_lambda=lambda t: 0.5)[20][0] / 0.1 == pytest.approx(1e-6, rel=0.05)


@pytest.mark.parametrize("at", [1, 70, 149])
def test_resumes(at):
    """With the states of optimizer and scheduler a resumed run has the same rates, bit for bit."""
    rates = (0.1, 0.003)
    assert interrupted(make_scheduler, 150, at, rates)[0] == curve_of(make_scheduler, 150, rates)[at:]


def test_resumes_with_the_optimizer():
    """A lambda is not in the state; the rate is in the optimizer's: without that the run goes on from the base rate."""
    optimizer, scheduler = new_run(make_scheduler, (0.1,), lr_lambda=lambda t: 0.9)
    advance(optimizer, scheduler, range(10))
    assert scheduler.state_dict()["lr_lambdas"] == [None]
    assert optimizer.state_dict()["param_groups"][0]["lr"] == pytest.approx(0.1 * 0.9**10)
    again, resumed = new_run(make_scheduler, (0.1,), lr_lambda=lambda t: 0.9)
    resumed.load_state_dict(scheduler.state_dict())
    assert [row[0] for row in advance(again, resumed, range(10, 12))] == pytest.approx([0.1, 0.09])
    other, changed = new_run(make_scheduler, (0.1,), lr_lambda=lambda t: 0.5)
    other.load_state_dict(optimizer.state_dict())
    changed.load_state_dict(scheduler.state_dict())
    rates = [row[0] for row in advance(other, changed, range(10, 12))]
    assert rates[1] / rates[0] == pytest.approx(0.5)  # the new function, not the old one


def test_first_call_is_with_one():
    """Neither the constructor nor the first step calls the function with 0: update 0 has the base rate."""
    seen = []
    optimizer, scheduler = new_run(make_scheduler, (0.1,), lr_lambda=lambda step: seen.append(step) or 0.9)
    assert seen == []
    assert advance(optimizer, scheduler, range(4))[0] == [0.1]
    assert seen == [1, 2, 3, 4]


@pytest.mark.parametrize("milestone", [1, 3, 7])
def test_zero_in_a_sequence(milestone):
    """As the second part of a SequentialLR the function is called with 0 at the milestone, and the rate multiplied."""
    seen = []

    def make(optimizer):
        first = LambdaLR(optimizer, lambda t: 1.0)
        second = make_scheduler(optimizer, lambda step: seen.append(step) or 0.5)
        return SequentialLR(optimizer, [first, second], milestones=[milestone])

    rates = [row[0] for row in curve_of(make, milestone + 3)]
    assert seen == [0, 1, 2, 3]
    assert rates == pytest.approx([0.1] * milestone + [0.05, 0.025, 0.0125])


def test_ratios_give_lambda_lr(evidence):
    """Given f(t) / f(t-1) it draws the curve that LambdaLR draws for f, when f(0) = 1 and f is never 0."""
    curves = evidence()
    right = curves["LambdaLR, f(t) = 1 / (1 + t/50)"]
    assert curves["MultiplicativeLR, f(t) / f(t-1)"] == pytest.approx(right, rel=1e-12)
    for f in (lambda t: 0.9**t, lambda t: 1 + t / 10, lambda t: 1 + math.sin(t) / 2, lambda t: (-1.0) ** t):
        ratios = curve(MultiplicativeLR, lambda t, f=f: f(t) / f(t - 1))
        assert ratios == pytest.approx(curve(LambdaLR, f), rel=1e-12)
    assert curve(LambdaLR, lambda t: 2.0**-t / 4)[1] == 0.125  # with f(0) = 1/4 the ratios miss the first factor
    assert curve(MultiplicativeLR, lambda t: 0.5)[1] == 0.5

    def to_zero(t):
        return max(0.0, 1 - t / 5)

    assert curve(LambdaLR, to_zero)[6] == 0
    with pytest.raises(ZeroDivisionError):
        curve(MultiplicativeLR, lambda t: to_zero(t) / to_zero(t - 1))


def test_factor_by_mistake(evidence):
    """Given LambdaLR's function itself, the factor at step 50 is 3e-9, not 0.5."""
    curves = evidence()
    assert curves["LambdaLR, f(t) = 1 / (1 + t/50)"][50] == 0.5
    assert curves["MultiplicativeLR, f(t) by mistake"][50] == pytest.approx(3e-9, rel=0.05)


def test_nothing_warns():
    """Neither torch's constructor nor a step says a word about a function that was meant for LambdaLR."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        curve(MultiplicativeLR, inverse_time)
    assert caught == []


def test_constant_function_is_exponential():
    """lambda step: gamma is ExponentialLR(gamma), bit for bit.

    As a later part of a SequentialLR ExponentialLR begins at the group's rate, this one at gamma times what it finds.
    """
    for gamma in (0.1, 0.5, 0.98, 1.0, 1.02):
        ours = curve_of(make_scheduler, 100, (0.1, 0.003), lr_lambda=lambda step, gamma=gamma: gamma)
        assert ours == curve_of(lambda o, g=gamma: torch.optim.lr_scheduler.ExponentialLR(o, g), 100, (0.1, 0.003))

    def later(make):
        return lambda o: SequentialLR(o, [LambdaLR(o, lambda t: 0.1), make(o)], milestones=[3])

    found = curve_of(later(lambda o: torch.optim.lr_scheduler.ExponentialLR(o, 0.5)), 5)
    assert [row[0] for row in found] == pytest.approx([0.01] * 3 + [0.1, 0.05])
    found = curve_of(later(lambda o: make_scheduler(o, lambda step: 0.5)), 5)
    assert [row[0] for row in found] == pytest.approx([0.01] * 3 + [0.005, 0.0025])


def test_hand_set_rate_is_kept():
    """A rate set from outside is the starting point of the next product; LambdaLR would overwrite it."""
    optimizer, scheduler = new_run(make_scheduler, (0.1,), lr_lambda=lambda step: 0.9)
    advance(optimizer, scheduler, range(10))
    optimizer.param_groups[0]["lr"] = 0.5
    assert advance(optimizer, scheduler, range(10, 12))[1] == pytest.approx([0.45])


def test_zero_is_final():
    """A single factor 0 is final: no later factor brings the rate back. In LambdaLR it is one update."""
    back = curve_of(lambda o: LambdaLR(o, lambda step: 0.0 if step == 5 else 2.0), 20)
    assert [step for step, row in enumerate(back) if row == [0.0]] == [5]
    rates = curve_of(make_scheduler, 20, lr_lambda=lambda step: 0.0 if step == 5 else 2.0)
    assert rates[4][0] > 0
    assert all(row == [0.0] for row in rates[5:])


def test_later_group_fails():
    """A group added after the constructor: the next step raises, with one function too; a further function mends it."""
    optimizer, scheduler = new_run(make_scheduler, (0.1,), lr_lambda=lambda step: 0.5)
    optimizer.add_param_group({"params": [nn.Parameter(torch.ones(1))], "lr": 1.0})
    optimizer.step()
    with pytest.raises(ValueError, match=r"zip\(\) argument 2 is longer than argument 1"):
        scheduler.step()
    scheduler.lr_lambdas.append(lambda step: 0.1)
    scheduler.step()
    assert scheduler.get_last_lr() == pytest.approx([0.05, 0.1])


def test_one_function_for_each_group():
    """torch takes a list, one function for each group, and refuses a list of another length."""
    optimizer = torch.optim.SGD([{"params": [nn.Parameter(torch.ones(1))], "lr": lr} for lr in (0.1, 0.01)])
    scheduler = MultiplicativeLR(optimizer, [lambda step: 0.5, lambda step: 1.0])
    optimizer.step()
    scheduler.step()
    assert scheduler.get_last_lr() == pytest.approx([0.05, 0.01])
    with pytest.raises(ValueError, match="lr_lambdas"):
        MultiplicativeLR(optimizer, [lambda step: 0.5])
