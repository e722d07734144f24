"""Adam: step by step against torch, closed forms, and the claims of its page."""

import math

import pytest
import torch

from snippets.optimizers.adam.from_scratch import Adam
from snippets.optimizers.adam.use import make_optimizer
from tests.support.optimizers import noisy_gradients, numbers_per_parameter, same_trajectory, two_matrices


@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"betas": (0.5, 0.9), "eps": 1e-3},
        {"weight_decay": 0.1},
        {"amsgrad": True},
        {"maximize": True, "weight_decay": 0.1, "amsgrad": True},
    ],
)
def test_equals_torch(settings, dtype):
    """Values and state equal torch.optim.Adam's over 120 noisy steps: weight decay, amsgrad, maximize, complex."""
    assert same_trajectory(Adam, torch.optim.Adam, dtype=dtype, **({"lr": 0.02} | settings)) < 1e-12


@pytest.mark.parametrize("scale", [1e-5, 1.0, 1e5])
def test_first_step_is_the_rate(scale):
    """Each parameter's first step has length lr for gradients from 1e-5 to 1e5, and half of that for one of eps."""
    theta = torch.nn.Parameter(torch.zeros(50, dtype=torch.float64))
    optimizer = torch.optim.Adam([theta], lr=0.01)
    theta.grad = scale * (1 + torch.rand(50, dtype=torch.float64)) * torch.tensor([1.0, -1.0]).repeat(25)
    optimizer.step()
    torch.testing.assert_close(theta.detach(), -0.01 * theta.grad.sign(), rtol=2e-3, atol=0)  # eps over the gradient

    small = torch.nn.Parameter(torch.zeros(3, dtype=torch.float64))
    optimizer = torch.optim.Adam([small], lr=0.01)
    small.grad = torch.tensor([1e-8, -1e-8, 0.0], dtype=torch.float64)
    optimizer.step()
    torch.testing.assert_close(small.detach(), torch.tensor([-0.005, 0.005, 0.0], dtype=torch.float64))


def test_without_correction_first_steps_are_too_long():
    """m / sqrt(v) of torch's own state under a constant gradient: 3.2 after a step, at most 6.6, at the twelfth."""
    theta = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
    optimizer = torch.optim.Adam([theta], lr=0.01)
    uncorrected = []
    for _ in range(100):
        theta.grad = torch.full_like(theta, 0.5)
        optimizer.step()
        state = optimizer.state[theta]
        uncorrected.append((state["exp_avg"] / state["exp_avg_sq"].sqrt()).item())
    assert uncorrected[0] == pytest.approx(3.2, abs=0.05)
    assert uncorrected[11] == pytest.approx(6.6, abs=0.05)
    assert max(uncorrected) == uncorrected[11]


def noise(step: int) -> torch.Tensor:
    return torch.randn(500, generator=torch.Generator().manual_seed(step))


def test_noise_makes_steps_smaller():
    """Defaults, after the start: steps under a constant gradient have length lr, under pure noise 0.23 lr (RMS)."""
    constant, noisy = torch.nn.Parameter(torch.zeros(500)), torch.nn.Parameter(torch.zeros(500))
    optimizer = torch.optim.Adam([constant, noisy], lr=1e-3)
    lengths = []
    for step in range(1500):
        before = [p.detach().clone() for p in (constant, noisy)]
        constant.grad, noisy.grad = torch.full_like(constant, 3.0), noise(step)
        optimizer.step()
        lengths.append(
            [(p.detach() - b).square().mean().sqrt().item() for p, b in zip((constant, noisy), before, strict=True)]
        )
    steady, random = torch.tensor(lengths[-100:]).mean(dim=0).tolist()
    assert steady == pytest.approx(1e-3, rel=1e-3)
    assert random == pytest.approx(0.23e-3, rel=0.05)
    assert math.sqrt(0.1 / 1.9) == pytest.approx(0.23, abs=0.001)  # noise through a mean with beta1 = 0.9


def test_gradient_scale_does_not_matter():
    """A loss multiplied by 1000 gives the same path."""
    paths = []
    for scale in [1.0, 1000.0]:
        parameters = two_matrices()
        optimizer = torch.optim.Adam(parameters, lr=0.01)
        for step in range(100):
            noisy_gradients(parameters, step)
            for p in parameters:
                p.grad = scale * p.grad
            optimizer.step()
        paths.append(torch.cat([p.detach().flatten() for p in parameters]))
    torch.testing.assert_close(*paths, rtol=1e-5, atol=1e-6)  # eps is not multiplied


