"""Centered RMSProp: step by step against torch, closed forms, and the claims of its page."""

import pytest
import torch

from snippets.optimizers.rmsprop_centered_from_scratch import CenteredRMSprop
from tests.conformance.optimizer_steps import numbers_per_parameter, same_trajectory


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
    assert distance_per_step(ratio, True) == pytest.approx(ratio, rel=0.05)  # the deviation is from about 100 samples
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


def becomes_nan(eps: float) -> bool:
    torch.manual_seed(0)
    theta = torch.nn.Parameter(torch.zeros(1000))
    optimizer = centered([theta], lr=1e-3, eps=eps)
    for _ in range(3000):
        theta.grad = 1 + 1e-4 * torch.randn(1000)
        optimizer.step()
        if theta.isnan().any():
            return True
    return False


@pytest.mark.parametrize("eps", [1e-8, 1e-4])
def test_rounding_gives_nan(eps):
    """In float32 nearly constant gradients make v - a^2 negative by rounding: its root is NaN, whatever eps."""
    assert becomes_nan(eps)  # torch adds eps after the root


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


def test_two_numbers_for_a_parameter():
    """Means of the gradient and of its square: two numbers for each parameter, three with momentum."""
    assert numbers_per_parameter(centered) == 2
    assert numbers_per_parameter(centered, momentum=0.9) == 3
