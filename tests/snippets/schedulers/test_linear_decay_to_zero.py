"""Linear decay to zero: equal to its closed form, and the claims of its page."""

import functools

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

from snippets.schedulers.linear_decay_to_zero.evidence import BUDGETS, CURVATURES, PEAK, SCHEDULES, expected_loss, rates
from snippets.schedulers.linear_decay_to_zero.from_scratch import learning_rate
from snippets.schedulers.linear_decay_to_zero.use import make_scheduler
from tests.support.schedulers import assert_same_curve, curve_of, interrupted


@pytest.mark.parametrize("total_steps", [1, 7, 200])
def test_equals_the_closed_form(total_steps):
    """base * max(0, 1 - t / total), for two groups; the recursion's rounding is below 1e-12 of the base rate."""
    curve = curve_of(make_scheduler, 250, (0.1, 0.003), total_steps=total_steps)
    for t, row in enumerate(curve):
        expected = [learning_rate(t, lr, total_steps) for lr in (0.1, 0.003)]
        assert row == pytest.approx(expected, rel=1e-9, abs=1e-13)
    assert_same_curve(curve[: total_steps - 1], (0.1, 0.003), lambda t, lr: learning_rate(t, lr, total_steps))


def test_resumes():
    assert interrupted(make_scheduler, 150, 70, (0.1, 0.003))[0] == curve_of(make_scheduler, 150, (0.1, 0.003))[70:]


def test_last_update_still_learns():
    """The last of N updates has the rate base / N; zero comes only after the run."""
    rates_ = [row[0] for row in curve_of(make_scheduler, 201, total_steps=200)]
    assert rates_[199] == pytest.approx(0.1 / 200)
    assert rates_[200] == 0


@pytest.mark.parametrize(("w", "N"), [(1, 10), (20, 200), (100, 1000)])
def test_warmup_in_one_line(w, N):
    """A ramp to the peak in w updates, then the line, zero from N on, for two groups; without max negative after it."""

    def factor(t: int) -> float:
        return min((t + 1) / w, (N - t) / (N - w))

    past = curve_of(lambda optimizer: LambdaLR(optimizer, factor), N + 5)[N + 1 :]
    assert all(rate < 0 for (rate,) in past)
    curve = curve_of(lambda optimizer: LambdaLR(optimizer, lambda t: max(0, factor(t))), N + 5, (0.1, 0.003))
    for group, lr in enumerate((0.1, 0.003)):
        rates_ = [row[group] for row in curve]
        assert rates_[:w] == pytest.approx([lr * (t + 1) / w for t in range(w)])
        assert rates_[w:] == pytest.approx([learning_rate(t, lr, N - w) for t in range(N - w + 5)])
        assert max(rates_) == lr == rates_[w - 1] == rates_[w]
        assert rates_[N:] == [0] * 5


PEAKS = (0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.8, 1.5)


@functools.cache
def at_the_best_peak() -> list[dict[str, float]]:
    """For each budget, the loss of each schedule at the best of nine peaks."""
    tuned = []
    for budget in BUDGETS:
        factors = {name: torch.tensor(rates(make, budget)) / PEAK for name, make in SCHEDULES.items()}
        tuned.append({name: min(expected_loss((p * f).tolist()) for p in PEAKS) for name, f in factors.items()})
    return tuned


def test_zero_is_where_noise_goes(evidence):
    """Zero at the end beats a tenth at all budgets with the peak at 0.5; the two tie at their best peaks, and both beat
    the constant rate there, too.
    """
    assert BUDGETS == (50, 100, 200, 400, 800, 1600)
    for at in range(len(BUDGETS)):
        loss = {name: losses[at] for name, losses in evidence().items()}
        assert loss["linear to zero"] < loss["linear to a tenth"] < loss["constant"]
    for loss in at_the_best_peak():
        assert loss["linear to zero"] == pytest.approx(loss["linear to a tenth"], rel=0.05)
        assert max(loss["linear to zero"], loss["linear to a tenth"]) < loss["constant"]


def test_cosine_wins_when_there_is_time(evidence):
    """At the peak 0.5 linear ends lower than cosine up to 400 updates, cosine from 800 on; tuned, linear everywhere."""
    losses = evidence()
    for budget, linear, cosine in zip(BUDGETS, losses["linear to zero"], losses["cosine to zero"], strict=True):
        assert (linear < cosine) == (budget <= 400)
    assert all(loss["linear to zero"] < loss["cosine to zero"] for loss in at_the_best_peak())


@pytest.mark.parametrize("name", SCHEDULES)
def test_recursion_is_the_mean_of_many_runs(name):
    """The exact recursion of the evidence agrees with 20,000 sampled runs of SGD, to 3 % (their spread)."""
    torch.manual_seed(0)
    schedule = rates(SCHEDULES[name], 60)
    x = torch.ones(20_000, len(CURVATURES), dtype=torch.float64)
    for lr in schedule:
        x = x - lr * (CURVATURES * x + torch.randn_like(x))
    sampled = (CURVATURES * x**2).sum(1).mean().item() / 2
    assert sampled == pytest.approx(expected_loss(schedule), rel=0.03)
    assert schedule[0] == PEAK


def test_longer_run_needs_a_new_line():
    """A run that goes on after its budget has rate 0: its weights do not move any more."""
    p = nn.Parameter(torch.ones(3))
    optimizer = torch.optim.SGD([p], lr=0.1)
    scheduler = make_scheduler(optimizer, total_steps=10)
    for _ in range(10):
        p.grad = torch.ones(3)
        optimizer.step()
        scheduler.step()
    before = p.detach().clone()
    for _ in range(20):
        p.grad = torch.ones(3)
        optimizer.step()
        scheduler.step()
    assert torch.equal(p, before)


def test_epochs_for_batches_ends_at_once():
    """total_steps=30 meant as epochs, stepped at each batch: the rate is zero after 30 batches."""
    curve = curve_of(make_scheduler, 100, total_steps=30)
    assert all(row[0] > 0 for row in curve[:30])
    assert all(row[0] == 0 for row in curve[30:])
