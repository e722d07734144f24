"""StepLR: equal to its closed form, and the claims of its page."""

from statistics import fmean

import pytest
import torch
from torch.optim.lr_scheduler import ExponentialLR, MultiStepLR, StepLR

from snippets.schedulers.step_lr import evidence as experiment
from snippets.schedulers.step_lr.evidence import floor, simulate
from snippets.schedulers.step_lr.from_scratch import learning_rate
from snippets.schedulers.step_lr.use import make_scheduler
from tests.support.schedulers import advance, assert_same_curve, curve_of, interrupted, new_run


@pytest.mark.parametrize(
    "settings", [{"step_size": 30, "gamma": 0.1}, {"step_size": 7, "gamma": 0.5}, {"step_size": 1}]
)
def test_equals_the_closed_form(settings):
    """The recursion is base * gamma ** floor(t / step_size), to 1e-12, for two groups."""
    curve = curve_of(make_scheduler, 300, (0.1, 0.003), **settings)
    assert_same_curve(curve, (0.1, 0.003), lambda t, lr: learning_rate(t, lr, **settings))


def test_first_drop():
    """Steps 0 to step_size - 1 have the base rate, step_size is the first with the lower one."""
    rates = [row[0] for row in curve_of(make_scheduler, 61)]
    assert rates[29] == 0.1
    assert rates[30] == pytest.approx(0.01)
    assert rates[60] == pytest.approx(0.001)


def test_resumes():
    """Stopped in the middle of a stair, or right at its edge: the rest is bit for bit the same."""
    for at in (15, 30, 45):
        assert interrupted(make_scheduler, 100, at, (0.1,))[0] == curve_of(make_scheduler, 100)[at:]


def test_per_batch_is_too_fast():
    """step_size=30 epochs, stepped at each of 100 batches: after one epoch the rate is 1000 times too low."""
    assert curve_of(make_scheduler, 101)[100][0] == pytest.approx(1e-4)
    right = curve_of(make_scheduler, 101, step_size=30 * 100)
    assert right[100][0] == 0.1


@pytest.mark.parametrize("steps", [450, 2000])
def test_fractional_step_size_never_drops(steps):
    """step_size=2.4 is accepted, and the rate stays for 450 epochs, and for 2000; 2.5 drops every 5; 240 updates do."""
    curve = curve_of(lambda optimizer: StepLR(optimizer, step_size=2.4, gamma=0.97), steps)
    assert curve == [[0.1]] * steps
    halves = curve_of(lambda optimizer: StepLR(optimizer, step_size=2.5, gamma=0.97), steps)
    assert halves == curve_of(make_scheduler, steps, step_size=5, gamma=0.97)
    assert curve_of(make_scheduler, 241, step_size=240, gamma=0.97)[240][0] == pytest.approx(0.097)  # 100 updates each


def test_small_steps_are_an_exponential_decay():
    """0.97 every 2.4 epochs of 100 updates: a tenth after 182 epochs, never over 3 % above the exponential curve."""
    rates = [row[0] for row in curve_of(make_scheduler, 18300, step_size=240, gamma=0.97)]
    assert rates[18200] == pytest.approx(0.01, rel=0.03)
    for t, rate in enumerate(rates):
        assert 1 - 1e-9 <= rate / (0.1 * 0.97 ** (t / 240)) <= 1 / 0.97


def test_relatives_are_the_same():
    """step_size=1 gives ExponentialLR's rates; MultiStepLR with milestones at multiples of 30 step_size=30's."""
    for gamma in (0.9, 0.5, 0.99):
        exponential = curve_of(lambda optimizer, gamma=gamma: ExponentialLR(optimizer, gamma), 200, (0.1, 0.003))
        assert curve_of(make_scheduler, 200, (0.1, 0.003), step_size=1, gamma=gamma) == exponential
        for size in (1, 7, 30, 100):
            milestones = list(range(size, 300, size))
            several = curve_of(lambda o, m=milestones, g=gamma: MultiStepLR(o, m, g), 300, (0.1, 0.003))
            assert curve_of(make_scheduler, 300, (0.1, 0.003), step_size=size, gamma=gamma) == several


