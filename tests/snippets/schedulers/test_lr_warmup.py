"""Linear warm-up: equal to its closed form, and the claims of its page."""

import math

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import LinearLR

from snippets.schedulers.lr_warmup.evidence import RATES, WARMUP, adaptive_rate_spread, train
from snippets.schedulers.lr_warmup.from_scratch import learning_rate
from snippets.schedulers.lr_warmup.use import make_scheduler
from tests.support.schedulers import assert_same_curve, curve_of, interrupted


@pytest.mark.parametrize("warmup_steps", [1, 2, 7, 100])
def test_equals_the_closed_form(warmup_steps):
    """LinearLR(start_factor=1/w, total_iters=w-1) is base * min(1, (t+1)/w), to 1e-12, for two groups."""
    curve = curve_of(make_scheduler, 250, (0.1, 0.003), warmup_steps=warmup_steps)
    assert_same_curve(curve, (0.1, 0.003), lambda t, lr: learning_rate(t, lr, warmup_steps=warmup_steps))


def test_first_and_last_of_the_ramp():
    """Update 0 uses base/w, update w-1 the full rate."""
    rates = [row[0] for row in curve_of(make_scheduler, 30, warmup_steps=10)]
    assert rates[0] == pytest.approx(0.01)
    assert rates[8] == pytest.approx(0.09)
    assert rates[9:] == pytest.approx([0.1] * 21)


def test_total_iters_is_off_by_one():
    """total_iters=w makes the ramp one update longer and flatter: w+1 values, the full rate at update w."""
    rates = [r[0] for r in curve_of(lambda o: LinearLR(o, start_factor=1 / 10, total_iters=10), 12)]
    assert rates[9] < 0.1 * 0.92
    assert rates[10] == pytest.approx(0.1)
    assert rates[1] - rates[0] == pytest.approx(0.009)  # not 0.01


def test_default_start_factor_is_a_third():
    """LinearLR's defaults are hardly a warm-up: a third of the rate at once, all of it after five updates."""
    rates = [r[0] for r in curve_of(lambda o: LinearLR(o), 7)]
    assert rates[0] == pytest.approx(0.1 / 3)
    assert rates[5] == pytest.approx(0.1)


def test_start_factor_zero_is_refused():
    """LinearLR cannot start at zero, because it multiplies; a first update with rate 0 would be lost anyway."""
    with pytest.raises(ValueError, match="greater than 0"):
        curve_of(lambda o: LinearLR(o, start_factor=0.0, total_iters=10), 3)


def test_resumes():
    rest, _ = interrupted(make_scheduler, 150, 40, (0.1,))
    assert rest == curve_of(make_scheduler, 150)[40:]


def test_per_epoch_step_stretches_the_ramp():
    """Stepped once per epoch of 50 batches, ten steps of warm-up last 500 updates, all at one rate within an epoch."""
    optimizer = torch.optim.SGD([nn.Parameter(torch.ones(1))], lr=0.1)
    scheduler = make_scheduler(optimizer, warmup_steps=10)
    rates = []
    for _ in range(10):
        for _ in range(50):
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
        scheduler.step()
    assert rates[:50] == [pytest.approx(0.01)] * 50
    assert rates[449] < 0.1 <= rates[450] + 1e-12


def test_adam_first_update_is_the_rate():
    """Adam's first update moves every weight by the rate, whatever the gradient's size."""
    for scale in (1e-4, 1.0, 1e4):
        p = nn.Parameter(torch.zeros(100, dtype=torch.float64))
        torch.manual_seed(0)
        p.grad = scale * torch.randn(100, dtype=torch.float64)
        torch.optim.Adam([p], lr=0.01).step()
        torch.testing.assert_close(p.abs(), torch.full_like(p, 0.01), rtol=0.05, atol=0)  # eps against small gradients


def test_adam_early_steps_vary():
    """Over draws of unit normal gradients 1/sqrt(v) has standard deviation 0.5 at update 5 and 0.05 at update 200."""
    spread = adaptive_rate_spread(200, draws=20000)
    assert spread[4] == pytest.approx(0.5, rel=0.1)
    assert spread[199] == pytest.approx(0.05, rel=0.1)
    assert spread[199] == pytest.approx(math.sqrt(1 / (2 * 200)), rel=0.1)  # delta method


def at_rate(evidence, lr):
    """Losses of the six networks at a base rate: without warm-up and with 40 updates of it."""
    return torch.tensor([evidence()[name][lr] for name in ("no warm-up", "40 updates of warm-up")])


def test_widens_the_range_of_rates(evidence):
    """At rate 0.1 the median network without warm-up ends at guessing, with warm-up all six train."""
    without, with_warmup = at_rate(evidence, "0.1")
    assert without.median() > 2.0
    assert with_warmup.max() < 1.15
    assert without.median().item() == pytest.approx(math.log(10), abs=0.05)  # guessing, 2.3
    assert with_warmup.median() < 0.75


def test_does_not_help_at_a_low_rate(evidence):
    """At rate 0.01 warm-up changes the median loss by less than a quarter."""
    without, with_warmup = at_rate(evidence, "0.01").median(1).values
    assert 0.75 * without < with_warmup < 1.25 * without


def test_proper_initialization_needs_none():
    """With weights of the right size all six networks train at every rate without warm-up, about as well as with it."""
    for lr in RATES:
        without, with_warmup = train(lr, 1, scale=1.0), train(lr, WARMUP, scale=1.0)
        assert without.max() < 0.3
        assert without.median() < 1.25 * with_warmup.median()
