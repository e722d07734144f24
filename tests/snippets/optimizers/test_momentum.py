"""Heavy-ball momentum: step by step against torch, closed forms, and the claims of its page."""

import math

import pytest
import torch

from snippets.optimizers.momentum.evidence import distances
from snippets.optimizers.momentum.from_scratch import MomentumSGD
from tests.support.optimizers import numbers_per_parameter, same_trajectory


@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
@pytest.mark.parametrize(
    "settings",
    [
        {"momentum": 0.9},
        {"momentum": 0.9, "dampening": 0.5},
        {"momentum": 0.99, "weight_decay": 0.1},
        {"momentum": 0.5, "lr": 1e-3, "maximize": True, "weight_decay": 0.1},
    ],
)
def test_equals_torch(settings, dtype):
    """Values and buffers equal torch.optim.SGD(momentum=...) over 120 noisy steps, real and complex."""
    assert same_trajectory(MomentumSGD, torch.optim.SGD, dtype=dtype, **({"lr": 0.02} | settings)) < 1e-12


def steps_under_constant_gradient(count: int, **settings: float) -> list[float]:
    theta = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
    optimizer = torch.optim.SGD([theta], **settings)
    lengths = []
    for _ in range(count):
        before = theta.item()
        theta.grad = torch.ones_like(theta)
        optimizer.step()
        lengths.append(before - theta.item())
    return lengths


def test_steady_gradient_is_ten_times_longer():
    """Under a steady gradient the step grows to lr / (1 - momentum): ten times lr at 0.9."""
    lengths = steps_under_constant_gradient(200, lr=0.01, momentum=0.9)
    assert lengths[0] == pytest.approx(0.01)
    assert lengths[-1] == pytest.approx(0.1, rel=1e-6)


def test_dampening_spares_the_first_step():
    """The buffer starts as the first gradient itself; only later gradients are multiplied by 1 - dampening."""
    lengths = steps_under_constant_gradient(400, lr=0.01, momentum=0.9, dampening=0.9)
    assert lengths[0] == pytest.approx(0.01)
    assert lengths[1] == pytest.approx(0.01 * (0.9 + 0.1))  # the first gradient keeps its full weight in the buffer
    assert steps_under_constant_gradient(400, lr=0.01, momentum=0.9, dampening=0.5)[-1] == pytest.approx(0.05)


def test_rate_is_root_of_momentum():
    """On a quadratic the error shrinks by sqrt(mu) a step, for every h with (1-sqrt mu)^2 < eta h < (1+sqrt mu)^2."""
    mu, eta = 0.81, 0.1
    for h in torch.linspace(0.11, 36.0, 60).tolist():
        matrix = torch.tensor([[1 + mu - eta * h, -mu], [1.0, 0.0]], dtype=torch.float64)
        assert torch.linalg.eigvals(matrix).abs().tolist() == pytest.approx([0.9, 0.9])
    for h in [0.5, 5.0, 30.0]:
        assert (1 - math.sqrt(mu)) ** 2 < eta * h < (1 + math.sqrt(mu)) ** 2
        matrix = torch.tensor([[1 + mu - eta * h, -mu], [1.0, 0.0]], dtype=torch.float64)
        assert torch.linalg.eigvals(matrix).abs().tolist() == pytest.approx([0.9, 0.9])
        theta = torch.nn.Parameter(torch.ones(1, dtype=torch.float64))
        optimizer = torch.optim.SGD([theta], lr=eta, momentum=mu)
        path = []
        for _ in range(220):
            path.append(theta.item())
            theta.grad = h * theta.detach()
            optimizer.step()
        early, late = math.hypot(*path[100:102]), math.hypot(*path[200:202])
        assert (late / early) ** (1 / 100) == pytest.approx(0.9, rel=0.02)  # the phase of the oscillation


def test_large_momentum_needs_no_smaller_rate_to_be_stable():
    """The bound on eta h is 2 (1 + mu): 3.8 at 0.9 instead of 2."""

    def ends_smaller(eta_h: float, momentum: float) -> bool:
        theta = torch.nn.Parameter(torch.ones(1, dtype=torch.float64))
        optimizer = torch.optim.SGD([theta], lr=eta_h, momentum=momentum)
        for _ in range(2000):
            theta.grad = theta.detach().clone()
            optimizer.step()
        return abs(theta.item()) < 1

    assert ends_smaller(3.79, 0.9)
    assert not ends_smaller(3.81, 0.9)
    assert ends_smaller(1.99, 0.0)
    assert not ends_smaller(2.01, 0.0)


