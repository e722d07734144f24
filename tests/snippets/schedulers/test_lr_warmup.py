"""Linear warm-up: equal to its closed form, and the claims of its page."""

import itertools
import math

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import ChainedScheduler, LinearLR, MultiStepLR, SequentialLR

from snippets.schedulers.lr_warmup.evidence import RATES, WARMUP, adaptive_rate_spread, train
from snippets.schedulers.lr_warmup.from_scratch import learning_rate
from snippets.schedulers.lr_warmup.use import make_scheduler
from tests.support.schedulers import assert_same_curve, curve_of, interrupted, new_run, per_epoch

LENGTHS = [1, 2, 3, 7, 40, 100, 1000]


@pytest.mark.parametrize("warmup_steps", LENGTHS)
def test_equals_the_closed_form(warmup_steps):
    """LinearLR(start_factor=1/w, total_iters=w-1) is base * min(1, (t+1)/w), to 1e-12, for three groups."""
    rates = (0.1, 0.003, 2.0)
    curve = curve_of(make_scheduler, 1200, rates, warmup_steps=warmup_steps)
    assert_same_curve(curve, rates, lambda t, lr: learning_rate(t, lr, warmup_steps=warmup_steps))


@pytest.mark.parametrize("warmup_steps", LENGTHS)
def test_first_and_last_of_the_ramp(warmup_steps):
    """Update 0 uses base/w; update w-1 is the first with the full learning rate, and all after it keep it."""
    rates = [row[0] for row in curve_of(make_scheduler, 1200, warmup_steps=warmup_steps)]
    assert rates[0] == pytest.approx(0.1 / warmup_steps)
    assert all(rate < 0.0999 for rate in rates[: warmup_steps - 1])
    assert rates[warmup_steps - 1 :] == pytest.approx([0.1] * (1201 - warmup_steps))


@pytest.mark.parametrize("w", [2, 10, 100])
def test_total_iters_is_off_by_one(w):
    """total_iters=w makes the ramp one update longer and flatter: w+1 values, the full rate at update w."""
    rates = [r[0] for r in curve_of(lambda o: LinearLR(o, start_factor=1 / w, total_iters=w), w + 2)]
    ours = [learning_rate(t, warmup_steps=w) for t in range(w + 2)]
    assert rates[0] == pytest.approx(ours[0])
    assert all(late < right * (1 - 1e-6) for late, right in zip(rates[1:w], ours[1:w], strict=True))
    assert rates[w - 1] < 0.0999
    assert rates[w:] == pytest.approx([0.1, 0.1])


@pytest.mark.parametrize("w", [10, 100])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.8])
def test_early_milestone_jumps(w, share):
    """A milestone below total_iters: from a ramp that is not at its end to the full rate at once; at w no jump."""

    def rates(milestone):
        def make(o):
            ramp = LinearLR(o, start_factor=1 / w, total_iters=w - 1)
            return SequentialLR(o, [ramp, MultiStepLR(o, [1000])], milestones=[milestone])

        return [row[0] for row in curve_of(make, w + 5)]

    milestone, step = round(share * w), 0.1 / w
    early = rates(milestone)
    assert early[:milestone] == pytest.approx([learning_rate(t, warmup_steps=w) for t in range(milestone)])
    assert early[milestone:] == pytest.approx([0.1] * (w + 5 - milestone))
    assert early[milestone] - early[milestone - 1] > 1.9 * step
    right = rates(w)
    assert max(b - a for a, b in itertools.pairwise(right)) == pytest.approx(step)


def test_detectron2_is_linear_lr():
    """Detectron2's ramp, factor * (1 - a) + a with a = t / WARMUP_ITERS, is LinearLR(factor, total_iters=iters)."""
    for factor, iters in [(0.001, 1000), (0.001, 100), (1 / 3, 500)]:
        rates = [
            r[0] for r in curve_of(lambda o, f=factor, n=iters: LinearLR(o, start_factor=f, total_iters=n), iters + 5)
        ]
        want = [0.1 * (factor * (1 - min(1, t / iters)) + min(1, t / iters)) for t in range(iters + 5)]
        assert rates == pytest.approx(want, rel=1e-9)


def test_default_start_factor_is_a_third():
    """LinearLR's defaults are hardly a warm-up: a third of the rate at once, all of it after five updates."""
    rates = [r[0] for r in curve_of(lambda o: LinearLR(o), 7)]
    assert rates[0] == pytest.approx(0.1 / 3)
    assert rates[5] == pytest.approx(0.1)


def test_start_factor_zero_is_refused():
    """LinearLR cannot start at zero, because it multiplies; a first update with rate 0 would be lost anyway."""
    with pytest.raises(ValueError, match="Starting multiplicative factor expected to be greater than 0"):
        curve_of(lambda o: LinearLR(o, start_factor=0.0, total_iters=10), 3)


@pytest.mark.parametrize("at", [1, 40, 99, 100, 130])
def test_resumes(at):
    """Stopped within, at the end of and after 100 updates of warm-up: the rest is bit for bit the same.

    Made after the optimizer's state was loaded, the scheduler multiplies by its first factor: all the rest is too low.
    """
    whole = curve_of(make_scheduler, 150, (0.1, 0.003))
    assert interrupted(make_scheduler, 150, at, (0.1, 0.003))[0] == whole[at:]
    late, _ = interrupted(make_scheduler, 150, at, (0.1, 0.003), built_last=True)
    assert all(
        low < 0.5 * right
        for row, good in zip(late, whole[at:], strict=True)
        for low, right in zip(row, good, strict=True)
    )


