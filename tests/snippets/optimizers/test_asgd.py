"""ASGD: step by step against torch, the running mean, and the claims of its page."""

from functools import partial

import pytest
import torch

import snippets.optimizers.asgd.evidence as experiment
from snippets.optimizers.asgd.from_scratch import ASGD
from snippets.optimizers.asgd.use import make_optimizer, swap_averages
from tests.support.optimizers import numbers_per_parameter, same_trajectory


@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
@pytest.mark.parametrize(
    "settings", [{}, {"t0": 10, "lambd": 0.1}, {"t0": 0, "alpha": 0.5, "weight_decay": 0.1}, {"maximize": True}]
)
def test_equals_torch(settings, dtype):
    """Over 120 noisy steps values and averages equal torch.optim.ASGD's."""
    assert same_trajectory(ASGD, torch.optim.ASGD, dtype=dtype, **settings) < 1e-10


def run(steps: int, size: int = 4, **settings: float) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Iterates (steps, size), and the optimizer's final parameter and average."""
    torch.manual_seed(0)
    theta = torch.nn.Parameter(torch.ones(size, dtype=torch.float64))
    optimizer = torch.optim.ASGD([theta], **settings)
    iterates = []
    for _ in range(steps):
        theta.grad = theta.detach() + torch.randn(size, dtype=torch.float64)
        optimizer.step()
        iterates.append(theta.detach().clone())
    return torch.stack(iterates), theta.detach(), optimizer.state[theta]["ax"]


def test_average_is_the_running_mean():
    """Until step t0 + 2, ax is a copy of the iterate; from there on the plain mean of the iterates."""
    for steps in (1, 50, 52):
        _, theta, average = run(steps, lr=0.1, t0=50)
        assert torch.equal(theta, average)
    iterates, _, average = run(200, lr=0.1, t0=50)
    torch.testing.assert_close(average, iterates[51:].mean(dim=0), rtol=1e-6, atol=1e-7)  # weights kept in float32
    theta, path = torch.nn.Parameter(torch.ones(4)), []
    optimizer = torch.optim.ASGD([theta], lr=0.1, t0=50)
    for _ in range(2000):
        theta.grad = theta.detach() + torch.randn(4)
        optimizer.step()
        path.append(theta.detach().double())
    torch.testing.assert_close(optimizer.state[theta]["ax"].double(), torch.stack(path)[51:].mean(0), rtol=0, atol=1e-5)


@pytest.mark.parametrize("kind", [torch.optim.ASGD, ASGD])
def test_bfloat16_average_stops(kind):
    """Minimum at 1: bfloat16's average has an error of 0.08 after 1,000 and 5,000 steps, float32's of 0.03 and 0.014.

    The mean of the very path in bfloat16 is as good as float32's: it is the average in bfloat16 that stops.
    """
    for dtype, at_1000, at_5000 in ((torch.bfloat16, 0.08, 0.08), (torch.float32, 0.03, 0.014)):
        torch.manual_seed(0)
        theta = torch.nn.Parameter(torch.ones(1000, dtype=dtype))
        optimizer, total, errors = kind([theta], lr=0.1, t0=100, lambd=0.0), torch.zeros(1000, dtype=torch.float64), {}
        for step in range(1, 5001):
            theta.grad = theta.detach() - 1 + torch.randn(1000).to(dtype)
            optimizer.step()
            total += theta.detach() if step >= 102 else 0
            errors[step] = (optimizer.state[theta]["ax"].double() - 1).square().mean().sqrt().item()
        assert (errors[1000], errors[5000]) == pytest.approx((at_1000, at_5000), rel=0.1)
        assert (total / 4899 - 1).square().mean().sqrt().item() == pytest.approx(0.014, rel=0.1)


@pytest.mark.parametrize("kind", [torch.optim.ASGD, partial(torch.optim.ASGD, foreach=True), ASGD])
def test_new_rate_comes_one_step_late(kind):
    """A rate that a scheduler sets before step 4 is used from step 5 on; with SGD from step 4 on."""
    moves = {}
    for name, make in (("ASGD", partial(kind, lambd=0.0)), ("SGD", torch.optim.SGD)):
        theta = torch.nn.Parameter(torch.zeros(2))
        optimizer = make([theta], lr=0.5)
        scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [3], gamma=0.5)
        moves[name] = []
        for _ in range(6):
            before = theta.detach().clone()
            theta.grad = torch.ones(2)
            optimizer.step()
            scheduler.step()
            moves[name].append((before - theta.detach()).max().item())
    assert moves == {"SGD": [0.5] * 3 + [0.25] * 3, "ASGD": [0.5] * 4 + [0.25] * 2}


