"""RMSProp: step by step against torch, timm's TensorFlow variant against its formula, and the claims of its page."""

import functools
import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from snippets.optimizers.rmsprop.evidence import PHASE, SCALES
from snippets.optimizers.rmsprop.from_scratch import RMSprop
from tests.support.optimizers import numbers_per_parameter, same_trajectory, timm_optimizers


@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
@pytest.mark.parametrize(
    "settings", [{}, {"weight_decay": 0.1, "alpha": 0.9}, {"momentum": 0.9, "eps": 1e-3}, {"maximize": True}]
)
def test_equals_torch(settings, dtype):
    """Over 120 noisy steps values and state equal torch.optim.RMSprop's."""
    assert same_trajectory(RMSprop, torch.optim.RMSprop, dtype=dtype, **settings) < 1e-10


def lengths(gradients: list[float], **settings: float) -> list[float]:
    theta = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
    optimizer = torch.optim.RMSprop([theta], **settings)
    result = []
    for g in gradients:
        before = theta.item()
        theta.grad = torch.full_like(theta, g)
        optimizer.step()
        result.append(before - theta.item())
    return result


@pytest.mark.parametrize("gradient", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize(("alpha", "times"), [(0.99, 10), (0.9, 3.162)])
def test_first_step_is_ten_rates(gradient, alpha, times):
    """The first step is lr / sqrt(1 - alpha), ten times lr at 0.99, three at 0.9, far above eps / sqrt(1 - alpha).

    With an eps of 0.03 and a gradient of 0.01 it is a third of lr.
    """
    assert lengths([0.01], lr=1.0, eps=0.03)[0] == pytest.approx(1 / 3, rel=0.05)
    got = lengths([gradient] * 2000, lr=0.01, alpha=alpha)
    assert got[0] == pytest.approx(0.01 * times, rel=1e-3)
    assert got[0] == pytest.approx(0.01 / math.sqrt(1 - alpha), rel=1e-3)
    assert got[49] == pytest.approx(0.01 / math.sqrt(1 - alpha**50), rel=1e-3)
    assert got[-1] == pytest.approx(0.01, rel=1e-3)


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3])
def test_warmup_shortens_the_first_steps(size):
    """Steady gradient, learning rate raised linearly over 100 updates: no step is longer than 1.3 lr."""
    theta = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
    optimizer = torch.optim.RMSprop([theta], lr=0.01)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda t: min(1.0, (t + 1) / 100))
    longest = 0.0
    for _ in range(2000):
        before = theta.item()
        theta.grad = torch.full_like(theta, size)
        optimizer.step()
        scheduler.step()
        longest = max(longest, before - theta.item())
    assert 1.2 < longest / 0.01 < 1.3


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3])
def test_forgets_a_burst(size):
    """One gradient a hundred times larger makes the next steps ten times shorter; 1,000 steps later within 1 %."""
    got = lengths([size] * 2000 + [100 * size] + [size] * 1000, lr=0.01)
    usual = got[1999]
    assert got[2001] / usual == pytest.approx(0.1, rel=0.01)
    assert got[-1] == pytest.approx(usual, rel=0.01)


@pytest.mark.parametrize("size", [1e-2, 1.0, 1e2])
def test_adam_without_momentum_is_rmsprop(size):
    """After 3,000 noisy steps, when the start is forgotten, Adam with beta1 = 0 and beta2 = 0.99 takes RMSProp's."""
    ours, theirs = (torch.nn.Parameter(torch.zeros(20, dtype=torch.float64)) for _ in range(2))
    pairs = [
        (ours, torch.optim.RMSprop([ours], 0.01, eps=1e-12)),
        (theirs, torch.optim.Adam([theirs], 0.01, (0.0, 0.99), 1e-12)),
    ]
    generator = torch.Generator().manual_seed(0)
    for t in range(3100):
        grad = size * torch.randn(20, dtype=torch.float64, generator=generator)
        before = [p.detach().clone() for p, _ in pairs]
        for p, optimizer in pairs:
            p.grad = grad.clone()
            optimizer.step()
        (ours_step, theirs_step) = (p.detach() - start for (p, _), start in zip(pairs, before, strict=True))
        if t == 0:
            torch.testing.assert_close(theirs_step, -0.01 * grad.sign(), rtol=1e-4, atol=0)
            torch.testing.assert_close(ours_step, 10 * theirs_step, rtol=1e-4, atol=0)
        if t >= 3000:
            torch.testing.assert_close(ours_step, theirs_step, rtol=1e-8, atol=0)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_timm_puts_eps_inside_the_root(momentum):
    """timm's RMSpropTF: eps inside the root, v from 1, lr inside the buffer; torch: outside, from 0, outside."""
    ours, theirs = (torch.nn.Parameter(torch.zeros(1, dtype=torch.float64)) for _ in range(2))
    tensorflow = timm_optimizers().RMSpropTF([theirs], lr=0.01, alpha=0.9, eps=1e-3, momentum=momentum)
    native = torch.optim.RMSprop([ours], lr=0.01, alpha=0.9, eps=1e-3, momentum=momentum)
    expected_tf = expected = buffer_tf = buffer = v = 0.0
    v_tf = 1.0
    for t in range(60):
        g, lr = 0.05 * math.cos(t), 0.01 if t < 30 else 0.001
        v_tf, v = 0.9 * v_tf + 0.1 * g * g, 0.9 * v + 0.1 * g * g
        buffer_tf = momentum * buffer_tf + lr * g / math.sqrt(v_tf + 1e-3)
        buffer = momentum * buffer + g / (math.sqrt(v) + 1e-3)
        expected_tf -= buffer_tf
        expected -= lr * buffer
        for p, optimizer in [(theirs, tensorflow), (ours, native)]:
            optimizer.param_groups[0]["lr"] = lr
            p.grad = torch.full_like(p, g)
            optimizer.step()
        assert theirs.item() == pytest.approx(expected_tf)
        assert ours.item() == pytest.approx(expected)


