"""Gradient descent: closed forms, step by step against torch, and the claims of its page."""

import math
from itertools import pairwise

import pytest
import torch
from torch import nn

from snippets.optimizers.gradient_descent.evidence import rosenbrock
from snippets.optimizers.gradient_descent.from_scratch import GradientDescent, largest_curvature
from snippets.optimizers.gradient_descent.use import full_gradient
from tests.support.optimizers import numbers_per_parameter, same_trajectory


@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
@pytest.mark.parametrize("settings", [{"lr": 0.05}, {"lr": 1e-3, "maximize": True}])
def test_equals_torch(settings, dtype):
    """Values equal torch.optim.SGD's over 120 steps, real and complex."""
    assert same_trajectory(GradientDescent, torch.optim.SGD, dtype=dtype, **settings) < 1e-12


def spd_matrix(size: int = 6) -> torch.Tensor:
    torch.manual_seed(0)
    rotation = torch.linalg.qr(torch.randn(size, size, dtype=torch.float64)).Q
    return rotation @ torch.diag(torch.logspace(0, 2, size, dtype=torch.float64)) @ rotation.T  # eigenvalues 1 .. 100


def run(matrix: torch.Tensor, lr: float, steps: int) -> torch.Tensor:
    theta = torch.nn.Parameter(torch.ones(len(matrix), dtype=torch.float64))
    optimizer = torch.optim.SGD([theta], lr=lr)
    for _ in range(steps):
        optimizer.zero_grad()
        (0.5 * theta @ matrix @ theta).backward()
        optimizer.step()
    return theta.detach()


def test_closed_form():
    """On a quadratic theta_t = (I - lr A)^t theta_0."""
    matrix = spd_matrix()
    step = torch.eye(6, dtype=torch.float64) - 0.015 * matrix
    expected = torch.linalg.matrix_power(step, 100) @ torch.ones(6, dtype=torch.float64)
    torch.testing.assert_close(run(matrix, 0.015, 100), expected)


@pytest.mark.parametrize("scale", [0.01, 1.0, 100.0])
def test_diverges_above_two_over_curvature(scale):
    """It converges for lr < 2 / h_max and diverges above: 0.02 at curvature 100, and in proportion."""
    matrix = scale * spd_matrix()
    assert run(matrix, 0.0199 / scale, 2000).norm() < 1e-6
    assert run(matrix, 0.0201 / scale, 2000).norm() > 1e6


def test_best_rate_and_its_cost():
    """At lr = 2 / (h_max + h_min) each step shrinks the slowest error by (kappa-1)/(kappa+1); no rate does better."""
    valley = torch.diag(torch.tensor([1.0, 100.0], dtype=torch.float64))
    theta = run(valley, 2 / 101, 200)
    assert theta.abs().tolist() == pytest.approx([(99 / 101) ** 200] * 2)
    for factor in (0.5, 0.9, 0.99, 1.005, 1.009):
        assert run(valley, factor * 2 / 101, 200).abs().max() > theta.abs().max()
    for kappa in [10, 100, 1000]:  # steps for a factor of e: nearly kappa / 2
        assert -1 / math.log((kappa - 1) / (kappa + 1)) == pytest.approx(kappa / 2, rel=0.01)


def test_loss_falls_at_every_step():
    """Below 2 / h_max the loss falls at each step; above it does not."""

    def losses(lr: float) -> list[float]:
        ends = [run(matrix, lr, steps) for steps in range(40)]
        return [(0.5 * theta @ matrix @ theta).item() for theta in ends]

    matrix = spd_matrix()
    for lr in (0.001, 0.0099, 0.015, 0.0199):
        assert all(a > b for a, b in pairwise(losses(lr))), lr
    assert any(a < b for a, b in pairwise(losses(0.0201)))


def test_power_iteration_finds_the_limit():
    """largest_curvature gives the largest eigenvalue of the Hessian, of a network's loss too."""
    matrix = spd_matrix()
    theta = torch.ones(6, dtype=torch.float64, requires_grad=True)
    assert largest_curvature(0.5 * theta @ matrix @ theta, [theta]) == pytest.approx(100, rel=1e-6)
    model = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1)).double()
    x = torch.randn(20, 2, dtype=torch.float64)
    flat = torch.cat([p.detach().flatten() for p in model.parameters()])
    shapes = {name: p.shape for name, p in model.named_parameters()}

    def loss_of(vector: torch.Tensor) -> torch.Tensor:
        parts = vector.split([shape.numel() for shape in shapes.values()])
        named = {name: part.view(shape) for (name, shape), part in zip(shapes.items(), parts, strict=True)}
        return torch.func.functional_call(model, named, (x,)).square().mean()

    exact = torch.linalg.eigvalsh(torch.autograd.functional.hessian(loss_of, flat)).abs().max().item()
    got = largest_curvature(model(x).square().mean(), list(model.parameters()), iterations=300)
    assert got == pytest.approx(exact, rel=1e-3)