def test_default_never_averages():
    """With torch's default t0 of a million, ax is a copy of the last iterate through step 1,000,002."""
    _, theta, average = run(500, lr=0.1)
    assert torch.equal(theta, average)
    optimizer = torch.optim.ASGD([theta := torch.nn.Parameter(torch.ones(3))])
    copies = []
    for step in [1, *range(999_999, 1_000_005)]:
        if step == 999_999:
            optimizer.state[theta]["step"].fill_(step - 1)  # as if all steps between had been taken
        theta.grad = theta.detach().sin() + step % 2
        optimizer.step()
        copies.append(torch.equal(optimizer.state[theta]["ax"], theta))
    assert copies == [True] * 5 + [False] * 2


def test_average_is_not_in_the_model():
    """The parameters are the iterates; the average is used only after it has been copied into them."""
    theta = torch.nn.Parameter(torch.ones(3))
    optimizer = make_optimizer([theta])
    for step in range(300):
        theta.grad = theta.detach() + (-1.0) ** step
        optimizer.step()
    iterate, average = theta.detach().clone(), optimizer.state[theta]["ax"].clone()
    assert not torch.equal(iterate, average)
    swap_averages(optimizer)
    assert torch.equal(theta, average)
    swap_averages(optimizer)
    assert torch.equal(theta, iterate)


@pytest.mark.parametrize("lr", [0.1, 0.3])
def test_average_has_less_noise(lr):
    """On a quadratic with noisy gradients the average's squared error is less than a tenth of the last iterate's."""
    _, theta, average = run(3000, size=500, lr=lr, t0=100)
    assert average.square().mean() < 0.1 * theta.square().mean()


def test_settings_of_awd_lstm():
    """With t0=0 and lambd=0 the mean begins at step 2, the rate stays, and only weight_decay shrinks the weights."""
    iterates, _, average = run(100, lr=0.1, t0=0, lambd=0.0)
    torch.testing.assert_close(average, iterates[1:].mean(dim=0), rtol=1e-6, atol=1e-7)
    for weight_decay in (0.0, 1.2e-6):
        theta = torch.nn.Parameter(torch.ones(3, dtype=torch.float64))
        optimizer = torch.optim.ASGD([theta], lr=30, t0=0, lambd=0.0, weight_decay=weight_decay)
        for _ in range(50):
            theta.grad = torch.zeros_like(theta)
            optimizer.step()
        torch.testing.assert_close(theta.detach(), torch.full_like(theta, (1 - 30 * weight_decay) ** 50))
        assert optimizer.state[theta]["eta"].item() == 30


def test_average_stops_beside_the_minimum():
    """Logistic regression, one weight of 1: the mean stops 0.05, 0.11 and 0.21 off at rates of 0.25, 0.5 and 1."""
    offs = []
    for lr in (0.25, 0.5, 1.0):
        torch.manual_seed(0)
        w = torch.nn.Parameter(torch.ones(2000))  # two thousand regressions, which begin at the minimum
        optimizer = torch.optim.ASGD([w], lr=lr, t0=0, lambd=0.0)
        means, spreads = [], []
        for step in range(1, 2001):
            x = torch.randn(2000)
            y = (torch.rand(2000) < x.sigmoid()).float()
            w.grad = ((x * w.detach()).sigmoid() - y) * x
            optimizer.step()
            if step % 1000 == 0:
                means.append(optimizer.state[w]["ax"].mean().item() - 1)
                spreads.append(optimizer.state[w]["ax"].std().item())
        assert means[1] == pytest.approx(means[0], rel=0.1)  # at rest; and the runs draw together:
        assert spreads[1] == pytest.approx(spreads[0] / 2**0.5, rel=0.1)
        offs.append(means[1])
    assert offs == pytest.approx([0.05, 0.11, 0.21], abs=0.005)
    assert (offs[1] / offs[0], offs[2] / offs[1]) == pytest.approx((2, 2), rel=0.1)


def test_batch_norm_needs_new_statistics():
    """After the swap BatchNorm still has the iterates' running mean, until update_bn computes the averages' own."""
    torch.manual_seed(0)
    x = torch.randn(256, 4) + 1
    model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.BatchNorm1d(8), torch.nn.Linear(8, 1))
    optimizer = torch.optim.ASGD(model.parameters(), lr=0.1, t0=0)
    for _ in range(100):
        optimizer.zero_grad()
        (model(x) - torch.randn(256, 1)).square().mean().backward()
        for p in model.parameters():
            p.grad += torch.randn_like(p)  # the noise of small batches
        optimizer.step()
    before = model[1].running_mean.clone()
    swap_averages(optimizer)
    assert torch.equal(model[1].running_mean, before)
    actual = model[0](x).detach().mean(dim=0)
    assert (before - actual).abs().max() > 0.1
    torch.optim.swa_utils.update_bn([x], model)
    torch.testing.assert_close(model[1].running_mean, actual)