def settled(kind: Callable[..., torch.optim.Optimizer], gradient: float, eps: float) -> float:
    """Length of a step in learning rates under a steady gradient, once the start of the mean is forgotten."""
    theta = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
    optimizer = kind([theta], lr=1.0, alpha=0.9, eps=eps)
    for _ in range(350):
        before = theta.item()
        theta.grad = torch.full_like(theta, gradient)
        optimizer.step()
    return before - theta.item()


def test_tensorflow_eps_needs_its_root():
    """TensorFlow's eps 1e-3: kept, steps up to 31.6 times as long for tiny gradients; its root, 1.42 shorter."""
    sizes = [10 ** (k / 2) for k in range(-12, 5)]  # 1e-6 to 100
    reference = [settled(timm_optimizers().RMSpropTF, g, 1e-3) for g in sizes]
    kept = [settled(torch.optim.RMSprop, g, 1e-3) / r for g, r in zip(sizes, reference, strict=True)]
    assert max(kept) == pytest.approx(31.6, abs=0.05)
    assert kept.index(max(kept)) == 0
    assert min(kept) > 0.999
    assert kept[-1] == pytest.approx(1, rel=1e-3)
    root = [r / settled(torch.optim.RMSprop, g, 0.0316) for g, r in zip(sizes, reference, strict=True)]
    assert min(root) > 0.999
    assert 1.40 < max(root) < 1.42


def test_start_from_zero_is_longer():
    """With the root of TensorFlow's eps torch's first step is up to 30 times as long: its mean starts at 0, not 1."""
    ratios = []
    for gradient in [10 ** (k / 2) for k in range(-12, 5)]:
        ends = []
        for kind, eps in ((torch.optim.RMSprop, 0.0316), (timm_optimizers().RMSpropTF, 1e-3)):
            theta = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
            optimizer = kind([theta], lr=1.0, alpha=0.9, eps=eps)
            theta.grad = torch.full_like(theta, gradient)
            optimizer.step()
            ends.append(theta.item())
        ratios.append(ends[0] / ends[1])
    assert max(ratios) == pytest.approx(30, abs=0.5)
    assert min(ratios) > 0.99


def test_momentum_comes_after_the_division():
    """Steady gradient, momentum 0.9: steps of ten lr; after lr has dropped to a tenth so has the very next step."""
    for size in (1e-2, 3.0):
        theta = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
        optimizer = torch.optim.RMSprop([theta], lr=0.001, momentum=0.9)
        got = []
        for step in range(3001):
            if step == 3000:
                optimizer.param_groups[0]["lr"] = 0.0001
            before = theta.item()
            theta.grad = torch.full_like(theta, size)
            optimizer.step()
            got.append(before - theta.item())
        assert got[-2] == pytest.approx(0.01, rel=1e-3)
        assert got[-1] == pytest.approx(0.001, rel=1e-3)


def test_one_number_for_a_parameter():
    """The mean of squares: one number for each parameter, two with momentum."""
    assert numbers_per_parameter(torch.optim.RMSprop) == 1
    assert numbers_per_parameter(torch.optim.RMSprop, momentum=0.9) == 2


