"""PolynomialLR: equal to its closed form, and the claims of its page."""

import itertools

import pytest
import torch

from snippets.schedulers.polynomial_lr.evidence import BASE, LENGTHS, POWERS, last_loss, rates_of
from snippets.schedulers.polynomial_lr.from_scratch import learning_rate
from snippets.schedulers.polynomial_lr.use import make_scheduler
from tests.support.schedulers import advance, assert_same_curve, curve_of, interrupted, new_run


@pytest.mark.parametrize("settings", [{}, {"power": 1.0}, {"power": 2.0}, {"power": 0.5, "total_iters": 97}])
def test_equals_the_closed_form(settings):
    """Products of ratios equal the power to 1e-12, for two groups, and stay at zero."""
    curve = curve_of(make_scheduler, 250, (0.1, 0.003), **settings)
    assert_same_curve(curve, (0.1, 0.003), lambda t, lr: learning_rate(t, lr, **settings))


def test_resumes():
    for at in (50, 199, 210):
        assert interrupted(make_scheduler, 220, at, (0.1,))[0] == curve_of(make_scheduler, 220)[at:]


def test_ends_at_zero():
    """Step total_iters and all after it have rate 0: the weights no longer change."""
    rates = [row[0] for row in curve_of(make_scheduler, 230)]
    assert rates[199] > 0
    assert rates[200:] == [0.0] * 30


def test_power_one_is_a_straight_line():
    """torch's default power is 1: equal differences. Segmentation recipes mean 0.9 and must say so."""
    rates = [row[0] for row in curve_of(lambda o: torch.optim.lr_scheduler.PolynomialLR(o, total_iters=100), 101)]
    assert [a - b for a, b in itertools.pairwise(rates)] == pytest.approx([0.001] * 100)


def test_default_length_is_five():
    """Without total_iters the rate is zero after five steps."""
    assert curve_of(lambda o: torch.optim.lr_scheduler.PolynomialLR(o), 7)[5][0] == 0


@pytest.mark.parametrize("power", [0.9, 1.0, 2.0])
@pytest.mark.parametrize("length", [2.5, 4.5, 33.3])
def test_fractional_length_stops_short(length, power):
    """A total_iters that is no whole number: the rate stops at the last whole step before it, above zero."""
    rates = [row[0] for row in curve_of(make_scheduler, 60, total_iters=length, power=power)]
    last = int(length)
    stop = 0.1 * (1 - last / length) ** power
    assert rates[:last] == pytest.approx([0.1 * (1 - t / length) ** power for t in range(last)])
    assert rates[last:] == pytest.approx([stop] * (60 - last))
    assert (length, power) != (2.5, 1.0) or stop == pytest.approx(0.1 / 5)


def test_epochs_as_updates_freeze():
    """total_iters=50 epochs, stepped at each of 100 batches: the rate is zero from the middle of epoch 0 on."""
    rates = [row[0] for row in curve_of(make_scheduler, 100, total_iters=50)]
    assert rates[49] > 0
    assert rates[50:] == [0.0] * 50


def test_finished_stays_at_zero():
    """A run that reached zero and whose total_iters is raised stays at zero; a new rate and a new scheduler help."""
    optimizer, scheduler = new_run(make_scheduler, (0.1,), total_iters=10)
    advance(optimizer, scheduler, range(10))
    scheduler.total_iters = 30
    assert advance(optimizer, scheduler, range(20)) == [[0.0]] * 20
    optimizer.param_groups[0]["lr"] = 0.05
    again = [rate for (rate,) in advance(optimizer, make_scheduler(optimizer, total_iters=20), range(21))]
    assert again == pytest.approx([learning_rate(t, 0.05, 20) for t in range(21)])


def test_power_moves_the_mass():
    """The mean rate of a long run is base / (power + 1): half for 1, a third for 2; to 0.1 % for 2,000 updates."""
    for power, mean in ((1.0, 1 / 2), (2.0, 1 / 3), (0.9, 1 / 1.9)):
        assert sum(rates_of(power, 2000)) / 2000 == pytest.approx(BASE * mean, rel=1e-3)


def test_power_matters_little_near_one(evidence):
    """Power 1 ends below 0.9, by at most 8 %, and from a base rate of 0.1 above it, by at most 4 %.

    Of the four powers 0.9 is best after 100 updates, 2 after 200 and 800.
    """
    assert BASE == 0.5
    losses = {power: evidence()[str(power)] for power in POWERS}
    for steps, loss in zip(LENGTHS, losses[0.9], strict=True):
        assert 0.92 * loss < last_loss(rates_of(1.0, steps)) < loss
        low, line = (last_loss([learning_rate(t, 0.1, steps, power) for t in range(steps)]) for power in (0.9, 1.0))
        assert low < line < 1.04 * low
    best = [min(POWERS, key=lambda power: losses[power][at]) for at in range(len(LENGTHS))]
    assert dict(zip(LENGTHS, best, strict=True)) == {100: 0.9, 200: 2.0, 800: 2.0}
