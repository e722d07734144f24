"""SequentialLR: equal to its parts joined by hand, and the claims of its page."""

from itertools import chain, product

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import (
    ConstantLR,
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    CyclicLR,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    MultiplicativeLR,
    MultiStepLR,
    OneCycleLR,
    PolynomialLR,
    ReduceLROnPlateau,
    SequentialLR,
    StepLR,
)

from snippets.schedulers.sequential_lr.evidence import TOTAL, WARMUP
from snippets.schedulers.sequential_lr.from_scratch import learning_rate
from snippets.schedulers.sequential_lr.use import make_scheduler
from tests.support.schedulers import assert_same_curve, curve_of, interrupted


def sgd(lr: float = 0.1) -> torch.optim.SGD:
    return torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=lr)


@pytest.mark.parametrize("settings", [{}, {"warmup_steps": 10, "total_steps": 300}])
def test_equals_the_closed_form(settings):
    """Each part counts from its own milestone, for two groups, to 1e-12."""
    curve = curve_of(make_scheduler, 300, (0.1, 0.003), **settings)
    assert_same_curve(curve, (0.1, 0.003), lambda t, lr: learning_rate(t, lr, **settings))


PARTS = {
    "linear": lambda o: LinearLR(o, 0.1, total_iters=6),
    "constant": lambda o: ConstantLR(o, 0.5, 4),
    "exponential": lambda o: ExponentialLR(o, 0.9),
    "step": lambda o: StepLR(o, 3, 0.5),
    "multistep": lambda o: MultiStepLR(o, [2, 5], 0.5),
    "cosine": lambda o: CosineAnnealingLR(o, 12),
    "polynomial": lambda o: PolynomialLR(o, 10, 2.0),
    "lambda": lambda o: LambdaLR(o, lambda t: 1 / (t + 1)),
    "restarts": lambda o: CosineAnnealingWarmRestarts(o, 5),
}


def test_parts_run_alone():
    """All 729 sequences of three out of nine schedulers, milestones at 7 and 15, for two groups."""
    alone = {name: curve_of(part, 10, (0.1, 0.003)) for name, part in PARTS.items()}
    for names in product(PARTS, repeat=3):
        joined = curve_of(
            lambda o, names=names: SequentialLR(o, [PARTS[n](o) for n in names], [7, 15]), 25, (0.1, 0.003)
        )
        expected = [alone[name][:length] for name, length in zip(names, (7, 8, 10), strict=True)]
        torch.testing.assert_close(
            torch.tensor(joined, dtype=torch.float64),
            torch.tensor(list(chain.from_iterable(expected)), dtype=torch.float64),
            rtol=1e-12,
            atol=1e-15,
            msg=str(names),
        )


@pytest.mark.parametrize(
    ("cycle", "first"),
    [(lambda o: OneCycleLR(o, 1.0, total_steps=30), 0.04), (lambda o: CyclicLR(o, 0.01, 0.5, 5), 0.01)],
    ids=["OneCycleLR", "CyclicLR"],
)
def test_cycles_change_the_base(cycle, first):
    """After OneCycleLR or CyclicLR all nine parts run from its first learning rate; before OneCycleLR LinearLR does."""
    for name, part in PARTS.items():
        from_there = curve_of(part, 10, (first,))
        assert curve_of(part, 10, (0.1,)) != from_there
        joined = curve_of(lambda o, part=part: SequentialLR(o, [cycle(o), part(o)], [7]), 17, (0.1,))
        assert torch.allclose(torch.tensor(joined[7:]), torch.tensor(from_there), rtol=1e-6, atol=1e-12), name
    joined = curve_of(lambda o: SequentialLR(o, [PARTS["linear"](o), cycle(o)], [7]), 7, (0.1,))
    base = first if first == 0.04 else 0.1
    torch.testing.assert_close(torch.tensor(joined), torch.tensor(curve_of(PARTS["linear"], 7, (base,))))


def test_multiplicative_goes_on():
    """After 7 values of a ramp of 20, MultiplicativeLR multiplies the last of them, not the base learning rate."""

    def make(optimizer):
        parts = [LinearLR(optimizer, 0.1, total_iters=20), MultiplicativeLR(optimizer, lambda t: 0.9)]
        return SequentialLR(optimizer, parts, [7])

    curve = [row[0] for row in curve_of(make, 12)]
    assert curve[6] == pytest.approx(0.1 * (0.1 + 0.9 * 6 / 20))
    assert curve[7:] == pytest.approx([curve[6] * 0.9 ** (k + 1) for k in range(5)])