def test_chunks_add_up():
    """Gradients accumulated over chunks, each divided by the size of the whole, equal the gradient of all data."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1)).double()
    x, y = torch.randn(101, 3, dtype=torch.float64), torch.randn(101, 1, dtype=torch.float64)
    full_gradient(model, x, y, chunk=16)  # the last chunk is smaller
    got = [p.grad.clone() for p in model.parameters()]
    model.zero_grad()
    nn.functional.mse_loss(model(x), y).backward()
    for g, p in zip(got, model.parameters(), strict=True):
        torch.testing.assert_close(g, p.grad)


def test_chunk_means_are_too_large():
    """Means over four chunks of one size, added up, give four times the gradient of all data."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1)).double()
    x, y = torch.randn(64, 3, dtype=torch.float64), torch.randn(64, 1, dtype=torch.float64)
    for rows in torch.arange(64).split(16):
        nn.functional.mse_loss(model(x[rows]), y[rows]).backward()
    wrong = [p.grad.clone() for p in model.parameters()]
    full_gradient(model, x, y)
    for g, p in zip(wrong, model.parameters(), strict=True):
        torch.testing.assert_close(g, 4 * p.grad)


def rosenbrock_path(numbers: dict, lr: float) -> list[tuple[float, float]]:
    """The experiment's points on Rosenbrock's valley."""
    return list(zip(*numbers[f"Rosenbrock, {lr}"], strict=True))


def test_rosenbrock_is_not_reached(evidence):
    """After 60 steps none of the three rates is near Rosenbrock's minimum; the paths are those of the figure."""
    ends = {}
    for lr in (0.001, 0.01, 0.02):
        path = rosenbrock_path(evidence(), lr)
        ends[lr] = path[-1]
        assert math.dist(path[-1], (1, 1)) > 0.8
        assert rosenbrock(*map(torch.tensor, path[-1])) > 0.2
    assert ends[0.001][0] < ends[0.01][0] < 0 < ends[0.02][0]  # the two small rates have not come to the bend
    assert ends[0.02] == pytest.approx((0.5, 0.25), abs=0.05)
    moves = [b[0] - a[0] for a, b in pairwise(rosenbrock_path(evidence(), 0.02))]
    assert all((move > 0) == (i % 2 == 0) for i, move in enumerate(moves[:6]))  # jumps to and fro
    assert all(0 < move < 0.1 for move in moves[7:])  # and then goes along the floor

    steep = {lr: evidence()[f"quadratic, curvatures 1 and 20, {lr}"] for lr in (0.01, 0.095, 0.1005)}
    assert steep[0.01][0][-1] < -1  # creeps
    for lr, grows in ((0.095, False), (0.1005, True)):
        assert all(a * b < 0 for a, b in pairwise(steep[lr][1]))  # zigzags
        assert all((abs(b) > abs(a)) == grows for a, b in pairwise(steep[lr][1]))
    assert math.hypot(steep[0.095][0][-1], steep[0.095][1][-1]) < 0.01  # arrives


def test_limit_changes_along_the_valley(evidence):
    """2 / h_max of Rosenbrock's valley is 0.013 at the start, and rises to 0.1 on the path of the rate 0.02."""
    limits = []
    for x, y in rosenbrock_path(evidence(), 0.02):
        point = torch.tensor([x, y], dtype=torch.float64)
        hessian = torch.autograd.functional.hessian(lambda p: rosenbrock(p[0], p[1]), point)
        limits.append(2 / torch.linalg.eigvalsh(hessian)[-1].item())
    assert limits[0] == pytest.approx(0.013, abs=0.0005)
    assert limits[0] < 0.02 < min(limits[3:])
    assert max(limits) == pytest.approx(0.1, abs=0.005)


def test_no_memory():
    """Nothing is kept for a parameter."""
    assert numbers_per_parameter(torch.optim.SGD, lr=0.1) == 0
