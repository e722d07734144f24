"""CyclicLR: equal to its closed form, and the claims of its page."""

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import CyclicLR

from snippets.schedulers.cyclic_lr import evidence as experiment
from snippets.schedulers.cyclic_lr.from_scratch import learning_rate
from snippets.schedulers.cyclic_lr.use import make_scheduler
from tests.support.schedulers import assert_same_curve, curve_of, interrupted


@pytest.mark.parametrize("settings", [{}, {"mode": "triangular2"}, {"mode": "exp_range", "gamma": 0.99}])
def test_equals_the_closed_form(settings):
    """low + (high - low) * height * shrink, for two groups, to 1e-12; the groups' own rates do not matter."""
    curve = curve_of(make_scheduler, 300, (0.1, 0.003), **settings)
    assert_same_curve(curve, (0.1, 0.003), lambda t, lr: learning_rate(t, lr, **settings))


@pytest.mark.parametrize("settings", [{}, {"mode": "triangular2"}, {"mode": "exp_range", "gamma": 0.99}])
def test_resumes(settings):
    """In the three modes, stopped on a slope, at a top and at a bottom, for two groups.

    A scheduler made after the optimizer's state was loaded gives the first update the lower bound.
    """
    whole = curve_of(make_scheduler, 200, (0.1, 0.003), **settings)
    for at in (20, 40, 80, 130):
        assert interrupted(make_scheduler, 200, at, (0.1, 0.003), **settings)[0] == whole[at:]
        late = interrupted(make_scheduler, 200, at, (0.1, 0.003), built_last=True, **settings)[0]
        assert late == [whole[0], *whole[at + 1 :]]


def test_heights():
    """Tops at updates 40, 120, 200: the same in triangular, halved each time above the lower bound in triangular2."""
    plain = [row[0] for row in curve_of(make_scheduler, 201)]
    halving = [row[0] for row in curve_of(make_scheduler, 201, mode="triangular2")]
    assert [plain[t] for t in (40, 120, 200)] == pytest.approx([0.1, 0.1, 0.1])
    assert [halving[t] for t in (40, 120, 200)] == pytest.approx([0.1, 0.055, 0.0325])


def test_momentum_is_cycled_by_default():
    """Momentum and Adam's first beta: 0.9 at the bottom, 0.8 at the top; none is refused, and 0 becomes 0.9."""
    weights = [nn.Parameter(torch.zeros(1))]
    for make, read in (
        (lambda: torch.optim.SGD(weights, lr=0.1, momentum=0.99), lambda group: group["momentum"]),
        (lambda: torch.optim.SGD(weights, lr=0.1), lambda group: group["momentum"]),
        (lambda: torch.optim.Adam(weights), lambda group: group["betas"][0]),
    ):
        optimizer = make()
        scheduler = CyclicLR(optimizer, 0.01, 0.1, step_size_up=10)
        seen = []
        for _ in range(21):
            seen.append(read(optimizer.param_groups[0]))
            optimizer.step()
            scheduler.step()
        assert (seen[0], seen[10], seen[20]) == pytest.approx((0.9, 0.8, 0.9))
        assert seen[:11] == sorted(seen[:11], reverse=True)
    adagrad = torch.optim.Adagrad(weights)
    with pytest.raises(
        ValueError, match="optimizer must support momentum or beta1 with `cycle_momentum` option enabled"
    ):
        CyclicLR(adagrad, 0.01, 0.1)
    make_scheduler(adagrad)


def test_default_half_cycle_is_2000_updates():
    """With torch's own step_size_up a run of 1000 updates only climbs, to half of the height."""
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    scheduler = CyclicLR(optimizer, 0.0, 0.1, cycle_momentum=False)
    rates = []
    for _ in range(1000):
        rates.append(scheduler.get_last_lr()[0])
        optimizer.step()
        scheduler.step()
    assert rates == sorted(rates)
    assert rates[-1] == pytest.approx(0.05, rel=0.01)


def test_per_epoch_steps_crawl():
    """step_size_up in batches, stepped once in each of 20 epochs: below half of the height in all, then half."""
    rates = [row[0] for row in curve_of(make_scheduler, 21)]
    assert max(rates[:20]) < 0.055 - 1e-6
    assert rates[20] == pytest.approx(0.055)


@pytest.fixture
def scaled(monkeypatch):
    """A function of a factor for both bounds and a schedule: losses of the experiment's runs (seeds, updates)."""

    def run(factor: float, name: str) -> torch.Tensor:
        monkeypatch.setattr(experiment, "LOW", 0.01 * factor)
        monkeypatch.setattr(experiment, "HIGH", 0.8 * factor)
        return torch.tensor([experiment.train(experiment.SCHEDULES[name], seed)[1] for seed in experiment.SEEDS])

    assert (experiment.LOW, experiment.HIGH) == (0.01, 0.8)
    return run


def test_loss_is_worse_at_the_top(evidence, scaled):
    """On digits the loss at the top of the third triangle is over 1.5 times that of the bottom before and after it.

    With bounds a third as high it is lower than at the bottom before.
    """
    triangular = evidence()["triangular"]
    assert triangular[199] > 1.5 * triangular[159]
    assert triangular[199] > 1.5 * triangular[239]
    low = scaled(1 / 3, "triangular").median(0).values
    assert low[239] < low[199] < low[159]


def test_shrinking_triangles_learn_less_here(evidence, scaled):
    """At the end of 240 updates the two shrinking modes have the higher loss; at three times the bounds exp_range has
    the lowest mean loss, and even triangles and the cosine end above 2, near random guessing.
    """
    losses = evidence()
    assert losses["triangular"][-1] < losses["triangular2"][-1] < losses["exp_range 0.99"][-1]
    high = {name: scaled(3, name)[:, -1].mean().item() for name in experiment.SCHEDULES}
    assert min(high, key=high.__getitem__) == "exp_range 0.99"
    assert min(high["triangular"], high["cosine"]) > 2


def test_no_better_than_cosine_here(evidence):
    """Triangular and cosine end within a factor of two of each other; halfway, at 120 updates, cosine is ahead."""
    losses = evidence()
    assert 1 / 2 < losses["triangular"][-1] / losses["cosine"][-1] < 2
    assert losses["cosine"][119] < losses["triangular"][119] / 2
