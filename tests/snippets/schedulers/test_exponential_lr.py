"""ExponentialLR: equal to its closed form, and the claims of its page."""

import math

import pytest
import torch

from snippets.schedulers.exponential_lr.from_scratch import learning_rate
from snippets.schedulers.exponential_lr.use import make_scheduler
from tests.support.schedulers import assert_same_curve, curve_of, interrupted


@pytest.mark.parametrize("gamma", [0.9, 0.98, 0.9999, 1.0])
def test_equals_the_closed_form(gamma):
    """The product of 300 gammas is gamma ** 300, to 1e-12, for two groups."""
    curve = curve_of(make_scheduler, 300, (0.1, 0.003), gamma=gamma)
    assert_same_curve(curve, (0.1, 0.003), lambda t, lr: learning_rate(t, lr, gamma=gamma))


def test_resumes():
    assert interrupted(make_scheduler, 150, 70, (0.1,))[0] == curve_of(make_scheduler, 150)[70:]


@pytest.mark.parametrize("share", [0.5, 0.1, 0.01, 1e-4, 100.0])
@pytest.mark.parametrize("steps", [1, 7, 200])
def test_gamma_from_the_last_rate(share, steps):
    """gamma = r ** (1 / n) gives r times the base rate after n steps."""
    curve = curve_of(make_scheduler, steps + 1, gamma=share ** (1 / steps))
    assert curve[steps][0] == pytest.approx(0.1 * share)


def test_half_life():
    """The rate halves every log 2 / -log gamma steps, from whatever step on: 34 for 0.98."""
    assert round(math.log(2) / -math.log(0.98)) == 34
    for steps in (1, 7, 34, 90):
        gamma = 2 ** (-1 / steps)
        assert math.log(2) / -math.log(gamma) == pytest.approx(steps)
        rates = [row[0] for row in curve_of(make_scheduler, 300, gamma=gamma)]
        assert rates[steps:] == pytest.approx([rate / 2 for rate in rates[:-steps]], rel=1e-12, abs=0)


def test_reach_is_bounded(evidence):
    """All rates of an endless run sum up to base / (1 - gamma): 1.0 for 0.1 and 0.9, so 2.0 of the way 3.0 are left."""
    walks = evidence()
    assert sum(walks["0.9"]["rates"]) == pytest.approx(0.1 / (1 - 0.9))
    assert walks["0.9"]["left"][-1] == pytest.approx(2.0)
    for gamma in ("0.98", "0.995"):  # within one step of the minimum
        assert 0 <= walks[gamma]["left"][-1] < walks[gamma]["rates"][-1]


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("gamma", [0.5, 0.9, 0.99])
@pytest.mark.parametrize("nearly", [False, True])
def test_travel_is_bounded(gamma, momentum, nearly):
    """SGD's whole path is at most G * base / (1 - gamma) / (1 - momentum): for gradients that turn, or do not."""
    size, base = 3.0, 0.1
    torch.manual_seed(0)
    x = torch.nn.Parameter(torch.zeros(5, dtype=torch.float64))
    optimizer = torch.optim.SGD([x], lr=base, momentum=momentum)
    scheduler = make_scheduler(optimizer, gamma=gamma)
    path = 0.0
    for _ in range(round(15 / (1 - gamma))):  # less than 1e-6 of the learning rate is left
        before = x.detach().clone()
        gradient = torch.ones_like(x) if nearly else torch.randn_like(x)
        x.grad = size * gradient / gradient.norm()
        optimizer.step()
        scheduler.step()
        path += (x.detach() - before).norm().item()
    plain = size * base / (1 - gamma)
    assert path <= plain / (1 - momentum) * (1 + 1e-9)  # rounded sums
    if nearly:  # one direction throughout: plain SGD comes as far as that, momentum farther
        assert path == pytest.approx(plain) if momentum == 0 else path > 1.2 * plain


def test_per_batch_freezes():
    """gamma=0.95 meant per epoch, stepped at each of 500 batches: after one epoch 7e-12 of the rate is left."""
    left = curve_of(make_scheduler, 501, gamma=0.95)[500][0] / 0.1
    assert left == pytest.approx(7.3e-12, rel=0.02)


def test_per_batch_gamma():
    """The 500th root of gamma gives the same decay per epoch."""
    assert curve_of(make_scheduler, 501, gamma=0.95 ** (1 / 500))[500][0] == pytest.approx(0.095)


def test_chained_with_itself_multiplies():
    """A second ExponentialLR on the same optimizer squares the decay."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
    first, second = make_scheduler(optimizer, gamma=0.9), make_scheduler(optimizer, gamma=0.9)
    for _ in range(10):
        optimizer.step()
        first.step()
        second.step()
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.1 * 0.81**10)
    assert first.get_last_lr() != second.get_last_lr()  # the first one's report is already out of date


def test_gamma_above_one_is_not_refused():
    """torch does not check gamma: 1.1 grows the rate over ten thousandfold in a hundred steps."""
    assert curve_of(make_scheduler, 101, gamma=1.1)[100][0] > 10_000 * 0.1
