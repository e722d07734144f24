"""MultiplicativeLR: equal to its product, and the claims of its page."""

import warnings

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR, MultiplicativeLR

from snippets.schedulers.multiplicative_lr.evidence import curve, inverse_time
from snippets.schedulers.multiplicative_lr.from_scratch import learning_rate
from snippets.schedulers.multiplicative_lr.use import make_scheduler, slower_and_slower
from tests.support.schedulers import advance, assert_same_curve, curve_of, interrupted, new_run


@pytest.mark.parametrize("function", [slower_and_slower, lambda t: 0.98, lambda t: 0.5 if t % 50 == 0 else 1.0])
def test_equals_the_product(function):
    """The rate is base times the product of f(1) to f(t), to 1e-12, for two groups."""
    curve = curve_of(make_scheduler, 250, (0.1, 0.003), lr_lambda=function)
    assert_same_curve(curve, (0.1, 0.003), lambda t, lr: learning_rate(t, lr, lr_lambda=function))


def test_resumes():
    assert interrupted(make_scheduler, 150, 70, (0.1,))[0] == curve_of(make_scheduler, 150)[70:]


def test_first_call_is_with_one():
    """The function is never called with 0: update 0 has the base rate whatever it returns."""
    seen = []
    curve_of(make_scheduler, 4, lr_lambda=lambda step: seen.append(step) or 0.9)
    assert seen == [1, 2, 3, 4]


def test_ratios_give_lambda_lr(evidence):
    """Given f(t) / f(t-1) it draws the curve that LambdaLR draws for f, when f(0) = 1 and f is never 0."""
    curves = evidence()
    right = curves["LambdaLR, f(t) = 1 / (1 + t/50)"]
    assert curves["MultiplicativeLR, f(t) / f(t-1)"] == pytest.approx(right, rel=1e-12)
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
    """lambda step: 0.98 is ExponentialLR(0.98)."""
    ours = curve_of(make_scheduler, 100, lr_lambda=lambda step: 0.98)
    assert ours == curve_of(lambda o: torch.optim.lr_scheduler.ExponentialLR(o, gamma=0.98), 100)


def test_hand_set_rate_is_kept():
    """A rate set from outside is the starting point of the next product; LambdaLR would overwrite it."""
    optimizer, scheduler = new_run(make_scheduler, (0.1,), lr_lambda=lambda step: 0.9)
    advance(optimizer, scheduler, range(10))
    optimizer.param_groups[0]["lr"] = 0.5
    assert advance(optimizer, scheduler, range(10, 12))[1] == pytest.approx([0.45])


def test_zero_is_final():
    """A single factor 0 ends the training: no later factor brings the rate back."""
    rates = curve_of(make_scheduler, 20, lr_lambda=lambda step: 0.0 if step == 5 else 2.0)
    assert rates[4][0] > 0
    assert all(row == [0.0] for row in rates[5:])


def test_one_function_for_each_group():
    """torch takes a list, one function for each group, and refuses a list of another length."""
    optimizer = torch.optim.SGD([{"params": [nn.Parameter(torch.ones(1))], "lr": lr} for lr in (0.1, 0.01)])
    scheduler = MultiplicativeLR(optimizer, [lambda step: 0.5, lambda step: 1.0])
    optimizer.step()
    scheduler.step()
    assert scheduler.get_last_lr() == pytest.approx([0.05, 0.01])
    with pytest.raises(ValueError, match="lr_lambdas"):
        MultiplicativeLR(optimizer, [lambda step: 0.5])
