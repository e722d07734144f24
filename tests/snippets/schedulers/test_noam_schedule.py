"""Inverse square root schedule: the paper's formula, the form with a peak of one's own, and the claims of the page."""

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

from snippets.schedulers.noam_schedule.evidence import Run, constant, inverse_sqrt, open_ended
from snippets.schedulers.noam_schedule.from_scratch import learning_rate
from snippets.schedulers.noam_schedule.use import make_scheduler
from tests.support.schedulers import assert_same_curve, curve_of, interrupted


def optimizer_at(lr: float) -> torch.optim.Optimizer:
    return torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=lr)


@pytest.mark.parametrize(("warmup", "d_model"), [(1, None), (10, None), (100, 512), (7, 64)])
def test_equals_the_closed_form(warmup, d_model):
    """With a peak of one's own and in the paper's form: every rate of 300 updates, for two groups, to 1e-12."""
    settings = {"warmup_steps": warmup, "d_model": d_model}
    curve = curve_of(make_scheduler, 300, (0.1, 0.003), **settings)
    assert_same_curve(curve, (0.1, 0.003), lambda t, lr: learning_rate(t, lr, **settings))


def test_closed_form_is_the_papers_equation():
    for number in (1, 2, 99, 100, 101, 5000):
        wanted = 512**-0.5 * min(number**-0.5, number * 100**-1.5)
        assert learning_rate(number - 1, 1.0, 100, 512) == pytest.approx(wanted, rel=1e-14)


def test_peak_at_the_warm_up():
    """The highest rate is that of update number w, (d w)^-0.5: 0.0007 for the paper's base model."""
    rates = [row[0] for row in curve_of(make_scheduler, 300, (1.0,), warmup_steps=60, d_model=128)]
    assert max(range(300), key=rates.__getitem__) == 59
    assert rates[59] == pytest.approx((128 * 60) ** -0.5, rel=1e-12)
    assert learning_rate(3999, 1.0, 4000, 512) == pytest.approx(0.0007, rel=0.002)


def test_half_after_four_times():
    """Beyond the warm-up, four times as many updates halve the rate."""
    rates = [row[0] for row in curve_of(make_scheduler, 300, warmup_steps=10)]
    for number in (10, 20, 70):
        assert rates[4 * number - 1] == pytest.approx(rates[number - 1] / 2, rel=1e-12)


def test_longer_warm_up_lowers_the_peak():
    """In the paper's form four times the warm-up halves the peak; with a peak of one's own it stays."""
    for d_model, ratio in ((512, 0.5), (None, 1.0)):
        short, long = (
            max(row[0] for row in curve_of(make_scheduler, 300, warmup_steps=w, d_model=d_model)) for w in (30, 120)
        )
        assert long / short == pytest.approx(ratio, rel=1e-12)


def test_never_zero():
    """A fifth of the peak is left after 25 times the warm-up, a tenth after 100 times."""
    rates = [row[0] for row in curve_of(make_scheduler, 500, warmup_steps=5)]
    assert rates[25 * 5 - 1] == pytest.approx(0.1 / 5, rel=1e-12)
    assert rates[100 * 5 - 1] == pytest.approx(0.1 / 10, rel=1e-12)


@pytest.mark.parametrize("d_model", [None, 512])
@pytest.mark.parametrize("at", [5, 20, 120])
def test_resumes(at, d_model):
    """Stopped within the warm-up, at its end, or later: the rest is bit for bit the same."""
    settings = {"warmup_steps": 20, "d_model": d_model}

    def make(optimizer):
        return make_scheduler(optimizer, **settings)

    whole = curve_of(make, 200, (0.1, 0.003))
    rest, _ = interrupted(make, 200, at, (0.1, 0.003))
    assert rest == whole[at:]
    late, _ = interrupted(make, 200, at, (0.1, 0.003), built_last=True)  # made after the optimizer's state
    assert late == [whole[0], *whole[at + 1 :]]


def test_lr_multiplies_the_formula():
    """The paper's form under lr=1e-3: a peak of 7e-7 instead of 7e-4."""
    for lr, peak in ((1.0, 7e-4), (1e-3, 7e-7)):
        scheduler = make_scheduler(optimizer_at(lr), warmup_steps=4000, d_model=512)
        assert 4000 * scheduler.get_last_lr()[0] == pytest.approx(peak, rel=0.01)  # 1 / w of the peak


def test_step_zero_divides_by_zero():
    """The paper's equation written into LambdaLR as it stands fails when the scheduler is made."""
    with pytest.raises(ZeroDivisionError):
        LambdaLR(optimizer_at(1.0), lambda step: 512**-0.5 * min(step**-0.5, step * 4000**-1.5))


def test_rejects_nonsense():
    for arguments in ({"warmup_steps": 0}, {"d_model": 0}, {"warmup_steps": -3}):
        with pytest.raises(ValueError, match="warmup_steps"):
            make_scheduler(optimizer_at(0.1), **arguments)


@pytest.fixture(scope="module")
def losses(evidence):
    """Test losses after 75, 150, 300 and 600 updates: at a constant rate, at an inverse square root, of cosine runs."""
    constant, inverse, cosine = evidence().values()
    return {
        "constant": constant["one run"],
        "inverse": inverse["one run"],
        "cooled": inverse["last fifth to zero"],
        "cosine": cosine["a run for each length"],
    }


def test_lower_than_constant(losses):
    """After 300 and after 600 updates the loss is below that of a constant rate, the best of four rates; three draws.

    The experiment's 0.016 is too high for a constant rate: 0.004 is better after 600 updates, 0.002 no better.
    """
    watches = [dict(open_ended(lr, constant)[0]) for lr in (0.002, 0.004, 0.008)]
    for place, length in ((2, 300), (3, 600)):
        best = min(losses["constant"][place], *(watch[length] for watch in watches))
        assert losses["inverse"][place] < best
    assert watches[1][600] < losses["constant"][3]
    for seed in (1, 2):
        runs = [Run(lr, seed) for lr in (0.002, 0.004, 0.008, 0.016)]
        ours = Run(0.016, seed)
        for length in (300, 600):
            best = min(run.go(length, constant).test_loss() for run in runs)
            assert ours.go(length, inverse_sqrt).test_loss() < 0.99 * best


def test_near_the_planned_cosine(losses):
    """At no length is a cosine run planned for it more than 8 % lower."""
    assert all(ours <= theirs / 0.92 for ours, theirs in zip(losses["inverse"], losses["cosine"], strict=True))


def test_a_short_fall_closes_the_gap(losses):
    """The last fifth of 600 updates falling to zero: lower than without, and within 4 % of the cosine run."""
    assert losses["cooled"][3] < losses["inverse"][3]
    assert losses["cooled"][3] == pytest.approx(losses["cosine"][3], rel=0.04)