@pytest.mark.parametrize("lr", [0.005, 0.05, 0.5, 1.0, 1.9])
def test_floor_is_where_the_loss_stays(lr):
    """x <- x - lr (x + noise) maps a mean square v to (1 - lr)**2 v + lr**2; twice the floor is its fixed point."""
    at_the_floor = 2 * floor(lr)
    assert floor(lr) == 0.5 * lr / (2 - lr)
    assert (1 - lr) ** 2 * at_the_floor + lr**2 == pytest.approx(at_the_floor)
    above = 2 * at_the_floor
    assert (1 - lr) ** 2 * above + lr**2 < above


def test_drop_lowers_the_noise_floor(evidence):
    """At rates 0.5 and 0.05 the mean loss is lr / (2 (2 - lr)): 0.167 and 0.0128, thirteen times lower for a tenth."""
    losses = evidence()["StepLR"]
    assert fmean(losses[60:100]) == pytest.approx(floor(0.5), rel=0.03)  # 4000 walks, 40 steps
    assert fmean(losses[180:200]) == pytest.approx(floor(0.05), rel=0.05)
    assert floor(0.5) / floor(0.05) == pytest.approx(13)


def test_last_stair_is_too_short(evidence):
    """A rate of 0.005 needs more than 100 steps: the third stair ends at more than twice its floor.

    From 0.17 the second stair ends a fifth and more above its floor, too, and the first on it.
    """
    assert experiment.BASE == 0.5
    assert evidence()["StepLR"][299] > 2 * floor(0.005)
    lower = simulate(0.1, 0.17)[1]
    assert lower[90:100].mean().item() == pytest.approx(floor(0.17), rel=0.05)
    assert lower[190:200].mean() > 1.2 * floor(0.017)


def test_constant_rate_stays_at_its_floor(evidence):
    assert fmean(evidence()["constant"][250:]) == pytest.approx(floor(0.5), rel=0.03)


def test_hand_set_rate_is_kept():
    """A rate lowered by hand within a stair is what the next drop multiplies."""
    optimizer, scheduler = new_run(make_scheduler, (0.1,))
    advance(optimizer, scheduler, range(10))
    optimizer.param_groups[0]["lr"] = 0.05
    curve = advance(optimizer, scheduler, range(10, 40))
    assert curve[-1] == pytest.approx([0.005])


def test_momentum_outlives_the_drop():
    """The buffer keeps gradients, not updates: right after a drop the update is a tenth, too."""
    p = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
    optimizer = torch.optim.SGD([p], lr=0.1, momentum=0.9)
    scheduler = make_scheduler(optimizer, step_size=200)
    moves = []
    for _ in range(202):
        before = p.item()
        p.grad = torch.ones_like(p)
        optimizer.step()
        scheduler.step()
        moves.append(before - p.item())
    assert moves[199] == pytest.approx(1.0, rel=1e-6)  # 0.1 / (1 - 0.9)
    assert moves[200] == pytest.approx(0.1, rel=1e-6)


def test_fourth_drop_freezes(monkeypatch):
    """100 updates at 0.0005 take off a tenth, far above the third floor; those of the third stair more than half."""
    monkeypatch.setattr(experiment, "STEPS", 401)
    losses = simulate(0.1)[1]  # entry t: before update t, so that 100 updates lie between 300 and 400
    assert losses[400] / losses[300] == pytest.approx(0.9, abs=0.02)
    assert 0.35 < losses[300] / losses[200] < 0.5
    assert losses[400] > 3 * floor(0.005)
    exact = [4.5]
    for t in range(400):  # the mean square of x without the chance of 4000 walks
        rate = learning_rate(t, experiment.BASE, experiment.STAIR)
        exact.append(0.5 * ((1 - rate) ** 2 * 2 * exact[-1] + rate**2))
    assert [exact[t] for t in (100, 200, 300, 400)] == pytest.approx(losses[100::100].tolist(), rel=0.1)
    assert exact[400] / exact[300] == pytest.approx(0.907, abs=1e-3)
    assert exact[300] / exact[200] == pytest.approx(0.429, abs=1e-3)