def paper_form(gradients: list[float], rates: list[float], mu: float) -> list[float]:
    """v = mu v - lr g; theta = theta + v: the learning rate inside the velocity."""
    theta, velocity, path = 0.0, 0.0, []
    for g, lr in zip(gradients, rates, strict=True):
        velocity = mu * velocity - lr * g
        theta += velocity
        path.append(theta)
    return path


def torch_form(gradients: list[float], rates: list[float], mu: float) -> list[float]:
    theta = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
    optimizer = torch.optim.SGD([theta], lr=rates[0], momentum=mu)
    path = []
    for g, lr in zip(gradients, rates, strict=True):
        optimizer.param_groups[0]["lr"] = lr
        theta.grad = torch.full_like(theta, g)
        optimizer.step()
        path.append(theta.item())
    return path


def test_rate_outside_the_buffer():
    """The two forms agree at a constant rate; when the rate drops, torch's step drops at once, the other's later."""
    gradients = [1.0] * 60
    assert torch_form(gradients, [0.1] * 60, 0.9) == pytest.approx(paper_form(gradients, [0.1] * 60, 0.9))
    rates = [0.1] * 50 + [0.01] * 10
    ours, theirs = torch_form(gradients, rates, 0.9), paper_form(gradients, rates, 0.9)
    assert (ours[50] - ours[49]) / (ours[49] - ours[48]) == pytest.approx(0.1, rel=0.01)
    assert (theirs[50] - theirs[49]) / (theirs[49] - theirs[48]) > 0.9


def test_resume_without_state_stalls():
    """A run resumed without the optimizer's state begins with a step a tenth as long."""
    lengths = steps_under_constant_gradient(100, lr=0.01, momentum=0.9)
    resumed = steps_under_constant_gradient(1, lr=0.01, momentum=0.9)
    assert resumed[0] / lengths[-1] == pytest.approx(0.1, rel=0.01)


def test_small_rate_equals_a_larger_plain_one():
    """At small eta h, momentum 0.9 follows the path of plain SGD at ten times the rate."""

    def path(lr: float, momentum: float) -> torch.Tensor:
        theta = torch.nn.Parameter(torch.ones(1, dtype=torch.float64))
        optimizer = torch.optim.SGD([theta], lr=lr, momentum=momentum)
        values = []
        for _ in range(2000):
            theta.grad = theta.detach().clone()
            optimizer.step()
            values.append(theta.item())
        return torch.tensor(values)

    assert (path(1e-4, 0.9) - path(1e-3, 0.0)).abs().max() < 0.01


def test_optimal_momentum_is_optimal_late(evidence):
    """At the optimal mu the error falls like t mu^(t/2); 0.9 is ahead for 400 steps, tenfold at 200, later behind."""
    root = math.sqrt(1000)
    lr, optimum = 4 / (root + 1) ** 2, ((root - 1) / (root + 1)) ** 2
    best, larger = (distances(lr, mu, steps=801) for mu in (optimum, 0.9))
    factors = [best[t] / (t * optimum ** (t / 2)) for t in range(100, 801, 50)]
    assert factors == pytest.approx([factors[0]] * len(factors), rel=0.01)
    assert all(a < b for a, b in zip(larger[2:401], best[2:401], strict=True))  # the first step has no momentum
    assert best[200] / larger[200] == pytest.approx(11, abs=3)
    assert all(b < a for a, b in zip(larger[600:], best[600:], strict=True))

    plain, shown_larger, shown_best, heavy = evidence()["distances"].values()  # the figure, 400 steps
    assert (shown_larger, shown_best) == (pytest.approx(larger[:400]), pytest.approx(best[:400]))
    assert [path[-1] / path[0] for path in (plain, heavy)] == pytest.approx([1 / 6, 1 / 6], abs=0.03)
    for path in (best, larger):
        assert math.log10(path[0] / path[399]) == pytest.approx(8.8, abs=0.3)


def test_larger_plain_rate_does_the_same(evidence):
    """On digits plain SGD at 0.1 reaches a loss some fifteen steps before 0.01 with momentum 0.9; 0.01 alone stays."""
    momentum, plain, slow = (torch.tensor(curve) for curve in evidence()["digits"].values())
    lags = []
    for level in torch.linspace(2.2, 0.5, 18):
        lags.append(int((momentum < level).int().argmax() - (plain < level).int().argmax()))
    assert all(8 <= lag <= 24 for lag in lags)
    assert sum(lags) / len(lags) == pytest.approx(15, abs=2.5)
    assert (momentum[15:] - plain[:-15]).abs().max() < 0.15
    assert momentum.min() < 0.5
    assert slow.min() > 2.15


def test_one_number_for_a_parameter():
    """The buffer: one number for each parameter."""
    assert numbers_per_parameter(torch.optim.SGD, lr=0.1, momentum=0.9) == 1
