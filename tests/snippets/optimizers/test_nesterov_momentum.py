"""Nesterov momentum: step by step against torch and the paper's form, and the claims of its page."""

import math

import pytest
import torch
from sklearn.datasets import load_digits

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


@pytest.mark.parametrize("mu", [0.5, 0.9, 0.99])
def test_torch_stores_the_point_ahead(mu):
    """torch's parameter is theta + mu v of the paper, where the gradient is taken; only the names differ."""
    lr = 0.05

    def gradient(x):
        return 3 * x + torch.sin(x)

    ahead = torch.nn.Parameter(torch.ones(3, dtype=torch.float64))
    optimizer = torch_nesterov([ahead], lr=lr, momentum=mu)
    theta, velocity = torch.ones(3, dtype=torch.float64), torch.zeros(3, dtype=torch.float64)
    for _ in range(150):
        of_paper = gradient(theta + mu * velocity)
        velocity = mu * velocity - lr * of_paper  # the paper's equations 3 and 4
        theta = theta + velocity
        ahead.grad = gradient(ahead.detach())
        torch.testing.assert_close(ahead.grad, of_paper, rtol=1e-12, atol=1e-15)
        optimizer.step()
        torch.testing.assert_close(ahead.detach(), theta + mu * velocity, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize(("lr_after", "mu_after"), [(0.005, 0.9), (0.1, 0.9), (0.05, 0.5), (0.05, 0.95)])
def test_paths_part_when_the_rate_changes(lr_after, mu_after):
    """After ten steps learning rate or momentum changes: torch's parameter is the paper's point ahead until then only.

    After the change it is neither ahead by the old nor by the new momentum, from the next step on.
    """
    ahead = torch.nn.Parameter(torch.ones(1, dtype=torch.float64))
    optimizer = torch_nesterov([ahead], lr=0.05, momentum=0.9)
    theta, velocity = torch.ones(1, dtype=torch.float64), torch.zeros(1, dtype=torch.float64)
    for step in range(30):
        lr, mu = (0.05, 0.9) if step < 10 else (lr_after, mu_after)
        optimizer.param_groups[0].update(lr=lr, momentum=mu)
        velocity = mu * velocity - lr * (theta + mu * velocity)  # the gradient of a quadratic
        theta = theta + velocity
        ahead.grad = ahead.detach().clone()
        optimizer.step()
        apart = (ahead.detach() - theta - mu * velocity).abs().item()
        assert apart < 1e-12 if step < 10 else step > 11 or apart > 1e-3


def path(eta_h: float, mu: float, nesterov: bool, steps: int, noise: float = 0.0, seed: int = 0) -> torch.Tensor:
    """A parameter that starts at 1 on a quadratic with its minimum at 0, step by step."""
    generator = torch.Generator().manual_seed(seed)
    theta = torch.nn.Parameter(torch.ones(1, dtype=torch.float64))
    optimizer = torch.optim.SGD([theta], lr=eta_h, momentum=mu, nesterov=nesterov)
    result = []
    for _ in range(steps):
        theta.grad = theta.detach() + noise * torch.randn(1, dtype=torch.float64, generator=generator)
        optimizer.step()
        result.append(theta.item())
    return torch.tensor(result, dtype=torch.float64)


@pytest.mark.parametrize(("noise", "seeds", "most"), [(0.0, 1, 0.01), (1.0, 4, 0.02)])
@pytest.mark.parametrize("eta_h", [1e-5, 1e-4, 1e-3])
def test_small_rate_makes_no_difference(eta_h, noise, seeds, most):
    """At momentum 0.9 and eta h up to 0.001 the paths stay within 1 % of the starting distance, which is 1.

    With noise of the first gradient's size, 1, it is 2 %; ten times that noise would make it ten times that.
    """
    for seed in range(seeds):
        plain, ahead = (path(eta_h, 0.9, nesterov, 2000, noise, seed) for nesterov in (False, True))
        assert (plain - ahead).abs().max() < most


@pytest.mark.parametrize("mu", [0.5, 0.9, 0.99])
def test_lower_limit_of_the_rate(mu):
    """Nesterov diverges beyond eta h = 2 (1 + mu) / (1 + 2 mu), 1.36 at 0.9; plain momentum beyond 2 (1 + mu), 3.8."""
    steps = round(200 / (1 - mu))
    for nesterov, limit in [(True, 2 * (1 + mu) / (1 + 2 * mu)), (False, 2 * (1 + mu))]:
        assert path(0.99 * limit, mu, nesterov, steps)[-1].abs() < 1
        beyond = path(1.01 * limit, mu, nesterov, steps)[-1].abs()
        assert beyond > 1 or beyond.isnan()  # it grew until it was infinite
    if mu == 0.9:
        assert 2 * (1 + mu) / (1 + 2 * mu) == pytest.approx(1.36, abs=0.005)
        assert 2 * (1 + mu) == pytest.approx(3.8)
        assert 1 + 2 * mu == pytest.approx(2.8)  # the ratio of the two limits, which the pitfall names


@pytest.mark.parametrize("mu", [0.5, 0.9, 0.99])
@pytest.mark.parametrize("share", [0.01, 0.1, 0.5, 0.9, 0.99])
def test_steep_directions_are_damped(share, mu):
    """For ((1 - mu) / (1 + mu))^2 < eta h < 1 the error shrinks by sqrt(mu (1 - eta h)), plain momentum's by sqrt(mu).

    Checked as the largest root of the recurrence that torch's steps are shown to follow. Plain momentum has that root
    from (1 - sqrt(mu))^2 on, which lies below the range. At the range's lower end the roots are no longer complex.
    """
    lowest = ((1 - mu) / (1 + mu)) ** 2
    eta_h = lowest + share * (1 - lowest)
    effective = mu * (1 - eta_h)
    matrices = {
        True: torch.tensor([[(1 + mu) * (1 - eta_h), -effective], [1.0, 0.0]], dtype=torch.float64),
        False: torch.tensor([[1 + mu - eta_h, -mu], [1.0, 0.0]], dtype=torch.float64),
    }
    for nesterov, product in [(True, effective), (False, mu)]:
        roots = torch.linalg.eigvals(matrices[nesterov])
        assert roots.abs().max().item() == pytest.approx(math.sqrt(product))
        steps = path(eta_h, mu, nesterov, 8)
        for before, now, after in zip(steps, steps[1:], steps[2:], strict=False):
            expected = matrices[nesterov][0] @ torch.stack([now, before])
            torch.testing.assert_close(after, expected, rtol=1e-9, atol=1e-12)
    below = 0.9 * lowest
    real = torch.tensor([[(1 + mu) * (1 - below), -mu * (1 - below)], [1.0, 0.0]], dtype=torch.float64)
    assert torch.linalg.eigvals(real).abs().max().item() > 1.0001 * math.sqrt(mu * (1 - below))


@pytest.mark.parametrize("mu", [0.5, 0.9, 0.99])
@pytest.mark.parametrize("eta_h", [0.001, 0.1, 0.5, 0.9])
def test_acts_like_a_smaller_momentum(eta_h, mu):
    """The paper's theta under torch's Nesterov is the path of torch's SGD with momentum mu (1 - eta h)."""
    smaller = mu * (1 - eta_h)
    ahead = torch.cat([torch.ones(1, dtype=torch.float64), path(eta_h, mu, True, 60)])
    plain = torch.cat([torch.ones(1, dtype=torch.float64), path(eta_h, smaller, False, 60)])
    velocity, theta = torch.zeros((), dtype=torch.float64), [ahead[0]]
    for at in ahead[:-1]:  # the paper's velocity, from the gradient at torch's parameter
        velocity = mu * velocity - eta_h * at
        theta.append(theta[-1] + velocity)
    torch.testing.assert_close(torch.stack(theta) + 0.0, plain, rtol=1e-9, atol=1e-12)
    assert smaller < mu


@pytest.mark.parametrize(
    "settings", [{"momentum": 0}, {}, *({"momentum": 0.9, "dampening": d} for d in (0.01, 0.1, 0.5, 0.9, 1.0))]
)
def test_refuses_dampening_and_zero_momentum(settings):
    """torch raises ValueError for nesterov=True without momentum or with dampening."""
    with pytest.raises(ValueError, match="Nesterov"):
        torch_nesterov([torch.nn.Parameter(torch.ones(1))], lr=0.1, **settings)


def test_one_number_for_a_parameter():
    """The buffer: one number for each parameter, as for the heavy ball."""
    assert numbers_per_parameter(torch_nesterov, lr=0.1, momentum=0.9) == 1


@pytest.mark.parametrize("mu", [0.5, 0.9, 0.99])
@pytest.mark.parametrize("nesterov", [False, True])
def test_steady_step_is_the_same(nesterov, mu):
    """Under a steady gradient g the step grows to lr g / (1 - mu), with Nesterov and without."""
    theta = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
    optimizer = torch.optim.SGD([theta], lr=0.01, momentum=mu, nesterov=nesterov)
    for _ in range(round(30 / (1 - mu))):
        before = theta.item()
        theta.grad = torch.full_like(theta, 2.0)
        optimizer.step()
    assert before - theta.item() == pytest.approx(0.01 * 2 / (1 - mu))


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
    """On digits the means at 0.01 and 0.1 differ by less than the seeds; at 1 only the heavy ball is safe.

    At 1 it trains with each of 12 seeds, to less than 0.8 of guessing's ln 10; Nesterov ends above that with some.
    """
    losses = {run: torch.tensor(of_seeds) for run, of_seeds in evidence().items()}
    for lr in ("0.01", "0.1"):
        heavy, ahead = losses[f"heavy ball, {lr}"], losses[f"Nesterov, {lr}"]
        assert (heavy.mean() - ahead.mean()).abs() < max(heavy.max() - heavy.min(), ahead.max() - ahead.min())
    images, labels = load_digits(return_X_y=True)
    data = torch.tensor(images, dtype=torch.float32) / 16, torch.tensor(labels)
    heavy, ahead = (
        of_seeds.tolist() + [experiment.digits_loss(1.0, nesterov, seed, *data) for seed in range(3, 12)]
        for nesterov, of_seeds in ((False, losses["heavy ball, 1"]), (True, losses["Nesterov, 1"]))
    )
    assert len(ahead) == 12
    assert max(heavy) < 0.8 * math.log(10)
    assert max(ahead) > math.log(10) > min(ahead)
