"""Warm-up + cosine: three implementations on one curve, timm's beside them, and the claims of the page."""

import itertools
import math
from statistics import median

import pytest
import torch
from timm.scheduler import CosineLRScheduler
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, SequentialLR

from snippets.schedulers.warmup_cosine.from_scratch import learning_rate
from snippets.schedulers.warmup_cosine.use import make_scheduler, make_sequential
from tests.support.schedulers import advance, assert_same_curve, curve_of, interrupted, new_run, per_epoch

LENGTHS = [(1, 30), (10, 100), (20, 250), (100, 2000)]


@pytest.mark.parametrize(("warmup", "total"), LENGTHS)
def test_three_ways_one_curve(warmup, total):
    """LambdaLR, SequentialLR and the closed form agree at every step of the run, to 1e-12, for two groups."""
    settings = {"warmup_steps": warmup, "total_steps": total}
    for make in (make_scheduler, make_sequential):
        curve = curve_of(make, total + 1, (0.1, 0.003), **settings)
        assert_same_curve(curve, (0.1, 0.003), lambda t, lr: learning_rate(t, lr, **settings))


@pytest.mark.parametrize(("warmup", "total"), LENGTHS)
def test_final_rate_of_both_ways(warmup, total):
    """For one group, min_ratio=0.1 and eta_min of a tenth of the peak are one curve, to the end of the run."""
    settings = {"warmup_steps": warmup, "total_steps": total}
    one = curve_of(make_scheduler, total, (0.1,), **settings, min_ratio=0.1)
    other = curve_of(make_sequential, total, (0.1,), **settings, eta_min=0.01)
    assert [row[0] for row in one] == pytest.approx([row[0] for row in other], rel=1e-12)


@pytest.mark.parametrize(("warmup", "total"), LENGTHS)
@pytest.mark.parametrize("min_ratio", [0.0, 0.1])
def test_timm_decays_the_same(warmup, total, min_ratio):
    """timm's CosineLRScheduler agrees from the end of the warm-up on; its warm-up is t/w, one update behind."""
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    settings = {"lr_min": 0.1 * min_ratio, "warmup_lr_init": 0.0, "warmup_prefix": True}
    timm = CosineLRScheduler(optimizer, t_initial=total - warmup, warmup_t=warmup, **settings)
    for step in range(1, total):
        timm.step(step)
        at = step - 1 if step < warmup else step
        ours = learning_rate(at, warmup_steps=warmup, total_steps=total, min_ratio=min_ratio)
        assert optimizer.param_groups[0]["lr"] == pytest.approx(ours, rel=1e-12)


def test_timm_starts_below_the_peak():
    """By default timm's cosine runs from update 0: it starts at 98.4 % of the peak and differs by up to 7.6 % of it."""
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    timm = CosineLRScheduler(optimizer, t_initial=250, warmup_t=20, warmup_lr_init=0.0)
    shares = []
    for step in range(251):
        timm.step(step)
        shares.append(optimizer.param_groups[0]["lr"] / 0.1)
    assert shares[20] == pytest.approx(0.984, abs=0.0005)
    gaps = [abs(share - learning_rate(step, 1.0)) for step, share in enumerate(shares)]
    assert max(gaps[20:]) == pytest.approx(0.076, abs=0.0005)
    assert max(gaps) == max(gaps[20:])


@pytest.mark.parametrize("make", [make_scheduler, make_sequential])
@pytest.mark.parametrize("at", [5, 15, 20, 60, 150])
def test_missed_calls_delay_both(make, at):
    """Ten updates without scheduler.step(), within the warm-up, across its end or later: ten late to the end."""
    optimizer, scheduler = new_run(make, (0.1,))
    advance(optimizer, scheduler, range(at))
    for _ in range(10):
        optimizer.step()
    late = advance(optimizer, scheduler, range(at + 10, 250))
    assert late == [[pytest.approx(learning_rate(t - 10), rel=1e-9)] for t in range(at + 10, 250)]


@pytest.mark.parametrize("make", [make_scheduler, make_sequential])
def test_per_epoch_steps_end_in_the_warm_up(make):
    """Stepped once per epoch, 10 epochs of 50 batches with 25 of 500 updates of warm-up end at 40 % of the peak."""
    rates = per_epoch(*new_run(make, (0.1,), warmup_steps=25, total_steps=500), 10, 50)
    assert rates[-1] == max(rates) == pytest.approx(0.04)


def test_stays_down_after_the_end():
    """Past total_steps our rate stays at min_ratio times the peak; torch's cosine in SequentialLR rises again."""
    ours = [row[0] for row in curve_of(make_scheduler, 300, min_ratio=0.1)]
    assert ours[250:] == pytest.approx([0.01] * 50)
    sequential = [row[0] for row in curve_of(make_sequential, 400)]
    assert sequential[250] == pytest.approx(0, abs=1e-15)
    assert sequential[399] > 0.05


@pytest.mark.parametrize("min_ratio", [0.0, 0.1])
@pytest.mark.parametrize(("warmup", "total"), LENGTHS)
def test_peak_is_used_twice(warmup, total, min_ratio):
    """Updates w-1 and w alone have the peak; the last update is above r times the peak by less than 0.3 % of it."""
    settings = {"warmup_steps": warmup, "total_steps": total, "min_ratio": min_ratio}
    rates = [row[0] for row in curve_of(make_scheduler, total, **settings)]
    assert [t for t, rate in enumerate(rates) if rate == pytest.approx(0.1, rel=1e-9)] == [warmup - 1, warmup]
    assert 0.1 * min_ratio < rates[-1] < 0.1 * (min_ratio + 0.003)


