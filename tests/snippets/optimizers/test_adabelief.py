"""AdaBelief: equality with two other implementations step by step, and the claims of its page."""

import math

import pytest
import torch

from snippets.optimizers.adabelief.evidence import NOISE, RATES
from snippets.optimizers.adabelief.use import AdaBelief, make_optimizer
from tests.support.optimizers import give_gradients, pair

TOLERANCE = 1e-12  # float64 rounding of 150 steps


def compare(mine, reference, ours, theirs, generator):
    for _ in range(150):
        give_gradients(ours, theirs, generator)
        mine.step()
        reference.step()
        for p, q in zip(ours, theirs, strict=True):
            torch.testing.assert_close(p, q, rtol=0, atol=TOLERANCE)
            for key in ("exp_avg", "exp_avg_var"):
                torch.testing.assert_close(mine.state[p][key], reference.state[q][key], rtol=0, atol=TOLERANCE)


OPTIONS = [{}, {"lr": 0.05, "betas": (0.8, 0.99), "eps": 1e-3}, {"weight_decay": 0.1}]


@pytest.mark.parametrize("options", [*OPTIONS, {"maximize": True}])
def test_equals_pytorch_optimizer_step_by_step(options):
    """Equal to pytorch_optimizer's AdaBelief with its defaults at every one of 150 steps, state included."""
    from pytorch_optimizer import AdaBelief as Other

    ours, theirs, generator = pair()
    compare(AdaBelief(ours, **options), Other(theirs, **options), ours, theirs, generator)


@pytest.mark.parametrize("options", OPTIONS)
def test_equals_timm_without_rectification(options):
    """Equal to timm's AdaBelief at every one of 150 steps with rectify=False."""
    from timm.optim.adabelief import AdaBelief as Other

    ours, theirs, generator = pair()
    compare(AdaBelief(ours, **options), Other(theirs, rectify=False, **options), ours, theirs, generator)


def test_timm_rectifies_by_default():
    """timm's default begins with steps of lr * m / (1 - beta1^t), so 0.01 and 0.02, not with normalized ones."""
    from timm.optim.adabelief import AdaBelief as Other

    moves = []
    for options in ({}, {"rectify": False}):
        p = torch.zeros(1, dtype=torch.float64, requires_grad=True)
        optimizer = Other([p], lr=1.0, **options)
        for g in (0.01, 0.0290):  # the second makes the corrected mean (0.09 * 0.01 + 0.1 * 0.029) / 0.19 = 0.02
            before = p.item()
            p.grad = torch.full((1,), g, dtype=torch.float64)
            optimizer.step()
            moves.append(before - p.item())
    assert moves[:2] == pytest.approx([0.01, 0.02])
    assert min(moves[2:]) > 1


def test_first_step_is_longer_than_adams():
    """The first step is lr / beta1 long, against Adam's lr: the spread of the first gradient is (beta1 g)^2."""
    for beta1, gradient in ((0.9, 3.0), (0.5, 3.0), (0.9, 1e-6)):
        p = torch.zeros(1, dtype=torch.float64, requires_grad=True)
        p.grad = torch.full((1,), gradient, dtype=torch.float64)
        AdaBelief([p], lr=1.0, betas=(beta1, 0.999)).step()
        assert -p.item() == pytest.approx(1 / beta1, rel=0.1 if gradient < 1 else 1e-6)  # eps is felt at 1e-6


def steps_under_constant_gradient(kind, **options):
    p = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    optimizer = kind([p], lr=1.0, **options)
    sizes = []
    for _ in range(1000):
        before = p.item()
        p.grad = torch.ones(1, dtype=torch.float64)
        optimizer.step()
        sizes.append(before - p.item())
    return sizes


def test_constant_gradient_accelerates():
    """Under a constant gradient Adam steps by lr for ever, AdaBelief by 5 lr at step 100 and 20 lr at step 1 000.

    A smaller beta2 makes it worse."""
    sizes = steps_under_constant_gradient(AdaBelief)
    assert sizes[99] == pytest.approx(5, rel=0.02)
    assert sizes[999] == pytest.approx(20, rel=0.02)
    assert steps_under_constant_gradient(torch.optim.Adam)[999] == pytest.approx(1)
    assert 200 < steps_under_constant_gradient(AdaBelief, betas=(0.9, 0.9))[99] < 210
    spread = 0.001 * sum(0.999 ** (1000 - i) * 0.81**i for i in range(1, 1001)) / (1 - 0.999**1000)
    assert sizes[999] == pytest.approx(1 / math.sqrt(spread), rel=1e-6)  # closed form


def test_spread_is_the_variance():
    """With independent gradients s becomes 2 beta1^2 / (1 + beta1) = 0.85 times their variance, whatever their mean."""
    for mean, beta1 in ((0.0, 0.9), (100.0, 0.9), (100.0, 0.5)):
        ratio = spread_by_variance(mean, (beta1, 0.95), 400, count=5000)
        assert ratio == pytest.approx(2 * beta1**2 / (1 + beta1), rel=0.02)
    assert spread_by_variance(100.0, (0.9, 0.999), 12_000) == pytest.approx(0.85, rel=0.02)


