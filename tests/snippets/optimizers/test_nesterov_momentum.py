"""Nesterov momentum: step by step against torch and the paper's form, and the claims of its page."""

import math

import pytest
import torch

import snippets.optimizers.nesterov_momentum.evidence as experiment
from snippets.optimizers.nesterov_momentum.from_scratch import NesterovSGD
from tests.support.optimizers import numbers_per_parameter, same_trajectory


def torch_nesterov(params, **settings):
    return torch.optim.SGD(params, nesterov=True, **settings)


@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
@pytest.mark.parametrize(
    "settings",
    [{}, {"weight_decay": 0.1}, {"momentum": 0.5}, {"lr": 1e-3, "maximize": True, "weight_decay": 0.1}],
)
def test_equals_torch(settings, dtype):
    """Values and buffers equal torch.optim.SGD(nesterov=True) over 120 noisy steps, real and complex."""
    settings = {"lr": 0.02, "momentum": 0.9} | settings
    assert same_trajectory(NesterovSGD, torch_nesterov, dtype=dtype, **settings) < 1e-12


def test_torch_stores_the_point_ahead():
    """torch's parameter is theta + mu v of the paper, where the gradient is taken; only the names differ."""
    mu, lr = 0.9, 0.05

    def gradient(x):
        return 3 * x + torch.sin(x)

    ahead = torch.nn.Parameter(torch.ones(3, dtype=torch.float64))
    optimizer = torch_nesterov([ahead], lr=lr, momentum=mu)
    theta, velocity = torch.ones(3, dtype=torch.float64), torch.zeros(3, dtype=torch.float64)
    for _ in range(150):
        velocity = mu * velocity - lr * gradient(theta + mu * velocity)  # the paper's equations 3 and 4
        theta = theta + velocity
        ahead.grad = gradient(ahead.detach())
        optimizer.step()
        torch.testing.assert_close(ahead.detach(), theta + mu * velocity, rtol=1e-10, atol=1e-14)


def converges(eta_h: float, nesterov: bool) -> bool:
    theta = torch.nn.Parameter(torch.ones(1, dtype=torch.float64))
    optimizer = torch.optim.SGD([theta], lr=eta_h, momentum=0.9, nesterov=nesterov)
    for _ in range(3000):
        theta.grad = theta.detach().clone()
        optimizer.step()
    return abs(theta.item()) < 1


def test_lower_limit_of_the_rate():
    """Nesterov diverges beyond eta h = 2 (1 + mu) / (1 + 2 mu), 1.357 at 0.9; the heavy ball only beyond 3.8."""
    limit = 2 * 1.9 / 2.8
    assert limit == pytest.approx(1.357, abs=1e-3)
    assert converges(limit - 0.01, nesterov=True)
    assert not converges(limit + 0.01, nesterov=True)
    assert converges(3.79, nesterov=False)


def test_steep_directions_are_damped():
    """For eta h < 1 with complex roots, the error shrinks by sqrt(mu (1 - eta h)), the heavy ball's by sqrt(mu)."""
    for eta_h in [0.1, 0.5, 0.9]:
        nesterov = torch.tensor([[1.9 * (1 - eta_h), -0.9 * (1 - eta_h)], [1.0, 0.0]], dtype=torch.float64)
        heavy = torch.tensor([[1.9 - eta_h, -0.9], [1.0, 0.0]], dtype=torch.float64)
        got, reference = torch.linalg.eigvals(nesterov).abs().max(), torch.linalg.eigvals(heavy).abs().max()
        assert got.item() == pytest.approx(math.sqrt(0.9 * (1 - eta_h)))
        assert reference.item() == pytest.approx(math.sqrt(0.9))
        path = []
        theta = torch.nn.Parameter(torch.ones(1, dtype=torch.float64))
        optimizer = torch_nesterov([theta], lr=eta_h, momentum=0.9)
        for _ in range(6):
            path.append(theta.item())
            theta.grad = theta.detach().clone()
            optimizer.step()
        for a, b, c in zip(path, path[1:], path[2:], strict=False):  # torch follows the recurrence of that matrix
            if a != 1.0:
                assert c == pytest.approx(1.9 * (1 - eta_h) * b - 0.9 * (1 - eta_h) * a)


@pytest.mark.parametrize("settings", [{"momentum": 0}, {"momentum": 0.9, "dampening": 0.1}])
def test_refuses_dampening_and_zero_momentum(settings):
    """torch raises ValueError for nesterov=True without momentum or with dampening."""
    with pytest.raises(ValueError, match="Nesterov"):
        torch_nesterov([torch.nn.Parameter(torch.ones(1))], lr=0.1, **settings)


def test_one_number_for_a_parameter():
    """The buffer: one number for each parameter, as for the heavy ball."""
    assert numbers_per_parameter(torch_nesterov, lr=0.1, momentum=0.9) == 1


def test_steady_step_is_the_same():
    """Under a steady gradient the step grows to lr / (1 - mu), as the heavy ball's."""
    theta = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
    optimizer = torch_nesterov([theta], lr=0.01, momentum=0.9)
    for _ in range(300):
        before = theta.item()
        theta.grad = torch.ones_like(theta)
        optimizer.step()
    assert before - theta.item() == pytest.approx(0.1)


def test_forgets_faster_from_0_01_to_1_3():
    """The experiment's quadratic: faster at every product from 0.01 to 1.3, divergence beyond 1.36; torch agrees.

    The figure: the heavy ball is at 0.95 up to 3.8, Nesterov below half of that at 0.8 and above 1 from 1.36 on.
    """
    for rate in torch.linspace(0.01, 1.3, 130).tolist():
        assert experiment.shrinkage(rate, True) < experiment.shrinkage(rate, False)
    for rate in torch.linspace(1.36, 4, 265).tolist():
        assert experiment.shrinkage(rate, True) > 1
    assert experiment.shrinkage(1.35, True) < 1
    for rate in (0.01, 0.1, 0.5, 0.9, 1.3):  # markers lie on the lines, to the few percent that 200 steps leave
        assert experiment.measured(rate, True) < experiment.measured(rate, False) < 1
        assert experiment.measured(rate, True) == pytest.approx(experiment.shrinkage(rate, True), rel=0.02)
    assert experiment.measured(1.37, True) > 1
    for rate in torch.linspace(0.01, 3.79, 379).tolist():
        assert experiment.shrinkage(rate, False) == pytest.approx(0.95, abs=0.005)
    assert experiment.shrinkage(3.81, False) > 1
    assert experiment.shrinkage(0.8, True) < 0.5 * experiment.shrinkage(0.8, False)


def test_digits_show_the_limit_alone(evidence):
    """On digits the means at 0.01 and 0.1 differ by less than the seeds; at 1 only the heavy ball trains.

    Random guessing has a loss of ln 10. The heavy ball's mean is below half of it, Nesterov's above it; with single
    seeds, of which some train, Nesterov ends at anything from 0.1 to 39.
    """
    losses = {run: torch.tensor(of_seeds) for run, of_seeds in evidence().items()}
    for lr in ("0.01", "0.1"):
        heavy, ahead = losses[f"heavy ball, {lr}"], losses[f"Nesterov, {lr}"]
        assert (heavy.mean() - ahead.mean()).abs() < max(heavy.max() - heavy.min(), ahead.max() - ahead.min())
    heavy, ahead = losses["heavy ball, 1"], losses["Nesterov, 1"]
    assert heavy.mean() < math.log(10) / 2
    assert heavy.max() < 0.8 * math.log(10)
    assert ahead.mean() > math.log(10)