def test_without_momentum_and_correction_it_is_rmsprop():
    """beta1 = 0, eps = 0 and the rate lr sqrt(1 - beta2^t), which undoes the correction of v, give RMSProp."""
    ours, theirs = two_matrices(), two_matrices()
    adam = torch.optim.Adam(ours, lr=0.0, betas=(0.0, 0.99), eps=0.0)
    rmsprop = torch.optim.RMSprop(theirs, lr=0.01, alpha=0.99, eps=0.0)
    for step in range(100):
        noisy_gradients(ours, step)
        noisy_gradients(theirs, step)
        adam.param_groups[0]["lr"] = 0.01 / math.sqrt(1 - 0.99 ** (step + 1))
        adam.step()
        rmsprop.step()
        for p, q in zip(ours, theirs, strict=True):
            torch.testing.assert_close(p, q, rtol=1e-10, atol=1e-12)


def test_eps_stands_outside_both_corrections():
    """torch follows algorithm 1; the reordered form of the paper's section 2 needs eps sqrt(1 - beta2^t) to agree."""
    theta, eps, lr = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64)), 1e-2, 0.1
    optimizer = torch.optim.Adam([theta], lr=lr, eps=eps)
    m = v = 0.0
    algorithm_1 = reordered = corrected = 0.0
    for t in range(1, 30):
        g = math.sin(t) * 1e-2
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        c1, c2 = 1 - 0.9**t, 1 - 0.999**t
        algorithm_1 -= lr * (m / c1) / (math.sqrt(v / c2) + eps)
        reordered -= lr * math.sqrt(c2) / c1 * m / (math.sqrt(v) + eps)
        corrected -= lr * math.sqrt(c2) / c1 * m / (math.sqrt(v) + eps * math.sqrt(c2))
        theta.grad = torch.full_like(theta, g)
        optimizer.step()
    assert theta.item() == pytest.approx(algorithm_1, rel=1e-9)
    assert theta.item() == pytest.approx(corrected, rel=1e-9)
    assert abs(theta.item() / reordered) > 2


def test_weight_decay_is_an_l2_penalty():
    """Adam(weight_decay=c) takes the steps of Adam on loss + c/2 |theta|^2."""
    a, b = (torch.nn.Parameter(torch.arange(1.0, 5.0, dtype=torch.float64)) for _ in range(2))
    first, second = torch.optim.Adam([a], lr=0.1, weight_decay=0.3), torch.optim.Adam([b], lr=0.1)
    for _ in range(50):
        first.zero_grad()
        a.cos().sum().backward()
        first.step()
        second.zero_grad()
        (b.cos().sum() + 0.15 * b.square().sum()).backward()
        second.step()
    torch.testing.assert_close(a, b)


def test_ahead_where_scales_differ(evidence) -> None:
    """With pixels scaled unequally Adam's lowest loss of all rates is under two thirds of momentum's, else close to it.

    No curve breaks off: every run of the figure has a finite loss.
    """
    runs = {name: torch.tensor(losses) for name, losses in evidence().items()}  # (seeds, rates)
    assert all(losses.isfinite().all() for losses in runs.values())
    lowest = {name: losses.mean(dim=0).min().item() for name, losses in runs.items()}
    plain, unequal = "pixels as they are", "pixels scaled by 0.01 to 10"
    assert lowest[f"Adam, {unequal}"] < 2 / 3 * lowest[f"SGD, momentum 0.9, {unequal}"]
    assert (
        abs(lowest[f"SGD, momentum 0.9, {plain}"] - lowest[f"Adam, {plain}"]) < 0.08
    )  # single seeds differ by as much


def test_refuses_sparse_gradients():
    """An embedding with sparse=True: Adam raises an error that names SparseAdam, which takes the gradient."""
    embedding = torch.nn.Embedding(10, 4, sparse=True)
    embedding(torch.tensor([1, 2])).sum().backward()
    with pytest.raises(RuntimeError, match=r"does not support sparse gradients.*SparseAdam"):
        make_optimizer(embedding.parameters()).step()
    torch.optim.SparseAdam(list(embedding.parameters())).step()