def spread_by_variance(mean: float, betas: tuple[float, float], steps: int, count: int = 200) -> float:
    """Corrected spread over variance after that many steps, gradients with standard deviation 2."""
    torch.manual_seed(0)
    p = torch.zeros(count, dtype=torch.float64, requires_grad=True)
    optimizer = AdaBelief([p], betas=betas)
    for _ in range(steps):
        p.grad = mean + 2 * torch.randn_like(p)
        optimizer.step()
    return optimizer.state[p]["exp_avg_var"].mean().item() / (1 - betas[1] ** steps) / 4


def test_first_deviations_last():
    """Gradients with a mean of 50 standard deviations: after 1 000 steps s is over 5 times the variance, not 0.85."""
    assert spread_by_variance(100.0, (0.9, 0.999), 1000) > 5
    assert spread_by_variance(0.0, (0.9, 0.999), 1000) == pytest.approx(0.85, rel=0.02)


def test_steps_by_noise(evidence):
    """At noise / mean 0.1 AdaBelief steps over 5 times as far as Adam; at 10 they are within 15 %."""
    adam, belief = (evidence()[name]["moves"] for name in ("Adam", "AdaBelief"))
    quiet, loud = NOISE.index(0.1), NOISE.index(10.0)
    assert belief[quiet] > 5 * adam[quiet]
    assert belief[loud] == pytest.approx(adam[loud], rel=0.15)
    # the figure: 1 and 24 for little noise; both fall together from a noise of 3 on
    assert adam[0] == pytest.approx(1, abs=0.01)
    assert adam[NOISE.index(0.3)] > 0.95
    assert belief[0] == pytest.approx(24, rel=0.1)
    assert belief[-2] == pytest.approx(adam[-2], rel=0.25)
    assert max(belief[-1] / belief[-2], adam[-1] / adam[-2]) < 0.5


def test_ahead_only_at_low_rates(evidence) -> None:
    """AdaBelief's loss on digits is lower at each rate below the best one, 0.1; there both reach 0.14."""
    adam, belief = (torch.tensor(evidence()[name]["losses"]).mean(1).tolist() for name in ("Adam", "AdaBelief"))
    best = RATES.index(0.1)
    assert all(b < a for a, b in zip(adam[:best], belief[:best], strict=True))
    for curve in (adam, belief):
        assert min(curve) == curve[best] == pytest.approx(0.14, abs=0.01)
    assert adam[best] == pytest.approx(belief[best], abs=0.01)  # two seeds differ by 0.008


def test_eps_accumulates():
    """eps enters at each step, so the corrected spread never falls below eps / (1 - beta2), 1 000 eps."""
    p = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    optimizer = AdaBelief([p], eps=1e-8)
    for t in range(1, 200):
        p.grad = torch.zeros(1, dtype=torch.float64)
        optimizer.step()
        assert optimizer.state[p]["exp_avg_var"].item() / (1 - 0.999**t) == pytest.approx(1e-5)


def test_adams_eps_stops_small_gradients():
    """With Adam's eps of 1e-8 a gradient of 1e-5 moves a weight by under 1 % of lr; with 1e-16 by over lr."""
    moves = []
    for eps in (1e-8, 1e-16):
        p = torch.zeros(1, dtype=torch.float64, requires_grad=True)
        p.grad = torch.full((1,), 1e-5, dtype=torch.float64)
        AdaBelief([p], lr=1.0, eps=eps).step()
        moves.append(-p.item())
    assert moves[0] < 0.01
    assert moves[1] > 1


def test_float16_gives_nan():
    """In float16 1e-16 is 0: a zero gradient gives 0 / 0, and 1e-4 infinity. bfloat16 and float32 do neither."""
    for dtype in (torch.float16, torch.bfloat16, torch.float32):
        resting, small = (torch.ones(2, dtype=dtype, requires_grad=True) for _ in range(2))
        resting.grad, small.grad = torch.zeros_like(resting), torch.full_like(small, 1e-4)
        AdaBelief([resting, small]).step()
        if dtype == torch.float16:
            assert resting.isnan().all()
            assert small.isinf().all()
        else:
            assert (resting == 1).all()
            assert small.isfinite().all()


def test_decay_is_decoupled():
    """Weight decay is decoupled: a zero gradient gives theta (1 - lr * decay)^t."""
    p = torch.ones(3, dtype=torch.float64, requires_grad=True)
    optimizer = AdaBelief([p], lr=0.1, weight_decay=0.1)
    for _ in range(20):
        p.grad = torch.zeros(3, dtype=torch.float64)
        optimizer.step()
    torch.testing.assert_close(p.detach(), torch.full((3,), 0.99**20, dtype=torch.float64))


def test_memory_two_tensors():
    """The state takes two numbers for each parameter, as in Adam."""
    p = torch.ones(1000, 10, requires_grad=True)
    p.grad = torch.ones_like(p)
    optimizer = make_optimizer([p])
    optimizer.step()
    assert sum(t.numel() for t in optimizer.state[p].values() if isinstance(t, torch.Tensor)) == 2 * p.numel()