def test_per_epoch_step_stretches_the_ramp():
    """Stepped once per epoch of 50 batches, warmup_steps=10 reaches the full rate at update 450 instead of update 9."""
    assert curve_of(make_scheduler, 10, warmup_steps=10)[9][0] == pytest.approx(0.1)
    rates = per_epoch(*new_run(make_scheduler, (0.1,), warmup_steps=10), 10, 50)
    assert rates[:50] == [pytest.approx(0.01)] * 50
    assert rates[449] < 0.0999
    assert rates[450] == pytest.approx(0.1)


@pytest.mark.parametrize("decay_made_first", [True, False])
@pytest.mark.parametrize("w", [2, 10, 40])
def test_where_milestones_count_from(w, decay_made_first):
    """A drop at 50 comes at update w + 50 in a SequentialLR, and at update 50 in a ChainedScheduler."""

    def parts(optimizer):
        makers = [lambda: make_scheduler(optimizer, w), lambda: MultiStepLR(optimizer, [50])]
        return [make() for make in reversed(makers)][::-1] if decay_made_first else [make() for make in makers]

    def in_sequence(optimizer):
        return SequentialLR(optimizer, parts(optimizer), milestones=[w])

    def in_chain(optimizer):
        return ChainedScheduler(parts(optimizer))

    for make, drop in ((in_sequence, w + 50), (in_chain, 50)):
        rates = [row[0] for row in curve_of(make, 120)]
        assert rates[:drop] == pytest.approx([learning_rate(t, warmup_steps=w) for t in range(drop)])
        assert rates[drop:] == pytest.approx([0.01] * (120 - drop))


@pytest.mark.parametrize(("w", "n"), [(1, 20), (10, 100), (28, 282)])
def test_line_to_zero_after_the_warmup(w, n):
    """Up in w updates, then a line that is at 0 at update n, and stays there."""

    def make(optimizer):
        decay = LinearLR(optimizer, 1.0, 0.0, total_iters=n - w)
        return SequentialLR(optimizer, [make_scheduler(optimizer, w), decay], milestones=[w])

    rates = [row[0] for row in curve_of(make, n + 5)]
    want = [0.1 * max(0, min((t + 1) / w, (n - t) / (n - w))) for t in range(n + 5)]
    assert rates == pytest.approx(want, rel=1e-9, abs=1e-15)
    assert rates[n - 1] > 0 == rates[n]


def first_adam_step(gradient: float, lr: float = 0.01) -> float:
    """How far Adam's first update moves a weight, as a share of the learning rate."""
    p = nn.Parameter(torch.zeros(1, dtype=torch.float64))
    p.grad = torch.full_like(p, gradient)
    torch.optim.Adam([p], lr=lr).step()
    return -p.item() / lr


def test_adam_first_update_is_the_rate():
    """Adam's first update is lr * g / (|g| + eps): the full rate to 1 % for |g| from 1e-6 to 1e6, half of it at eps."""
    for size in [10.0**power for power in range(-10, 7)]:
        for sign in (1, -1):
            moved = first_adam_step(sign * size)
            assert moved == pytest.approx(sign * size / (size + 1e-8), rel=1e-6)
            if size >= 0.99e-6:
                assert abs(moved) == pytest.approx(1, rel=0.01)
    assert first_adam_step(1e-8) == pytest.approx(0.5)
    assert torch.optim.Adam([torch.zeros(1)]).defaults["eps"] == 1e-8


def test_adam_early_steps_vary():
    """Unit normal gradients, beta2 0.999: 1/sqrt(v) has standard deviation 0.5 at update 5 and 0.05 at update 200."""
    spread = adaptive_rate_spread(200, draws=20000, beta2=0.999)
    assert spread[4] == pytest.approx(0.5, rel=0.1)
    assert spread[199] == pytest.approx(0.05, rel=0.1)
    assert spread[199] == pytest.approx(math.sqrt(1 / (2 * 200)), rel=0.1)  # delta method
    assert adaptive_rate_spread(200, draws=20000, beta2=0.95)[199] > 0.1  # a shorter average stays noisy


def at_rate(evidence, lr):
    """Losses of the twenty networks at a base rate: without warm-up and with 40 updates of it."""
    return torch.tensor([evidence()[name][lr] for name in ("no warm-up", "40 updates of warm-up")])


def test_widens_the_range_of_rates(evidence):
    """At 0.06 the median is above 1.5 without warm-up and below 0.4 with it; at 0.1 none trains without, some with it.

    To train is to end below half the loss of random guessing, ln 10. How many of the twenty do so at 0.1 with
    warm-up depends on their draws.
    """
    without, with_warmup = at_rate(evidence, "0.06")
    assert len(without) == len(with_warmup) == 20
    assert without.median() > 1.5
    assert with_warmup.median() < 0.4
    without, with_warmup = at_rate(evidence, "0.1")
    assert without.min() > math.log(10) / 2
    assert with_warmup.min() < math.log(10) / 2 < with_warmup.max()
    for lr in RATES[1:]:  # the figure's curves separate above 0.01
        assert at_rate(evidence, str(lr))[0].median() > 1.3 * at_rate(evidence, str(lr))[1].median()


def test_does_not_help_at_a_low_rate(evidence):
    """At rate 0.01 warm-up changes the median loss by less than a quarter."""
    without, with_warmup = at_rate(evidence, "0.01").median(1).values
    assert 0.75 * without < with_warmup < 1.25 * without


def test_proper_initialization_needs_none():
    """With weights of the right size all twenty end below 0.5 at every rate without warm-up, about as with it."""
    for lr in RATES:
        without, with_warmup = train(lr, 1, scale=1.0), train(lr, WARMUP, scale=1.0)
        assert len(without) == 20
        assert without.max() < 0.5
        assert without.median() < 1.25 * with_warmup.median()
