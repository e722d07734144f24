"""CosineAnnealingLR: equal to its closed form, and the claims of its page."""

import math
from itertools import pairwise
from statistics import fmean

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import ExponentialLR

from snippets.schedulers.cosine_annealing_lr.from_scratch import learning_rate
from snippets.schedulers.cosine_annealing_lr.use import make_scheduler
from tests.support.schedulers import advance, assert_same_curve, curve_of, interrupted, new_run


def test_equals_the_closed_form():
    """torch multiplies the current rate, the paper gives a formula: they agree to 1e-12 over 2.5 half periods."""
    for settings in ({"T_max": 100}, {"T_max": 97, "eta_min": 1e-4}, {"T_max": 1}):
        curve = curve_of(make_scheduler, 250, (0.1, 0.02), **settings)
        assert_same_curve(curve, (0.1, 0.02), lambda t, lr, s=settings: learning_rate(t, lr, **s))


def test_resumes():
    """Optimizer's and scheduler's states are enough: the rest of the curve is bit for bit the same."""
    for at in (1, 70, 99, 100, 101, 140):  # T_max is 100
        for built_last in (False, True):  # the scheduler made before and after the optimizer's state is loaded
            rest, _ = interrupted(make_scheduler, 150, at, (0.1, 0.02), built_last=built_last)
            assert rest == curve_of(make_scheduler, 150, (0.1, 0.02))[at:]


@pytest.mark.parametrize("T_max", [97, 216, 243, 1000])
def test_rounding_after_the_minimum(T_max):
    """The rise starts from 1 - cos(pi / T), rounded at 2**-53: relative 2**-53 * 2 * (T / pi)**2 = 2.3e-17 * T**2."""
    rates = [row[0] for row in curve_of(make_scheduler, 2 * T_max + 1, T_max=T_max)]
    for t in range(T_max + 1, 2 * T_max + 1):
        # 1.1 for the linear terms of the bound, 1e-14 for the roundings of some hundred products
        assert rates[t] == pytest.approx(learning_rate(t, T_max=T_max), rel=1.1 * 2.3e-17 * T_max**2 + 1e-14)


def test_rises_again_after_t_max():
    """One step too many is harmless, T_max steps too many are not: the rate is back at its base value."""
    rates = [row[0] for row in curve_of(make_scheduler, 201)]
    assert rates[100] == 0
    assert rates[101] < 1e-3 * 0.1
    assert rates[200] == pytest.approx(0.1)
    assert rates[100:] == sorted(rates[100:])


def test_t_max_in_epochs():
    """T_max=10 meant in epochs, stepped at each of 100 batches: 49 returns to the full rate in ten epochs."""
    rates = [row[0] for row in curve_of(make_scheduler, 1000, T_max=10)]
    peaks = [t for t in range(1, 999) if rates[t] > max(rates[t - 1], rates[t + 1])]
    assert peaks == list(range(20, 999, 20))  # 49 returns to the base rate, where none was wanted
    assert rates[20] == pytest.approx(0.1)


def test_last_update_is_above_the_minimum():
    """With T_max updates the last one uses step T_max - 1: eta_min itself is never used."""
    rates = [row[0] for row in curve_of(make_scheduler, 100, eta_min=1e-4)]
    assert rates[-1] > 1e-4
    assert rates[-1] == pytest.approx(1e-4 + (0.1 - 1e-4) * (1 - math.cos(math.pi / 100)) / 2)


def test_eta_min_is_absolute():
    """A group whose base rate lies under eta_min is annealed upwards."""
    curve = curve_of(make_scheduler, 101, (0.1, 1e-5), eta_min=1e-3)
    assert curve[100] == pytest.approx([1e-3, 1e-3])
    small = [row[1] for row in curve]
    assert all(after > before for before, after in pairwise(small))


def test_half_of_the_rate_at_half_of_the_time():
    """The rate at T_max / 2 is the middle of base rate and eta_min, and so is the mean: half the base rate at 0."""
    for eta_min in (0.0, 0.01, 0.06):
        rates = [row[0] for row in curve_of(make_scheduler, 101, eta_min=eta_min)]
        middle = (0.1 + eta_min) / 2
        assert rates[50] == pytest.approx(middle)
        assert (sum(rates) - middle) / 100 == pytest.approx(middle)  # the first and the last rate count half each


@pytest.mark.parametrize("eta_min", [0.0, 1e-3])
def test_hand_set_rate_scales_the_rest(eta_min):
    """A rate changed by hand scales the distance to eta_min at every step until T_max, and at none after it."""
    optimizer, scheduler = new_run(make_scheduler, (0.1,), eta_min=eta_min)
    advance(optimizer, scheduler, range(50))
    before = optimizer.param_groups[0]["lr"]
    optimizer.param_groups[0]["lr"] = changed = 0.2 * before
    factor = (changed - eta_min) / (before - eta_min)
    for t, (rate,) in enumerate(advance(optimizer, scheduler, range(50, 201)), start=50):
        distance = learning_rate(t, eta_min=eta_min) - eta_min
        assert rate - eta_min == pytest.approx((factor if t <= 100 else 1) * distance, rel=1e-9, abs=1e-15)


def test_exponential_decay_is_earlier():
    """Of an exponential decay to 1 % of its base rate a tenth is left at half of the time, of the cosine a half."""
    exponential = [row[0] for row in curve_of(lambda o: ExponentialLR(o, 0.01 ** (1 / 100)), 101)]
    assert exponential[100] == pytest.approx(0.01 * 0.1)
    assert exponential[50] == pytest.approx(0.1 * 0.1)
    assert curve_of(make_scheduler, 51)[50][0] == pytest.approx(0.5 * 0.1)


@pytest.fixture(scope="module")
def mean_losses(evidence):
    """Schedule -> base rate -> mean test loss of eight networks."""
    return {name: {lr: fmean(losses) for lr, losses in by_rate.items()} for name, by_rate in evidence().items()}


def test_beats_constant_and_step_at_a_high_rate(mean_losses):
    """At base rate 0.1 the mean test loss of eight networks is lower with cosine than constant at any rate."""
    cosine = mean_losses["cosine"]["0.1"]
    for lr in ("0.01", "0.03", "0.1"):
        assert cosine < 0.85 * mean_losses["constant"][lr]
    assert cosine < mean_losses["step, 1/10 at half"]["0.1"]


def test_does_not_help_at_a_low_rate(mean_losses):
    """At base rate 0.01 both schedules that decay end over 1.4 times as high as the constant rate."""
    constant = mean_losses["constant"]["0.01"]
    assert mean_losses["cosine"]["0.01"] > 1.4 * constant
    assert mean_losses["step, 1/10 at half"]["0.01"] > 1.4 * constant


def test_zero_t_max():
    """T_max=0 fails in the first step."""
    optimizer, scheduler = new_run(make_scheduler, (0.1,), T_max=0)
    optimizer.step()
    with pytest.raises(ZeroDivisionError):
        scheduler.step()


def test_tensor_rate_is_updated_in_place():
    """A tensor as lr (for torch.compile) stays the same tensor."""
    rate = torch.tensor(0.1, dtype=torch.float64)
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=rate)
    scheduler = make_scheduler(optimizer)
    for _ in range(30):
        optimizer.step()
        scheduler.step()
    assert optimizer.param_groups[0]["lr"] is rate
    assert rate.item() == pytest.approx(learning_rate(30))
