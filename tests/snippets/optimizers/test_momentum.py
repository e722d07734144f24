"""Heavy-ball momentum: step by step against torch, closed forms, and the claims of its page."""

import math

import pytest
import torch

from snippets.optimizers.momentum.evidence import digits_loss, distances
from snippets.optimizers.momentum.from_scratch import MomentumSGD
from tests.support.optimizers import numbers_per_parameter, same_trajectory


@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
@pytest.mark.parametrize(
    "settings",
    [
        {"momentum": 0.9},
        {"momentum": 0.9, "dampening": 0.5},
        {"momentum": 0.0, "dampening": 0.5},  # torch leaves nothing out of plain SGD
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


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9, 0.99])
def test_steady_gradient_is_ten_times_longer(momentum):
    """Under a steady gradient the step grows from lr to lr / (1 - momentum): ten times lr at 0.9."""
    lengths = steps_under_constant_gradient(2000, lr=0.01, momentum=momentum)
    assert lengths[0] == pytest.approx(0.01)
    assert lengths[-1] == pytest.approx(0.01 / (1 - momentum), rel=1e-6)


def test_default_is_no_momentum():
    """torch's default momentum is 0: the steps under a steady gradient stay lr times the gradient."""
    assert torch.optim.SGD([torch.zeros(1)]).defaults["momentum"] == 0
    assert steps_under_constant_gradient(100, lr=0.01)[-1] == pytest.approx(0.01)


def test_decay_passes_through_the_buffer():
    """With momentum 0.9 a weight without gradient shrinks by ten times lr * weight_decay a step, once under way."""
    theta = torch.nn.Parameter(torch.ones(1, dtype=torch.float64))
    optimizer = torch.optim.SGD([theta], lr=0.1, momentum=0.9, weight_decay=1e-4)
    for _ in range(200):
        before = theta.item()
        theta.grad = torch.zeros_like(theta)
        optimizer.step()
    assert 1 - theta.item() / before == pytest.approx(10 * 0.1 * 1e-4, rel=0.01)


def test_dampening_spares_the_first_step():
    """The buffer starts as the first gradient itself; only later gradients are multiplied by 1 - dampening."""
    lengths = steps_under_constant_gradient(400, lr=0.01, momentum=0.9, dampening=0.9)
    assert lengths[0] == pytest.approx(0.01)
    assert lengths[1] == pytest.approx(0.01 * (0.9 + 0.1))  # the first gradient keeps its full weight in the buffer
    assert steps_under_constant_gradient(400, lr=0.01, momentum=0.9, dampening=0.5)[-1] == pytest.approx(0.05)


@pytest.mark.parametrize("mu", [0.5, 0.81, 0.9, 0.99])
def test_rate_is_root_of_momentum(mu):
    """On a quadratic the error shrinks by sqrt(mu) a step in the long run, if (1-sqrt mu)^2 < h eta < (1+sqrt mu)^2."""
    root, eta = math.sqrt(mu), 0.1
    low, high = (1 - root) ** 2 / eta, (1 + root) ** 2 / eta
    for h in torch.linspace(low, high, 62)[1:-1].tolist():
        matrix = torch.tensor([[1 + mu - eta * h, -mu], [1.0, 0.0]], dtype=torch.float64)
        assert torch.linalg.eigvals(matrix).abs().tolist() == pytest.approx([root, root])
    for outside in (0.9 * low, 1.1 * high):
        matrix = torch.tensor([[1 + mu - eta * outside, -mu], [1.0, 0.0]], dtype=torch.float64)
        assert torch.linalg.eigvals(matrix).abs().max() > root + 1e-3  # slower than inside
    for h in (low + 0.05 * (high - low), (low + high) / 2, high - 0.05 * (high - low)):
        theta = torch.nn.Parameter(torch.ones(1, dtype=torch.float64))
        optimizer = torch.optim.SGD([theta], lr=eta, momentum=mu)
        path = []
        for _ in range(420):
            path.append(theta.item())
            theta.grad = h * theta.detach()
            optimizer.step()
        early, late = math.hypot(*path[100:102]), math.hypot(*path[400:402])
        assert (late / early) ** (1 / 300) == pytest.approx(root, rel=0.01)  # the phase of the oscillation


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9, 0.99])
def test_large_momentum_needs_no_smaller_rate_to_be_stable(momentum):
    """The bound on eta h is 2 (1 + mu): 3.8 at 0.9 instead of 2."""

    def ends_smaller(eta_h: float) -> bool:
        theta = torch.nn.Parameter(torch.ones(1, dtype=torch.float64))
        optimizer = torch.optim.SGD([theta], lr=eta_h, momentum=momentum)
        for _ in range(3000):
            theta.grad = theta.detach().clone()
            optimizer.step()
        return abs(theta.item()) < 1

    bound = 2 * (1 + momentum)
    assert ends_smaller(bound - 0.01)
    assert not ends_smaller(bound + 0.01)