def test_min_ratio_is_relative():
    """The minimum is a fraction of each group's own peak, so groups keep their ratio."""
    curve = curve_of(make_scheduler, 300, (0.1, 0.001), min_ratio=0.1)
    assert curve[-1] == pytest.approx([0.01, 0.0001])
    assert all(a / b == pytest.approx(100) for a, b in curve)


@pytest.mark.parametrize("make", [make_scheduler, make_sequential])
@pytest.mark.parametrize("at", [10, 20, 120])
def test_resumes(make, at):
    """Stopped within the warm-up, at its end, or later: the rest is bit for bit the same."""
    rest, _ = interrupted(make, 200, at, (0.1, 0.003))
    assert rest == curve_of(make, 200, (0.1, 0.003))[at:]
    late, _ = interrupted(make, 200, at, (0.1, 0.003), built_last=True)  # made after the optimizer's state
    assert late[0] != rest[0]


def test_longer_run_after_resuming():
    """LambdaLR's function is not in the state: a longer total_steps given on resuming takes effect at once."""
    optimizer, scheduler = new_run(make_scheduler, (0.1,), total_steps=100)
    advance(optimizer, scheduler, range(50))
    longer, again = new_run(make_scheduler, (0.1,), total_steps=300)
    longer.load_state_dict(optimizer.state_dict())
    again.load_state_dict(scheduler.state_dict())
    curve = advance(longer, again, range(50, 60))
    assert curve[1:] == [[pytest.approx(learning_rate(t, total_steps=300))] for t in range(51, 60)]


@pytest.mark.parametrize(("share", "left"), [(0.05, 0.0062), (0.2, 0.0955)])
@pytest.mark.parametrize("total", [100, 1000])
def test_t_max_of_the_whole_run_never_arrives(share, left, total):
    """T_max=total, not total - warmup: with 5 % of warm-up the run ends at 0.6 % of the peak, with 20 % at 9.5 %."""
    warmup = round(share * total)

    def wrong(optimizer: torch.optim.Optimizer) -> SequentialLR:
        parts = [LinearLR(optimizer, 1 / warmup, total_iters=warmup - 1), CosineAnnealingLR(optimizer, T_max=total)]
        return SequentialLR(optimizer, parts, milestones=[warmup])

    rates = [row[0] for row in curve_of(wrong, total + 1)]
    assert rates[total] == pytest.approx(0.1 * left, rel=0.01)  # (1 + cos(pi (1 - share))) / 2


@pytest.mark.parametrize("updates", [200, 1000])
def test_counting_micro_batches_ends_near_the_peak(updates):
    """total_steps counted in micro-batches, four to an update: 5 % of warm-up take 20 %, and the run ends at 89 %."""
    batches = 4 * updates
    rates = [r[0] for r in curve_of(make_scheduler, updates, warmup_steps=batches // 20, total_steps=batches)]
    first = next(t for t, rate in enumerate(rates) if rate == pytest.approx(0.1))
    assert (first + 1) / updates == pytest.approx(0.2)
    assert rates[-1] / 0.1 == pytest.approx(0.89, abs=0.01)


def test_stepping_both_multiplies():
    """Two schedulers stepped by hand: each learning rate is ramp times cosine of the whole run, never the peak."""
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    warmup, cosine = LinearLR(optimizer, 1 / 50, total_iters=49), CosineAnnealingLR(optimizer, T_max=250)
    rates = []
    for _ in range(250):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        warmup.step()
        cosine.step()
    product = [0.1 * min(1, (t + 1) / 50) * (1 + math.cos(math.pi * t / 250)) / 2 for t in range(250)]
    assert rates == pytest.approx(product, rel=1e-9)
    assert max(rates) < 0.1 * 0.92


def test_rejects_impossible_lengths():
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    for warmup, total in [(10, 10), (-1, 10), (20, 10)]:
        with pytest.raises(ValueError, match="warmup_steps"):
            make_scheduler(optimizer, warmup, total)


def test_both_parts_help(evidence):
    """At base rate 0.06 both parts have under three quarters of warm-up's median loss, and half of the others'."""
    middle = {name: median(losses["0.06"]) for name, losses in evidence().items()}
    both = middle.pop("warm-up + cosine")
    assert both == pytest.approx(0.55, abs=0.15)
    assert max(evidence()["warm-up + cosine"]["0.06"]) > math.log(10) / 2  # some fail even so
    assert middle["warm-up only"] == pytest.approx(1.2, abs=0.4)  # at the edge of what trains
    assert min(middle["cosine only"], middle["constant"]) > 1.4
    assert both < 0.75 * middle.pop("warm-up only")
    assert all(both < 0.5 * other for other in middle.values()), (both, middle)


def test_no_cure_for_a_rate_too_high(evidence):
    """At base rate 0.1 over half of the networks of each of the four schedules end above half of guessing's ln 10."""
    assert len(evidence()) == 4
    for losses in evidence().values():
        assert sum(loss > math.log(10) / 2 for loss in losses["0.1"]) > len(losses["0.1"]) / 2


def test_curve_has_one_peak():
    rates = [row[0] for row in curve_of(make_scheduler, 300)]
    assert all(a < b for a, b in itertools.pairwise(rates[:20]))
    assert all(a >= b for a, b in itertools.pairwise(rates[20:]))


def test_recipe_adds_nothing_to_a_low_rate(evidence):
    """At base rate 0.01 the four medians are within a quarter of each other; so are the best of each."""
    medians = [median(losses["0.01"]) for losses in evidence().values()]
    assert len(medians) == 4
    assert max(medians) < 1.25 * min(medians)
    best = [min(map(median, losses.values())) for losses in evidence().values()]
    assert max(best) < 1.25 * min(best)
