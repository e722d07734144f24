"""LinearLR: equal to its closed form, and the claims of its page."""

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import LinearLR

from snippets.schedulers.linear_lr.evidence import SETTINGS, closed
from snippets.schedulers.linear_lr.from_scratch import learning_rate
from snippets.schedulers.linear_lr.use import make_scheduler
from tests.support.schedulers import advance, assert_same_curve, curve_of, interrupted, new_run


@pytest.mark.parametrize(
    "settings",
    [{}, {"start_factor": 1.0, "end_factor": 0.0, "total_iters": 200}, {"start_factor": 1e-8}, {"total_iters": 1}],
)
def test_equals_the_closed_form(settings):
    """Products of ratios equal the straight line to 1e-12, for two groups, upwards and downwards."""
    curve = curve_of(make_scheduler, 250, (0.1, 0.003), **settings)
    assert_same_curve(curve, (0.1, 0.003), lambda t, lr: learning_rate(t, lr, **settings))


@pytest.mark.parametrize("name", SETTINGS)
def test_figure_agrees(evidence, name):
    assert evidence()[name] == pytest.approx(closed(**SETTINGS[name]), abs=1e-12)


def test_ramp_has_one_value_more(evidence):
    """total_iters steps from first to last, so total_iters + 1 values: with 10 the full rate comes at update 10."""
    ten, nine = (evidence()[f"1/10, total_iters={iters}"] for iters in (10, 9))
    assert ten[9] < 0.95
    assert ten[10] == pytest.approx(1)
    assert nine == pytest.approx([min(1, (t + 1) / 10) for t in range(30)])


def test_defaults(evidence):
    """A third at update 0, all of it at update 5."""
    assert evidence()["defaults"][:6] == pytest.approx([3 / 9, 4.2 / 9, 5.4 / 9, 6.6 / 9, 7.8 / 9, 1])


@pytest.mark.parametrize("settings", [{}, {"start_factor": 1.0, "end_factor": 0.0, "total_iters": 100}])
def test_resumes(settings):
    """Stopped on the ramp, up and down, and behind it, for two groups."""
    whole = curve_of(make_scheduler, 120, (0.1, 0.003), **settings)
    for at in (3, 10, 50, 80, 110):
        assert interrupted(make_scheduler, 120, at, (0.1, 0.003), **settings)[0] == whole[at:]
        late = interrupted(make_scheduler, 120, at, (0.1, 0.003), built_last=True, **settings)[0]
        again = settings.get("start_factor", 0.1)  # made after the optimizer's state, it multiplies once more
        assert late == [pytest.approx([again * rate for rate in row]) for row in whole[at:]]


def test_constructor_changes_the_rate():
    """The rate is multiplied as soon as the scheduler is made: a second one on top starts at a hundredth."""
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    make_scheduler(optimizer)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.01)
    make_scheduler(optimizer)
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.001)


def test_no_steps_keep_the_first_factor():
    """total_iters=0 is no way to switch the ramp off: the rate stays at start_factor, where 1 step reaches the end."""
    assert curve_of(make_scheduler, 50, total_iters=0) == [pytest.approx([0.01])] * 50
    assert curve_of(make_scheduler, 50, total_iters=1)[1:] == [pytest.approx([0.1])] * 49


@pytest.mark.parametrize("length", [2.5, 4.7, 9.5])
def test_fractional_length_stops_short(length):
    """A total_iters that is no whole number: the ramp stops at the last whole step before it, without a warning."""
    rates = [row[0] for row in curve_of(make_scheduler, 50, total_iters=length)]  # a warning would be an error here
    last = int(length)
    stop = 0.1 * (0.1 + 0.9 * last / length)
    assert rates[:last] == pytest.approx([0.1 * (0.1 + 0.9 * t / length) for t in range(last)])
    assert rates[last:] == pytest.approx([stop] * (50 - last))
    assert length != 2.5 or stop == pytest.approx(0.082)


def test_recursion_keeps_a_wrong_start():
    """A rate that is a tenth of the right one stays a tenth for ever; the closed form would forget it."""
    optimizer, scheduler = new_run(make_scheduler, (0.1,))
    optimizer.param_groups[0]["lr"] *= 0.1
    curve = advance(optimizer, scheduler, range(100))
    assert curve[99] == pytest.approx([0.1 * learning_rate(99)])


def test_bounds():
    """start_factor must lie in (0, 1], end_factor in [0, 1]: it neither starts at 0 nor climbs above the base."""
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    for settings in ({"start_factor": 0.0}, {"start_factor": -0.1}, {"start_factor": 1.1}):
        with pytest.raises(
            ValueError, match="Starting multiplicative factor expected to be greater than 0 and less or equal to 1"
        ):
            LinearLR(optimizer, **settings)
    for settings in ({"end_factor": -0.1}, {"end_factor": 1.1}):
        with pytest.raises(ValueError, match="Ending multiplicative factor expected to be between 0 and 1"):
            LinearLR(optimizer, **settings)
    for start, end in ((1e-8, 1.0), (1.0, 0.0)):
        LinearLR(optimizer, start, end)


def test_chained_with_a_decay_multiplies():
    """Stepped together with ExponentialLR, the decay runs during the ramp already, and the factors multiply."""
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    ramp = LinearLR(optimizer, start_factor=0.1, total_iters=9)
    decay = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.9)
    for _ in range(9):
        optimizer.step()
        ramp.step()
        decay.step()
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.1 * 0.9**9)  # 39 % of the peak that was wanted
