"""Centered RMSProp: step by step against torch, closed forms, and the claims of its page."""

import itertools

import pytest
import torch
from torch import Tensor

from snippets.optimizers.rmsprop_centered.evidence import RATIOS
from snippets.optimizers.rmsprop_centered.from_scratch import CenteredRMSprop
from snippets.optimizers.rmsprop_centered.use import make_optimizer
from tests.support.optimizers import numbers_per_parameter, same_trajectory


def centered(params, **settings):
    return torch.optim.RMSprop(params, centered=True, **settings)


@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
@pytest.mark.parametrize(
    "settings", [{}, {"weight_decay": 0.1, "alpha": 0.9}, {"momentum": 0.9, "eps": 1e-3}, {"maximize": True}]
)
def test_equals_torch(settings, dtype):
    """Over 120 noisy steps values and state equal torch.optim.RMSprop(centered=True)'s."""
    assert same_trajectory(CenteredRMSprop, centered, dtype=dtype, **settings) < 1e-10


def distance_per_step(ratio: float, is_centered: bool) -> float:
    torch.manual_seed(0)
    theta = torch.nn.Parameter(torch.zeros(200, dtype=torch.float64))
    optimizer = torch.optim.RMSprop([theta], lr=1.0, centered=is_centered)
    for step in range(1000):
        if step == 500:
            halfway = theta.detach().clone()
        theta.grad = ratio + torch.randn(200, dtype=torch.float64)
        optimizer.step()
    return (halfway - theta.detach()).mean().item() / 500


@pytest.mark.parametrize("ratio", [0.5, 2.0, 10.0])
def test_divides_by_the_standard_deviation(ratio):
    """With mean r and deviation 1 the step is about r rates, where plain RMSProp has r / sqrt(1 + r^2), at most 1."""
    assert distance_per_step(ratio, True) == pytest.approx(ratio, rel=0.1)  # the deviation is from about 100 samples
    assert distance_per_step(ratio, False) == pytest.approx(ratio / (1 + ratio**2) ** 0.5, rel=0.05)


def test_steady_gradient_explodes():
    """Under a constant gradient the variance goes to 0 and only eps is left: single steps of over a thousand rates."""
    theta = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
    optimizer = centered([theta], lr=1.0)
    longest = 0.0
    for _ in range(2500):
        before = theta.item()
        theta.grad = torch.ones_like(theta)
        optimizer.step()
        longest = max(longest, before - theta.item())
    assert longest > 1000


def becomes_nan(eps: float, dtype: torch.dtype = torch.float32) -> bool:
    torch.manual_seed(0)
    theta = torch.nn.Parameter(torch.zeros(1000, dtype=dtype))
    optimizer = centered([theta], lr=1e-3, eps=eps)
    for _ in range(3000):
        theta.grad = 1 + 1e-4 * torch.randn(1000).to(dtype)
        optimizer.step()
        if theta.isnan().any():
            return True
    return False


@pytest.mark.parametrize("eps", [1e-8, 1e-4])
def test_rounding_gives_nan(eps):
    """In float32 nearly constant gradients make v - a^2 negative by rounding: its root is NaN, whatever eps."""
    assert becomes_nan(eps)  # torch adds eps after the root


def test_float64_stays_finite():
    """With float64 parameters, and so a float64 state, the same gradients give no NaN."""
    assert not becomes_nan(1e-8, torch.float64)


def test_paper_has_eps_inside_the_root():
    """The paper divides by sqrt(n - g^2 + 1e-4), torch by sqrt(n - g^2) + eps: at most 100 and 10,000 rates."""
    gradient, mean, square = 1.0, 1.0, 1.0  # the averages of a gradient that has been 1 for long
    paper = gradient / (square - mean**2 + 1e-4) ** 0.5
    theta = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
    optimizer = centered([theta], lr=1.0, eps=1e-4, alpha=0.5)
    for _ in range(200):
        before = theta.item()
        theta.grad = torch.ones_like(theta)
        optimizer.step()
    assert paper == pytest.approx(100)
    assert before - theta.item() == pytest.approx(10_000, rel=1e-3)


