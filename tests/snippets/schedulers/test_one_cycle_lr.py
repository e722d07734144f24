"""OneCycleLR: equal to its closed form, and the claims of its page."""

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import OneCycleLR

from snippets.schedulers.one_cycle_lr.evidence import PEAKS
from snippets.schedulers.one_cycle_lr.from_scratch import learning_rate
from snippets.schedulers.one_cycle_lr.use import make_scheduler
from tests.support.schedulers import assert_same_curve, curve_of, interrupted


@pytest.mark.parametrize("settings", [{}, {"total_steps": 100, "pct_start": 0.25}, {"max_lr": 0.4, "div_factor": 10.0}])
def test_equals_the_closed_form(settings):
    """Two halves of a cosine, for two groups, to 1e-12; the groups' own rates do not matter."""
    curve = curve_of(make_scheduler, settings.get("total_steps", 250), (0.1, 0.003), **settings)
    assert_same_curve(curve, (0.1, 0.003), lambda t, lr: learning_rate(t, lr, **settings))


def test_resumes():
    for at in (20, 74, 200):
        assert interrupted(make_scheduler, 240, at, (0.1,))[0] == curve_of(make_scheduler, 240)[at:]


def test_first_peak_last():
    """The first rate is peak / 25, the peak comes at update 74 of 250, the last rate is peak / 250,000."""
    rates = [row[0] for row in curve_of(make_scheduler, 250)]
    assert rates[0] == pytest.approx(0.1 / 25)
    assert rates.index(max(rates)) == 74
    assert max(rates) == pytest.approx(0.1)
    assert rates[249] == pytest.approx(0.1 / 250_000)


def test_peak_between_two_updates_is_missed():
    """Where pct_start * total_steps - 1 is no whole number, no update has the peak itself."""
    rates = [row[0] for row in curve_of(make_scheduler, 11, total_steps=11)]
    assert max(rates) < 0.1
    assert max(rates) > 0.09


def test_momentum_mirrors_the_rate(evidence):
    """Momentum is 0.95 at both ends and 0.85 at the peak; the optimizer's own 0.9 is overwritten."""
    rates, momenta = evidence()["rates"], evidence()["momenta"]
    assert momenta[0] == pytest.approx(0.95)
    assert momenta[-1] == pytest.approx(0.95)
    assert momenta[rates.index(max(rates))] == pytest.approx(0.85)


def test_adams_first_beta_is_cycled():
    """With Adam the first beta takes the part of momentum; an optimizer with neither is refused."""
    adam = torch.optim.Adam([nn.Parameter(torch.zeros(1))])
    make_scheduler(adam)
    assert adam.param_groups[0]["betas"][0] == pytest.approx(0.95)
    adagrad = torch.optim.Adagrad([nn.Parameter(torch.zeros(1))])
    with pytest.raises(ValueError, match="momentum"):
        make_scheduler(adagrad)


def test_the_groups_rate_is_overwritten():
    """The optimizer's lr has no effect: only max_lr counts."""
    assert curve_of(make_scheduler, 250, (0.1,)) == curve_of(make_scheduler, 250, (7.0,))


def test_a_list_of_peaks_for_groups():
    """A list gives each group its own peak; one number gives all groups the same."""
    groups = [{"params": [nn.Parameter(torch.zeros(1))], "lr": 1.0} for _ in range(2)]
    optimizer = torch.optim.SGD(groups, momentum=0.9)
    OneCycleLR(optimizer, max_lr=[0.1, 0.01], total_steps=100)
    assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([0.004, 0.0004])


def test_a_step_too_many_raises():
    """The run of total_steps updates may call step() that often; the next call raises ValueError."""
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1, momentum=0.9)
    scheduler = make_scheduler(optimizer, total_steps=10)
    for _ in range(10):
        optimizer.step()
        scheduler.step()
    with pytest.raises(ValueError, match="Tried to step 11 times"):
        scheduler.step()


def test_per_epoch_steps_never_reach_the_peak():
    """total_steps counted in batches, step() called once in each of 20 epochs of 100: it stays under 5 %."""
    rates = [row[0] for row in curve_of(make_scheduler, 20, total_steps=2000)]
    assert max(rates) < 0.05 * 0.1


@pytest.fixture(scope="module")
def losses(evidence):
    """Schedule and peak -> median loss of three seeds."""
    names = ("one cycle", "cosine", "constant")
    return {(name, peak): loss for name in names for peak, loss in zip(PEAKS, evidence()[name], strict=True)}


def test_bears_a_peak_that_a_constant_rate_does_not(losses):
    """At a peak of 0.3 one cycle learns digits and the constant rate does not, in the median of three seeds."""
    assert losses["one cycle", 0.3] < 0.2
    assert losses["constant", 0.3] > 1.0


def test_no_better_than_cosine_here(losses):
    """At peaks of 0.1 and 0.3 one cycle and cosine are within 40 % of each other; at 1.0 neither learns."""
    for peak in (0.1, 0.3):
        assert 1 / 1.4 < losses["one cycle", peak] / losses["cosine", peak] < 1.4
    assert min(losses["one cycle", 1.0], losses["cosine", 1.0]) > 2
