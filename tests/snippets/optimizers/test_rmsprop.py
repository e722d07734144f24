"""RMSProp: step by step against torch, TensorFlow's variant against timm, and the claims of its page."""

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
def test_first_step_is_ten_rates(gradient):
    """The mean of squares starts at 0, uncorrected: the first step is lr / sqrt(1 - alpha), ten rates at 0.99."""
    got = lengths([gradient] * 2000, lr=0.01)
    assert got[0] == pytest.approx(0.1, rel=1e-3)
    assert got[-1] == pytest.approx(0.01, rel=1e-3)
    assert got[49] == pytest.approx(0.01 / math.sqrt(1 - 0.99**50), rel=1e-3)


def test_forgets_a_burst():
    """A thousand steps after a gradient of 100, gradients of 1 move the parameter by lr again."""
    got = lengths([100.0] + [1.0] * 1500, lr=0.01)
    assert got[5] < 0.0015
    assert got[-1] == pytest.approx(0.01, rel=0.01)


def test_tensorflow_puts_eps_inside_the_root():
    """TensorFlow's form (timm) is g / sqrt(v + eps) with v starting at 1; torch's g / (sqrt(v) + eps) from 0."""
    reference = timm_optimizers().RMSpropTF
    ours, theirs = (torch.nn.Parameter(torch.zeros(1, dtype=torch.float64)) for _ in range(2))
    tensorflow = reference([theirs], lr=0.01, alpha=0.9, eps=1e-3)
    native = torch.optim.RMSprop([ours], lr=0.01, alpha=0.9, eps=1e-3)
    expected_tf = expected = 0.0
    v_tf, v = 1.0, 0.0
    for t in range(60):
        g = 0.05 * math.cos(t)
        v_tf, v = 0.9 * v_tf + 0.1 * g * g, 0.9 * v + 0.1 * g * g
        expected_tf -= 0.01 * g / math.sqrt(v_tf + 1e-3)
        expected -= 0.01 * g / (math.sqrt(v) + 1e-3)
        for p, optimizer in [(theirs, tensorflow), (ours, native)]:
            p.grad = torch.full_like(p, g)
            optimizer.step()
    assert theirs.item() == pytest.approx(expected_tf)
    assert ours.item() == pytest.approx(expected)
    assert abs(ours.item() - theirs.item()) > 0.01


def test_momentum_comes_after_the_division():
    """With momentum the buffer sums divided gradients: a steady gradient's step grows to lr / (1 - momentum)."""
    assert lengths([3.0] * 3000, lr=0.001, momentum=0.9)[-1] == pytest.approx(0.01, rel=1e-3)


def test_one_number_for_a_parameter():
    """The mean of squares: one number for each parameter, two with momentum."""
    assert numbers_per_parameter(torch.optim.RMSprop) == 1
    assert numbers_per_parameter(torch.optim.RMSprop, momentum=0.9) == 2


def test_never_settles_at_a_constant_rate():
    """On a quadratic the parameter ends in an oscillation of about half a rate to each side, not at the minimum."""
    theta = torch.nn.Parameter(torch.full((1,), 0.505, dtype=torch.float64))
    optimizer = torch.optim.RMSprop([theta], lr=0.01)
    tail = []
    for step in range(2000):
        optimizer.zero_grad()
        (0.5 * theta.square()).sum().backward()
        optimizer.step()
        tail += [theta.abs().item()] if step > 1900 else []
    assert 0.003 < max(tail) < 0.02


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


def test_adagrad_does_not_recover(phases):
    """After gradients have shrunk AdaGrad's step is a hundredth of what it was and never grows again."""
    level = ends(phases["Adagrad"])
    assert level[1] == pytest.approx(level[0].item(), rel=0.2)  # back after gradients have grown
    for phase in (2, 3):
        lengths_of_phase = phases["Adagrad"][phase]
        assert level[phase] < 0.02 * level[phase - 1]
        assert level[phase] < 1.02 * lengths_of_phase[:50].mean()  # 2 % for chance: 50 steps of 400 parameters