def longest_step(eps: float, alpha: float) -> float:
    theta = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
    optimizer = centered([theta], lr=1.0, eps=eps, alpha=alpha)
    longest = 0.0
    for _ in range(6000):
        before = theta.item()
        theta.grad = torch.ones_like(theta)
        optimizer.step()
        longest = max(longest, before - theta.item())
    return longest


@pytest.mark.parametrize("alpha", [0.9, 0.95, 0.99])
def test_larger_eps_bounds_the_step(alpha):
    """With eps at 1e-2 no step under a constant gradient of 1 is above 100 learning rates, and some nearly are."""
    assert 90 < longest_step(1e-2, alpha) <= 100
    assert longest_step(1e-8, alpha) > 1e6


@pytest.mark.parametrize("eps", [1e-5, 1e-4, 1e-2])
def test_root_of_eps_gives_the_same_longest_step(eps):
    """The paper's longest step is 1 / sqrt(eps), in learning rates; torch has it with eps at its root."""
    assert longest_step(eps**0.5, 0.95) == pytest.approx(1 / eps**0.5, rel=1e-3)


def test_snippet_takes_the_papers_settings():
    """Graves: 0.95, momentum 0.9, 1e-4 for learning rate and eps, whose root torch takes."""
    settings = make_optimizer([torch.zeros(1)]).defaults
    assert [settings[name] for name in ("lr", "alpha", "momentum", "centered")] == [1e-4, 0.95, 0.9, True]
    assert settings["eps"] == pytest.approx(1e-4**0.5)


def test_two_numbers_for_a_parameter():
    """Means of the gradient and of its square: two numbers for each parameter, three with momentum."""
    assert numbers_per_parameter(centered) == 2
    assert numbers_per_parameter(centered, momentum=0.9) == 3


@pytest.fixture(scope="module")
def steps_by_ratio(evidence) -> tuple[list[float], Tensor, Tensor, Tensor]:
    """The experiment: the ratios, and the steps in rates of centered RMSProp, RMSProp and Adam."""
    runs = (torch.tensor(evidence()[name]) for name in ("centered RMSProp", "RMSProp", "Adam"))
    return RATIOS.tolist(), *runs


def test_noise_leaves_nothing_to_centre(steps_by_ratio):
    """Up to a ratio of 0.3 (0.316 on the grid) the three steps differ by less than a tenth."""
    ratios, *runs = steps_by_ratio
    low = [i for i, ratio in enumerate(ratios) if ratio < 0.32]
    assert len(low) == 3
    for i in low:
        steps = [run[i].item() for run in runs]
        assert max(steps) < 1.1 * min(steps)


def test_rate_times_ratio(steps_by_ratio):
    """From 1 to 10 the centered step is the ratio, to within a tenth; plain RMSProp and Adam stay at 1 or below.

    The figure: the two level off at 1, the centered step goes on rising, to 43 at a ratio of 100.
    """
    ratios, centered_steps, plain, adam = steps_by_ratio
    between = [i for i, ratio in enumerate(ratios) if 0.99 < ratio < 10.01]
    assert len(between) == 5
    for i in between:
        assert centered_steps[i].item() == pytest.approx(ratios[i], rel=0.1)
    for steps in (plain, adam):
        assert steps.max() < 1.01
        assert steps[-3:].tolist() == pytest.approx([1.0] * 3, abs=0.01)
    assert centered_steps.diff().min() > 0
    assert centered_steps[-1].item() == pytest.approx(43, abs=0.5)


def test_start_hides_the_full_factor():
    """At a ratio of 100 the step is far from 100 rates in steps 500 to 1,000, and 100 from step 1,500 on."""
    torch.manual_seed(0)
    theta = torch.nn.Parameter(torch.zeros(200))
    optimizer = centered([theta], lr=1.0)
    means = [0.0]
    for _ in range(5):
        for _ in range(500):
            theta.grad = 100 + torch.randn(200)
            optimizer.step()
        means.append(-theta.mean().item())
    factors = [(after - before) / 500 for before, after in itertools.pairwise(means)]
    assert factors[1] < 60
    assert factors[3:] == pytest.approx([100, 100], rel=0.05)  # the deviation is from about 100 samples