def test_rises_past_the_end():
    """50 updates past a run of 200 with 50 of warm-up: a quarter of the peak."""
    curve = [row[0] for row in curve_of(lambda o: make_scheduler(o, warmup_steps=50, total_steps=200), 251)]
    assert curve[200] == pytest.approx(0, abs=1e-9)
    assert curve[200:] == sorted(curve[200:])
    assert curve[250] / 0.1 == pytest.approx(0.25, rel=1e-12)


def test_resumes_across_the_milestone():
    """Stopped before, at and after the milestone at 50: the rest is bit for bit the same."""
    for at in (49, 50, 51, 120):
        rest = curve_of(make_scheduler, 200, (0.1, 0.003))[at:]
        assert interrupted(make_scheduler, 200, at, (0.1, 0.003))[0] == rest
        assert interrupted(make_scheduler, 200, at, (0.1, 0.003), built_last=True)[0] != rest


@pytest.mark.parametrize("milestone", [2.5, 5.25])
def test_fractional_milestone_is_not_a_start(milestone):
    """The part behind a milestone of 2.5 never has its step 0: it goes on from the warm-up's low rate, silently."""

    def sequence(decay, at):
        return lambda o: SequentialLR(o, [ConstantLR(o, 0.1, 100), decay(o)], [at])

    whole = int(milestone) + 1
    for decay in (lambda o: ExponentialLR(o, 0.9), lambda o: CosineAnnealingLR(o, 40)):
        right = [row[0] for row in curve_of(sequence(decay, whole), 30)]
        rates = [row[0] for row in curve_of(sequence(decay, milestone), 30)]
        assert right[whole] == pytest.approx(0.1)
        assert rates[:whole] == pytest.approx([0.01] * whole)
        assert rates[whole:] == pytest.approx(
            [0.1 * rate for rate in right[whole:]], rel=0.12
        )  # a step before or after
        assert rates[-1] < 0.5 * 0.01  # it does decay


def test_second_part_starts_at_its_own_zero():
    """The update whose number is the milestone has the second part's first rate: the peak."""
    curve = curve_of(make_scheduler, 60)
    assert curve[49][0] < 0.1
    assert curve[50][0] == pytest.approx(0.1, rel=1e-12)


def test_length_of_a_part_is_its_own(evidence):
    """T_max counts from the milestone: with the whole run as T_max the rate ends at 15 % of the peak."""
    optimizer = sgd()
    parts = [LinearLR(optimizer, 0.02, total_iters=WARMUP), CosineAnnealingLR(optimizer, T_max=TOTAL)]
    scheduler = SequentialLR(optimizer, parts, milestones=[WARMUP])
    for _ in range(TOTAL):
        last = scheduler.get_last_lr()[0]
        optimizer.step()
        scheduler.step()
    assert last / 0.1 == pytest.approx(0.152, abs=0.005)
    assert evidence()["SequentialLR"][-1] / 0.1 < 0.001


def test_chain_never_reaches_the_peak(evidence):
    """A ramp and a cosine over the whole run multiply in a ChainedScheduler: below 88 % of the peak."""
    assert max(evidence()["SequentialLR"]) == pytest.approx(0.1)
    assert max(evidence()["ChainedScheduler"]) < 0.088


def test_wrong_parts_are_refused():
    """One milestone fewer than parts, one optimizer for all, and no scheduler that needs a metric, in any place."""
    one = sgd()
    for parts, milestones in [(2, []), (2, [5, 10]), (3, [5]), (3, [5, 10, 15])]:
        with pytest.raises(ValueError, match="number of schedulers"):
            SequentialLR(one, [ConstantLR(one) for _ in range(parts)], milestones)
    for place in range(3):
        with pytest.raises(ValueError, match="optimizer"):
            SequentialLR(one, [ConstantLR(sgd() if i == place else one) for i in range(3)], [5, 10])
        with pytest.raises((ValueError, TypeError), match=r"ReduceLROnPlateau|metrics"):
            SequentialLR(one, [ReduceLROnPlateau(one) if i == place else ConstantLR(one) for i in range(3)], [5, 10])
    with pytest.raises(ValueError, match="optimizer"):
        SequentialLR(sgd(), [ConstantLR(one), ConstantLR(one)], milestones=[5])
