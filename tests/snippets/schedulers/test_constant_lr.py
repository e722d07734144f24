"""ConstantLR: equal to its closed form, and the claims of its page."""

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import (
    ConstantLR,
    CosineAnnealingLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiStepLR,
    PolynomialLR,
    StepLR,
)

from snippets.schedulers.constant_lr import evidence as experiment
from snippets.schedulers.constant_lr.evidence import BASE, STEPS, WARMUP
from snippets.schedulers.constant_lr.from_scratch import learning_rate
from snippets.schedulers.constant_lr.use import make_scheduler
from tests.support.schedulers import assert_same_curve, curve_of, interrupted


@pytest.mark.parametrize("settings", [{}, {"factor": 1 / 3, "total_iters": 5}, {"factor": 1.0}, {"total_iters": 1}])
def test_equals_the_closed_form(settings):
    """Multiplied once, divided once: the formula to 1e-12, for two groups."""
    curve = curve_of(make_scheduler, 250, (0.1, 0.003), **settings)
    assert_same_curve(curve, (0.1, 0.003), lambda t, lr: learning_rate(t, lr, **settings))


def test_resumes():
    """Resumed before, at and after the jump; made after the optimizer's state, the scheduler multiplies once more."""
    for at in (20, 50, 80):
        rest = curve_of(make_scheduler, 120)[at:]
        assert interrupted(make_scheduler, 120, at, (0.1,))[0] == rest
        late = interrupted(make_scheduler, 120, at, (0.1,), built_last=True)[0]
        assert [row[0] for row in late] == pytest.approx([0.1 * row[0] for row in rest])


def test_jump_at_total_iters():
    """Updates 0 to total_iters - 1 have the low rate, update total_iters the full one."""
    rates = [row[0] for row in curve_of(make_scheduler, 60)]
    assert rates[:50] == pytest.approx([0.01] * 50)
    assert rates[50:] == pytest.approx([0.1] * 10)


def test_does_not_mean_constant():
    """ConstantLR's defaults do not leave the rate alone: a third of it for five updates."""
    rates = [row[0] for row in curve_of(lambda o: ConstantLR(o), 8)]
    assert rates == pytest.approx([0.1 / 3] * 5 + [0.1] * 3)


def test_factor_zero_divides_by_zero():
    """factor=0 is accepted, freezes the weights, and raises ZeroDivisionError at step total_iters."""
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    scheduler = make_scheduler(optimizer, factor=0.0, total_iters=3)
    for _ in range(2):
        optimizer.step()
        scheduler.step()
    optimizer.step()
    with pytest.raises(ZeroDivisionError):
        scheduler.step()


def test_factor_above_one_is_refused():
    with pytest.raises(ValueError, match="between 0 and 1"):
        curve_of(make_scheduler, 2, factor=1.5)


def test_total_iters_zero_never_jumps_back():
    """total_iters=0 keeps the low rate for ever: the recursion looks for step 0 and has used it for the factor."""
    assert [row[0] for row in curve_of(make_scheduler, 20, total_iters=0)] == pytest.approx([0.01] * 20)
    assert learning_rate(0, total_iters=0) == 0.1


@pytest.mark.parametrize("total_iters", [2.5, 7 / 3, 49.5])
def test_fractional_total_iters_never_jumps_back(total_iters):
    """torch looks for the step that equals total_iters; the formula jumps at the next whole step."""
    curve = curve_of(make_scheduler, 200, total_iters=total_iters)  # a warning would be an error here
    assert [row[0] for row in curve] == pytest.approx([0.01] * 200)
    assert learning_rate(50, total_iters=total_iters) == 0.1


def together(*makes):
    """Rates of 30 updates with several schedulers stepped by hand on one optimizer."""
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    schedulers = [make(optimizer) for make in makes]
    rates = []
    for _ in range(30):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        for scheduler in schedulers:
            scheduler.step()
    return rates


def low(optimizer):
    return ConstantLR(optimizer, factor=0.1, total_iters=20)


DECAYS = {
    "exponential": lambda optimizer: ExponentialLR(optimizer, gamma=0.9),
    "step": lambda optimizer: StepLR(optimizer, step_size=6, gamma=0.5),
    "multi-step": lambda optimizer: MultiStepLR(optimizer, milestones=[5, 15]),
    "linear": lambda optimizer: LinearLR(optimizer, 1.0, 0.1, total_iters=40),
    "polynomial": lambda optimizer: PolynomialLR(optimizer, total_iters=40, power=2.0),
    "cosine": lambda optimizer: CosineAnnealingLR(optimizer, T_max=40),
}


@pytest.mark.parametrize("decay", DECAYS.values(), ids=DECAYS)
def test_chaining_multiplies(decay):
    """With a decay that multiplies, before it or after it, the rate is the product and jumps up in mid-decay."""
    alone = together(decay)
    for makes in ((low, decay), (decay, low)):
        rates = together(*makes)
        assert rates == pytest.approx([rate * (0.1 if t < 20 else 1) for t, rate in enumerate(alone)])
        assert rates[20] > 5 * rates[19]


def test_lambda_overwrites_or_spikes():
    """LambdaLR after ConstantLR: the low rate is lost. Before it: update 0 is low and update 20 ten times too high."""

    def decay(optimizer):
        return LambdaLR(optimizer, lambda step: 0.9**step)

    alone = together(decay)
    assert together(low, decay) == pytest.approx(alone)
    before = together(decay, low)
    assert before[1:20] + before[21:] == pytest.approx(alone[1:20] + alone[21:])
    assert (before[0], before[20]) == pytest.approx((0.1 * alone[0], 10 * alone[20]))


def test_warm_up_survives_a_sharp_start(evidence, monkeypatch):
    """At 0.5 the run diverges without warm-up and converges with either; at 0.3 and 0.17 it is faster without."""
    assert BASE == 0.5
    runs = evidence()
    assert len(runs["no warm-up"]["losses"]) == 3  # the figure: it explodes within three updates
    for name in ("ConstantLR", "LinearLR"):
        losses = runs[name]["losses"]
        assert len(losses) == STEPS
        assert losses[-1] < 1e-6
    for base in (0.3, 0.17):
        monkeypatch.setattr(experiment, "BASE", base)
        without, constant, ramp = (experiment.run(make)[1] for make in experiment.SCHEDULES.values())
        assert without[WARMUP] < min(constant[WARMUP], ramp[WARMUP])
        assert max(without[-1], constant[-1], ramp[-1]) < 1e-6


def test_base_rate_is_above_the_limit_only_at_the_start(evidence):
    """The base rate 0.5 is above 2 / sharpness at updates 0 to 6 of the constant warm-up, and at no later one."""
    limits = evidence()["ConstantLR"]["limits"]
    assert limits[0] < 0.14
    assert [t for t, limit in enumerate(limits) if limit < BASE] == list(range(7))
    assert len(limits) == STEPS > WARMUP == 20


def test_slower_than_a_ramp_here(evidence):
    """Before the jump the linear ramp, which is above the low rate, has the lower loss."""
    runs = evidence()
    assert runs["LinearLR"]["losses"][20] < 0.1 * runs["ConstantLR"]["losses"][20]