@pytest.mark.parametrize(("h", "sigma"), [(0.5, 2.0), (4.0, 0.3)])
@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("eta_h", [0.01, 0.5])
def test_noise_is_not_averaged_away(eta_h, momentum, h, sigma):
    """The variance settles at eta sigma^2 (1 + mu) / (h (1 - mu) (2 + 2 mu - eta h)): tenfold at 0.9, small eta h.

    For small eta h, SGD without momentum at ten times the rate has the same variance.
    """

    def settled(mu: float, eta_h: float = eta_h) -> float:
        return eta_h / h * sigma**2 * (1 + mu) / (h * (1 - mu) * (2 + 2 * mu - eta_h))

    torch.manual_seed(0)
    theta = torch.nn.Parameter(torch.zeros(20_000))
    optimizer = torch.optim.SGD([theta], lr=eta_h / h, momentum=momentum)
    for _ in range(max(100, round(6 * (1 - momentum) / eta_h))):
        theta.grad = h * theta.detach() + sigma * torch.randn_like(theta)
        optimizer.step()
    assert theta.var().item() == pytest.approx(settled(momentum), rel=0.06)  # 1% of spread with 20,000 samples
    if eta_h <= 0.01:
        assert settled(0.9) == pytest.approx(10 * settled(0.0), rel=0.01)
        assert settled(0.9) == pytest.approx(settled(0.0, 10 * eta_h), rel=0.06)  # eta h itself is the error


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
    noisy = torch.randn(60, generator=torch.Generator().manual_seed(0)).tolist()
    for mu in (0.5, 0.9, 0.99):
        assert torch_form(noisy, [0.1] * 60, mu) == pytest.approx(paper_form(noisy, [0.1] * 60, mu))
    gradients, rates = [1.0] * 60, [0.1] * 50 + [0.01] * 10
    ours, theirs = torch_form(gradients, rates, 0.9), paper_form(gradients, rates, 0.9)
    assert (ours[50] - ours[49]) / (ours[49] - ours[48]) == pytest.approx(0.1, rel=0.01)
    assert (theirs[50] - theirs[49]) / (theirs[49] - theirs[48]) > 0.9


def test_resume_without_state_stalls():
    """A run resumed without the optimizer's state begins with a step a tenth as long; the 22nd is nine tenths."""
    whole = steps_under_constant_gradient(200, lr=0.01, momentum=0.9)[-1]
    resumed = [length / whole for length in steps_under_constant_gradient(22, lr=0.01, momentum=0.9)]
    assert resumed[0] == pytest.approx(0.1, rel=1e-6)
    assert resumed[20] < 0.9 < resumed[21] < 0.91


@pytest.mark.parametrize("eta_h", [1e-4, 3e-5, 1e-5])
@pytest.mark.parametrize("sigma", [0.0, 1.0])
def test_small_rate_equals_a_larger_plain_one(eta_h, sigma):
    """On a quadratic, eta h up to 1e-4, momentum 0.9 and plain SGD at ten times the rate differ by under 1%.

    The difference is a root mean square over 100 runs, as a share of the distance at the start; the noise has the size
    of the first gradient.
    """

    def path(lr: float, momentum: float) -> torch.Tensor:
        generator = torch.Generator().manual_seed(0)
        theta = torch.nn.Parameter(torch.ones(100, dtype=torch.float64))
        optimizer = torch.optim.SGD([theta], lr=lr, momentum=momentum)
        values = []
        for _ in range(2000):
            theta.grad = theta.detach() + sigma * torch.randn(100, dtype=torch.float64, generator=generator)
            optimizer.step()
            values.append(theta.detach().clone())
        return torch.stack(values)  # (steps, runs)

    difference = path(eta_h, 0.9) - path(10 * eta_h, 0.0)
    assert difference.square().mean(dim=1).sqrt().max() < 0.01


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
    """On digits plain SGD at 0.1 reaches a loss some fifteen steps before 0.01 with momentum 0.9; 0.01 alone stays.

    At 1 plain SGD is behind 0.1 with momentum 0.9 after 75 steps, with six seeds, in the mean by over a third.
    """
    momentum, plain, slow = (torch.tensor(curve) for curve in evidence()["digits"].values())
    lags = []
    for level in torch.linspace(2.2, 0.6, 17):
        lags.append(int((momentum < level).int().argmax() - (plain < level).int().argmax()))
    assert all(5 <= lag <= 30 for lag in lags)
    assert sum(lags) / len(lags) == pytest.approx(15, abs=4)
    assert (momentum[15:] - plain[:-15]).abs().max() < 0.15
    assert momentum.min() < 0.6
    assert slow.min() > 2.1
    pairs = [  # the mean of steps 51 to 75
        (digits_loss(0.1, 0.9, steps=75, seed=seed)[-1], digits_loss(1.0, 0.0, steps=75, seed=seed)[-1])
        for seed in range(6)
    ]
    assert all(heavy < bare for heavy, bare in pairs)
    assert sum(heavy for heavy, _ in pairs) < 2 / 3 * sum(bare for _, bare in pairs)


def test_one_number_for_a_parameter():
    """The buffer: one number for each parameter."""
    assert numbers_per_parameter(torch.optim.SGD, lr=0.1, momentum=0.9) == 1


def test_a_tenth_of_the_rate_learns_again():
    """On the digits a rate of 1 learns without momentum, not with 0.9 (finite, above 1), and 0.1 learns with 0.9."""
    for seed in range(6):
        assert digits_loss(1.0, 0.0, seed=seed)[-1] < 0.5
        assert 1 < min(digits_loss(1.0, 0.9, seed=seed)[-100:]) < math.inf
        assert digits_loss(0.1, 0.9, seed=seed)[-1] < 0.3
