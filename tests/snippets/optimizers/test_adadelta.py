"""AdaDelta: step by step against torch, closed forms, and the claims of its page."""

import math

import pytest
import torch

from snippets.optimizers.adadelta.evidence import losses
from snippets.optimizers.adadelta.from_scratch import Adadelta
from tests.support.guide import guide
from tests.support.optimizers import numbers_per_parameter, same_trajectory


@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
@pytest.mark.parametrize(
    "settings", [{}, {"lr": 0.3, "weight_decay": 0.1}, {"rho": 0.95, "eps": 1e-4}, {"maximize": True}]
)
def test_equals_torch(settings, dtype):
    """Over 120 noisy steps values and state equal torch.optim.Adadelta's."""
    assert same_trajectory(Adadelta, torch.optim.Adadelta, dtype=dtype, **settings) < 1e-10


def path(gradients: list[float], **settings: float) -> list[float]:
    theta = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
    optimizer = torch.optim.Adadelta([theta], **settings)
    values = [0.0]
    for g in gradients:
        theta.grad = torch.full_like(theta, g)
        optimizer.step()
        values.append(-theta.item())
    return values


@pytest.mark.parametrize("eps", [1e-6, 1e-8])
def test_first_step_is_set_by_eps(eps):
    """The first step is sqrt(eps / (1 - rho)): 0.0032 with eps 1e-6 and rho 0.9, for gradients of 1 and 1000.

    A gradient of 0.001 is not large enough: its square is as small as eps, and the first step is 0.001.
    """
    for g in [1.0, 1000.0]:
        for rho in [0.9, 0.95]:
            assert path([g], eps=eps, rho=rho)[1] == pytest.approx(math.sqrt(eps / (1 - rho)), rel=1e-3)
    assert path([1.0])[1] == pytest.approx(0.0032, abs=5e-5)
    assert path([1e-3])[1] == pytest.approx(0.001, abs=5e-5)


def test_steps_grow_slowly():
    """Under a steady gradient of 1 step 100 is only 1.5 times as long as the first."""
    values = path([1.0] * 100)
    first, last = values[1], values[100] - values[99]
    assert last / first == pytest.approx(1.5, abs=0.05)


def test_gradient_scale_does_not_matter():
    """Where gradients are near 1, a loss multiplied by 1000 gives the same path, up to eps."""
    gradients = [1 + 0.5 * math.sin(t) for t in range(200)]
    assert path([1000 * g for g in gradients]) == pytest.approx(path(gradients), rel=1e-3)


def test_lr_is_outside_the_memory():
    """lr multiplies the step but not the mean of squared steps: half lr gives exactly half the path."""
    gradients = [math.cos(t) + 0.5 for t in range(100)]
    assert path(gradients, lr=0.5) == pytest.approx([0.5 * value for value in path(gradients)], rel=1e-12)


def test_keras_rate_hardly_moves():
    """At lr 0.001, Keras's default, a hundred steps under a gradient of 1 move a parameter by less than 0.001."""
    assert path([1.0] * 100, lr=0.001)[-1] < 1e-3
    assert path([1.0] * 100, lr=1.0)[-1] > 0.3


def test_larger_eps_trains_faster(evidence) -> None:
    """On digits eps 1e-4 has a lower loss than 1e-6 at each point, and a third to two thirds of it after 100 steps.

    With lr=10 eps 1e-4 stays at random guessing, and 1e-6 trains.
    Also the figure's order: both lie below Adam at its default rate, and lr 0.001 stays where it started.
    """
    small, large, flat, adam = (torch.tensor(runs).mean(dim=0) for runs in evidence().values())
    for lower, higher in [(large, small), (small, adam), (adam, flat)]:
        assert (lower[1:] < higher[1:]).all()
    assert 1 / 3 < large[5] / small[5] < 2 / 3  # point 5 is step 100
    assert (flat - flat[0]).abs().max() < 0.01
    for seed in range(2):
        assert losses(lambda p: torch.optim.Adadelta(p, lr=10.0, eps=1e-6), seed)[-1] < 0.2
        assert losses(lambda p: torch.optim.Adadelta(p, lr=10.0, eps=1e-4), seed)[-1] > 2.2


def test_larger_lr_does_as_much(evidence) -> None:
    """On the experiment's digits eps 1e-4 and lr 3 lower the loss after 100 steps to a third to two thirds."""
    small, large, *_ = (torch.tensor(runs).mean(dim=0)[5] for runs in evidence().values())  # point 5 is step 100
    threefold = torch.tensor([losses(lambda p: torch.optim.Adadelta(p, lr=3.0), seed)[5] for seed in range(2)]).mean()
    for loss in (large, threefold):
        assert 1 / 3 < loss / small < 2 / 3


def test_copied_rates_are_too_small(evidence) -> None:
    """On the experiment's digits after 200 steps: lr 0.01 is near 2.3, where all start, 0.1 above 1.7, 1 below 0.3."""
    default = torch.tensor(evidence()["Adadelta, eps 1e-6 (torch)"]).mean(dim=0)
    found = {1.0: default[-1].item()}
    for lr in (0.01, 0.1):
        runs = [losses(lambda p, lr=lr: torch.optim.Adadelta(p, lr=lr), seed) for seed in range(2)]
        found[lr] = sum(run[-1] for run in runs) / 2
    assert found[0.01] == pytest.approx(2.3, abs=0.05)
    assert 1.7 < found[0.1] < 2.1
    assert found[1.0] < 0.3
    assert default[0].item() == pytest.approx(2.3, abs=0.05)


def test_two_numbers_for_a_parameter():
    """Mean squares of gradients and of steps: two numbers for each parameter."""
    assert numbers_per_parameter(torch.optim.Adadelta) == 2


def test_one_recipe_uses_it():
    """Of all recipes, as their first optimizer or another, MNIST's alone names Adadelta."""
    users = [r for r in guide().recipes if "adadelta" in repr(r).lower()]
    assert [(r.id, r.optimizer.id) for r in users] == [("mnist-pytorch-example", "adadelta")]
    assert len(guide().recipes) > 100