def test_two_numbers_for_a_parameter():
    """m and v: 8 bytes for each float32 parameter; amsgrad adds a third number."""
    theta = torch.nn.Parameter(torch.ones(1000))
    optimizer = torch.optim.Adam([theta])
    theta.grad = torch.ones_like(theta)
    optimizer.step()
    kept = [value for value in optimizer.state[theta].values() if value.numel() == theta.numel()]
    assert sum(value.numel() * value.element_size() for value in kept) == 8 * theta.numel()
    assert numbers_per_parameter(torch.optim.Adam) == 2
    assert numbers_per_parameter(torch.optim.Adam, amsgrad=True) == 3


@pytest.mark.parametrize("gradient", [0.0, 1e-3])
def test_float16_eps_is_zero(gradient):
    """In float16 the default eps rounds to 0, and so does a thousandth of the square of 1e-3.

    A gradient of 0 makes it NaN, one of 1e-3 infinite.
    """
    half = {"dtype": torch.float16}
    assert torch.tensor(1e-8, **half) == 0
    square = torch.tensor(1e-3, **half) ** 2
    assert square > 0
    assert square * (1 - 0.999) == 0

    def after_a_step(**settings: float) -> torch.Tensor:
        theta = torch.nn.Parameter(torch.ones(3, dtype=torch.float16))
        theta.grad = torch.full_like(theta, gradient)
        torch.optim.Adam([theta], lr=1e-3, **settings).step()
        return theta.detach()

    assert (after_a_step().isnan() if gradient == 0 else after_a_step().isinf()).all()
    assert torch.isfinite(after_a_step(eps=1e-4)).all()


def test_bfloat16_loses_the_update():
    """Steps below 1/512 of a bfloat16 weight leave it; a hundred steps of 1e-3 leave a weight of 1, and move 0.1."""
    weights = torch.cat([torch.arange(128, 256) * 2.0**exponent for exponent in (-12, -7, 3)])  # all with 8 bits
    below, above = weights * (1 - 0.99 / 512), weights * (1 + 0.99 / 512)
    assert torch.equal(weights.bfloat16().double(), weights.double())
    assert torch.equal(below.bfloat16(), weights.bfloat16())
    assert torch.equal(above.bfloat16(), weights.bfloat16())
    assert (weights * (1 - 1.01 / 256)).bfloat16().ne(weights.bfloat16()).all()  # a step above 1/256 always moves it

    def after(dtype: torch.dtype, weight: float = 1.0) -> float:
        theta = torch.nn.Parameter(torch.full((1,), weight, dtype=dtype))
        optimizer = torch.optim.Adam([theta], lr=1e-3)
        for _ in range(100):
            theta.grad = torch.ones_like(theta)
            optimizer.step()
        return theta.item()

    assert after(torch.bfloat16) == 1.0
    assert after(torch.bfloat16, 0.1) < 0.05
    assert after(torch.float32) == pytest.approx(0.9, abs=1e-3)


def test_resume_without_state_jumps():
    """Near a minimum a first step without the old state has length lr for each parameter, over four times the usual."""
    theta = torch.nn.Parameter(torch.zeros(500))
    optimizer = torch.optim.Adam([theta], lr=1e-3)
    for step in range(1500):
        before = theta.detach().clone()
        theta.grad = noise(step)
        optimizer.step()
    usual = (theta.detach() - before).square().mean().sqrt()
    resumed = torch.optim.Adam([theta], lr=1e-3)
    before = theta.detach().clone()
    resumed.step()
    jump = (theta.detach() - before).square().mean().sqrt()
    assert jump.item() == pytest.approx(1e-3, rel=1e-3)
    assert usual.item() == pytest.approx(1e-3 * math.sqrt(0.1 / 1.9), rel=0.1)  # noise through a mean with beta1 = 0.9
    assert jump / usual > 4


@pytest.mark.parametrize(("beta2", "jump"), [(0.999, 3.162), (0.95, 0.447)])
def test_a_gradient_after_silence(beta2, jump):
    """After long silence one gradient of any size moves its parameter (1 - beta1) / sqrt(1 - beta2) learning rates."""
    theta = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
    optimizer = torch.optim.Adam([theta], lr=1.0, betas=(0.9, beta2))
    for _ in range(9_000):  # until both corrections are over
        theta.grad = torch.zeros_like(theta)
        optimizer.step()
    theta.grad = torch.full_like(theta, 100.0)
    optimizer.step()
    assert -theta.item() == pytest.approx(jump, abs=1e-3)
    assert jump == pytest.approx(0.1 / math.sqrt(1 - beta2), abs=1e-3)