def test_average_passes_the_noise_floor(evidence):
    """The last iterate stays at SGD's floor; the average falls to the best estimate's error, 1.6 times it at most."""
    ends = []
    for lr in (0.02, 0.1):
        last, average = (evidence()[str(lr)][key] for key in ("last", "average"))  # errors every 100 steps
        floor = lr * experiment.SIZE / (2 - lr * (experiment.SIZE + 2))  # closed form for Gaussian examples, noise of 1
        assert last[2:] == pytest.approx([floor] * len(last[2:]), rel=0.2)  # means of 1,000 runs
        over_best = [error * 100 * i / experiment.SIZE for i, error in enumerate(average, 1)]
        assert over_best[-1] < over_best[9] < over_best[4] < over_best[1] / 1.3
        assert over_best[-1] < 1.6
        assert average[-1] < average[14] / 1.5 < average[4] / 3  # goes on falling
        ends.append((last[-1], average[-1]))
    assert ends[1][0] / ends[0][0] == pytest.approx(7, abs=1)
    assert ends[1][1] / ends[0][1] == pytest.approx(1.4, abs=0.1)


@pytest.mark.parametrize("lr", [0.02, 0.1])
def test_decay_removes_most_of_the_noise(evidence, lr):
    """A line to 0 leaves under a fifth of the last error, the average at a constant rate under half of that."""
    torch.manual_seed(0)
    truth = torch.randn(experiment.RUNS, experiment.SIZE)
    w = torch.zeros_like(truth, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=lr)
    scheduler = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, total_iters=experiment.STEPS)
    for _ in range(experiment.STEPS):
        x, noise = torch.randn_like(truth), torch.randn(experiment.RUNS)
        w.grad = ((x * (w.detach() - truth)).sum(dim=1) - noise).unsqueeze(1) * x
        optimizer.step()
        scheduler.step()
    decayed = (w.detach() - truth).square().sum(dim=1).mean().item()
    last, average = (evidence()[str(lr)][key][-1] for key in ("last", "average"))
    assert 2 * average < decayed < last / 5


def test_early_average_lags_behind(evidence):
    """At rate 0.02 the average from the first step on has the larger error at step 500, and the smaller at 600."""
    last, average = experiment.errors(0.02, -1)  # t0 + 2 is step 1
    assert all(b > 1.05 * a for a, b in zip(last[:5], average[:5], strict=True))  # steps 100 to 500
    assert all(b < 0.9 * a for a, b in zip(last[5:], average[5:], strict=True))
    late_start = evidence()["0.02"]["average"]
    assert all(b > 1.3 * a for a, b in zip(late_start, average, strict=True))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("default", [torch.float32, torch.float64])
@pytest.mark.parametrize("kind", [torch.optim.ASGD, ASGD])
def test_rate_has_the_default_precision(kind, default, dtype):
    """torch keeps the rate in the default precision, float32 or float64, whatever the parameters have."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(default)
    try:
        theta = torch.nn.Parameter(torch.zeros(1, dtype=dtype))
        optimizer = kind([theta], lr=0.1)
        theta.grad = torch.ones_like(theta)
        optimizer.step()
        assert optimizer.state[theta]["eta"].dtype == default
        assert optimizer.state[theta]["ax"].dtype == dtype
    finally:
        torch.set_default_dtype(before)


def test_rate_hardly_falls_by_default():
    """lr / (1 + lambd lr t)^alpha: ten thousand steps take less than 1% of it by default, 7% from the page's 0.1."""
    for make, lr, left in ((torch.optim.ASGD, 0.01, 0.9926), (make_optimizer, 0.1, 0.931)):
        theta = torch.nn.Parameter(torch.zeros(1))
        optimizer = make([theta])
        for _ in range(10_000):
            theta.grad = torch.zeros(1)
            optimizer.step()
        assert optimizer.state[theta]["eta"].item() == pytest.approx(lr * left, rel=1e-4)
        assert left == pytest.approx((1 + 1e-4 * lr * 10_000) ** -0.75, abs=1e-4)


def test_lambd_decays_weights_too():
    """Each step also multiplies the weights by 1 - lambd * eta, with weight_decay at 0."""
    theta = torch.nn.Parameter(torch.ones(1, dtype=torch.float64))
    optimizer = torch.optim.ASGD([theta], lr=0.1, lambd=0.5, alpha=0.0)
    for _ in range(20):
        theta.grad = torch.zeros(1, dtype=torch.float64)
        optimizer.step()
    assert theta.item() == pytest.approx(0.95**20, rel=1e-6)


def test_one_number_for_a_parameter():
    """The average: one number for each parameter."""
    assert numbers_per_parameter(torch.optim.ASGD) == 1
