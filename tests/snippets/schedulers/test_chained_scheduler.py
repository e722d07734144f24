"""ChainedScheduler: equal to the product of its factors where that holds, and the claims of its page."""

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import (
    ChainedScheduler,
    ConstantLR,
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    ExponentialLR,
    LambdaLR,
    LinearLR,
    OneCycleLR,
    ReduceLROnPlateau,
    StepLR,
)

from snippets.schedulers.chained_scheduler.evidence import PAIRS, STEPS, product, rates
from snippets.schedulers.chained_scheduler.from_scratch import learning_rate
from snippets.schedulers.chained_scheduler.use import make_scheduler
from tests.support.schedulers import assert_same_curve, curve_of, interrupted


def sgd() -> torch.optim.SGD:
    return torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)


def test_equals_the_closed_form():
    """base * (factor or 1) * gamma**t for two groups, to 1e-12."""
    curve = curve_of(make_scheduler, 300, (0.1, 0.003))
    assert_same_curve(curve, (0.1, 0.003), learning_rate)


def test_resumes():
    """In the middle of the low start, at its end and later; made after the optimizer's state, a tenth is left."""
    for at in (5, 20, 100):
        rest = curve_of(make_scheduler, 150)[at:]
        assert interrupted(make_scheduler, 150, at, (0.1,))[0] == rest
        late = interrupted(make_scheduler, 150, at, (0.1,), built_last=True)[0]
        assert [row[0] for row in late] == pytest.approx([0.1 * row[0] for row in rest])


def test_decay_does_not_wait():
    """When the low start ends after 20 steps, the decay has already taken 18 % off."""
    assert curve_of(make_scheduler, 21)[20][0] / 0.1 == pytest.approx(0.818, abs=0.001)


@pytest.mark.parametrize("name", ["Constant, Exponential", "Step, Exponential", "Constant, Cosine"])
def test_chains_of_the_figure_multiply(evidence, name):
    """Schedulers that change the current rate by a factor multiply, to 1e-9 of the base rate (120 rounded factors)."""
    found = evidence()[name]
    assert found["chain"] == pytest.approx(found["product"], abs=1e-10)


FACTORS = [
    lambda o: ConstantLR(o, 0.1, total_iters=20),
    lambda o: LinearLR(o, 0.1, total_iters=20),
    lambda o: StepLR(o, 40, 0.3),
    lambda o: ExponentialLR(o, 0.98),
    lambda o: CosineAnnealingLR(o, STEPS),
]


@pytest.mark.parametrize("first", FACTORS)
@pytest.mark.parametrize("second", FACTORS)
def test_recursive_schedulers_multiply(first, second):
    """Any two of five, in both orders, also one of them twice; a shorter cosine multiplies only up to its end."""
    assert rates((first, second)) == pytest.approx(product((first, second)), abs=1e-10)
    short = (first, lambda o: CosineAnnealingLR(o, 40))
    for pair in (short, short[::-1]):
        chain, expected = rates(pair), product(pair)
        assert chain[:41] == pytest.approx(expected[:41], abs=1e-10)  # update 40 is the cosine's zero
        if first not in FACTORS[:2]:  # those have ended before, and multiply no more
            assert max(abs(a - b) for a, b in zip(chain[41:], expected[41:], strict=True)) > 0.005


def test_a_cosine_with_a_floor_does_not_multiply():
    """With eta_min above 0 CosineAnnealingLR is no factor: over 5 % of the base rate off."""
    pair = (FACTORS[3], lambda o: CosineAnnealingLR(o, STEPS, eta_min=0.01))
    assert max(abs(a - b) for a, b in zip(rates(pair), product(pair), strict=True)) > 0.005


@pytest.mark.parametrize(
    "last",
    [
        lambda o: LambdaLR(o, lambda t: 1 - t / STEPS),
        lambda o: CosineAnnealingWarmRestarts(o, 40),
        lambda o: OneCycleLR(o, 0.1, total_steps=STEPS + 1, cycle_momentum=False),
    ],
)
def test_what_overwrites(last):
    """LambdaLR, warm restarts and one cycle compute the rate from what they kept, whatever stands before them."""
    assert rates((FACTORS[3], last)) == pytest.approx(rates((last,)))


def test_lambda_overwrites_the_others(evidence):
    """LambdaLR sets the rate from the base rate: as the last of a chain it wipes out what stood before it."""
    found = evidence()["Exponential, Lambda"]
    assert found["chain"] == pytest.approx(rates(PAIRS["Exponential, Lambda"][1:]))
    assert max(abs(a - b) for a, b in zip(found["chain"], found["product"], strict=True)) > 0.03


def test_stepping_two_schedulers_by_hand_is_the_same(evidence):
    """A chain is a loop that steps each scheduler: two .step() calls in a row give the same rates."""
    optimizer = sgd()
    both = [ConstantLR(optimizer, 0.1, total_iters=20), ExponentialLR(optimizer, 0.98)]
    found = []
    for _ in range(STEPS):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        for scheduler in both:
            scheduler.step()
    assert found == evidence()["Constant, Exponential"]["chain"]


@pytest.mark.parametrize("part", [*FACTORS, lambda o: LambdaLR(o, lambda t: 0.98**t)])
def test_plateau_after_the_chain(part):
    """A plateau scheduler stepped after the chain divides all later rates by ten; LambdaLR undoes that in one step."""
    optimizer, plain = sgd(), rates((FACTORS[3], part))
    chain = ChainedScheduler([FACTORS[3](optimizer), part(optimizer)], optimizer=optimizer)
    plateau = ReduceLROnPlateau(optimizer, factor=0.1, patience=8, eps=0)  # cuts once, at the tenth call
    found = []
    for step in range(STEPS):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        chain.step()
        plateau.step(1.0 if step < 10 else -step)
    assert found[:10] == pytest.approx(plain[:10])
    assert found[10] == pytest.approx(plain[10] / 10)
    lasts = 10 if part in FACTORS else 1
    assert found[11:] == pytest.approx([rate / lasts for rate in plain[11:]], abs=1e-10)


def test_wrong_parts_are_refused():
    """An empty list, schedulers of two optimizers, and one that needs a metric."""
    one, other = sgd(), sgd()
    with pytest.raises(ValueError, match="at least one"):
        ChainedScheduler([])
    with pytest.raises(ValueError, match="optimizer"):
        ChainedScheduler([ConstantLR(one), ConstantLR(other)])
    with pytest.raises((ValueError, TypeError), match=r"ReduceLROnPlateau|metrics"):
        ChainedScheduler([ConstantLR(one), ReduceLROnPlateau(one)])