@pytest.mark.parametrize("lr", [1e-3, 1e-1])
def test_never_settles_at_a_constant_rate(lr):
    """On a noisy quadratic steps of 0.8 to 1 lr and a distance of at least 0.4 lr, on average; without noise it rests.

    Two starts, three curvatures, and noise of 0.001 to 100 times the gradient at a distance of lr from the minimum at
    0.3, each 32 times, in float32: RMSProp treats each number by itself.
    """
    generator = torch.Generator().manual_seed(0)
    noise = torch.tensor([0.0, 1e-3, 1e-2, 0.1, 1.0, 10.0, 100.0])
    curvature = torch.tensor([0.1, 1.0, 10.0]).view(3, 1, 1)
    start = torch.tensor([50.3, 7.7]).view(2, 1, 1, 1)
    theta = torch.nn.Parameter((0.3 + start * lr).expand(2, 3, 32, len(noise)).clone())
    optimizer = torch.optim.RMSprop([theta], lr=lr)
    steps, distances = [], []
    for step in range(4000):
        before = theta.detach().clone()
        theta.grad = curvature * (before - 0.3 + lr * noise * torch.randn(theta.shape, generator=generator))
        optimizer.step()
        if step >= 3000:
            steps.append((theta.detach() - before).abs().mean(2) / lr)
            distances.append((theta.detach() - 0.3).abs().mean(2) / lr)
    length, distance = torch.stack(steps).mean(0), torch.stack(distances).mean(0)  # (start, curvature, noise)
    assert ((length[..., 1:] > 0.75) & (length[..., 1:] < 1.05)).all()
    assert (distance[..., 1:] > 0.39).all()
    assert max(length[0, :, 0].max(), distance[0, :, 0].max()) < 1e-3


@pytest.fixture(scope="module")
def phases(evidence) -> dict[str, Tensor]:
    """The experiment's lengths of the steps, in rates: (phases, steps); gradients times 1, 100, 1 and 0.01."""
    assert SCALES == [1.0, 100.0, 1.0, 0.01]
    return {name: torch.tensor(lengths).view(4, PHASE) for name, lengths in evidence().items()}


def ends(phases: Tensor) -> Tensor:
    """Mean length over the last 50 steps of each phase, as in the table."""
    return phases[:, -50:].mean(dim=1)


def test_recovers_within_a_thousand_steps(phases):
    """Gradients times 100: a jump from 0.8 rates to 9, within 10 % of the level after 200; divided by 100: about 1,000.

    The figure: the level at the end of each phase is 0.8.
    """
    grown, *shrunk = phases["RMSprop"][1:]
    level = ends(phases["RMSprop"])
    assert level.tolist() == pytest.approx([0.8] * 4, abs=0.05)
    assert grown[0].item() == pytest.approx(9, abs=0.5)
    assert grown[200:220].mean() == pytest.approx(level[0].item(), rel=0.1)
    for lengths_of_phase in shrunk:
        assert lengths_of_phase[:800].max() < 0.8 * level[0]
        assert lengths_of_phase[1000:1200].mean() == pytest.approx(level[0].item(), rel=0.1)


def steps_to_recover(kind: Callable[..., torch.optim.Optimizer], steps: int) -> int:
    """Steps after gradients have shrunk by 100 until the step has 90 % of its level at the end, to 50."""
    torch.manual_seed(0)
    theta = torch.zeros(200, requires_grad=True)
    optimizer = kind([theta], lr=1.0)
    result = []
    for step in range(PHASE + steps):
        before = theta.detach().clone()
        theta.grad = (100 if step < PHASE else 1) * torch.randn(200)
        optimizer.step()
        result.append((theta.detach() - before).abs().mean())
    windows = torch.stack(result[PHASE:]).view(-1, 50).mean(dim=1)
    return 50 * int((windows > 0.9 * windows[-10:].mean()).nonzero()[0])


def test_adam_needs_ten_times_as_many(phases):
    """Until 90 % of the level: 1,000 steps of RMSProp, 10,000 of Adam; in the figure it ends at a fiftieth."""
    quick = steps_to_recover(torch.optim.RMSprop, 2000)
    assert quick == pytest.approx(1000, rel=0.15)
    adam = functools.partial(torch.optim.Adam, fused=True)  # the same steps, in less time
    assert steps_to_recover(adam, 13_000) / quick == pytest.approx(10, rel=0.2)
    level = ends(phases["Adam"])
    assert level[1] == pytest.approx(level[0].item(), rel=0.2)  # back after gradients have grown
    assert (level[1:3] / level[2:]).tolist() == pytest.approx([50, 50], rel=0.15)
    assert level[2] > 1.5 * phases["Adam"][2, 50:150].mean()  # it rises, slowly


def test_memory_decides_the_recovery():
    """Adam with a beta2 of 0.99 is back within about as many steps as RMSProp with an alpha of 0.99."""
    adam = functools.partial(torch.optim.Adam, betas=(0.9, 0.99), fused=True)
    assert steps_to_recover(adam, 2000) == pytest.approx(steps_to_recover(torch.optim.RMSprop, 2000), rel=0.15)


def test_adagrad_does_not_recover(phases):
    """After gradients have shrunk AdaGrad's step is a hundredth of what it was and never grows again."""
    level = ends(phases["Adagrad"])
    assert level[1] == pytest.approx(level[0].item(), rel=0.2)  # back after gradients have grown
    for phase in (2, 3):
        lengths_of_phase = phases["Adagrad"][phase]
        assert level[phase] < 0.02 * level[phase - 1]
        assert level[phase] < 1.02 * lengths_of_phase[:50].mean()  # 2 % for chance: 50 steps of 400 parameters
