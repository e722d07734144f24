"""AdaMax: equality with torch step by step, and the claims of its page."""

import pytest
import torch

import snippets.optimizers.adamax.evidence as experiment
from snippets.optimizers.adamax.from_scratch import Adamax
from snippets.optimizers.adamax.use import make_optimizer
from tests.support.optimizers import give_gradients, pair

TOLERANCE = 1e-12  # float64 rounding of 150 steps; the two orders of multiplication differ in the last bits


@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
@pytest.mark.parametrize(
    "options", [{}, {"weight_decay": 0.1}, {"maximize": True, "lr": 0.05}, {"betas": (0.8, 0.9), "eps": 1e-2}]
)
def test_equals_torch_step_by_step(options, dtype):
    """The from-scratch version equals torch.optim.Adamax at every one of 150 steps, state included."""
    ours, theirs, generator = pair(dtype)
    mine, reference = Adamax(ours, **options), torch.optim.Adamax(theirs, **options)
    for _ in range(150):
        give_gradients(ours, theirs, generator)
        mine.step()
        reference.step()
        for p, q in zip(ours, theirs, strict=True):
            torch.testing.assert_close(p, q, rtol=0, atol=TOLERANCE)
            for key in ("exp_avg", "exp_inf"):
                expected = reference.state[q][key]
                expected = torch.view_as_real(expected) if expected.is_complex() else expected
                torch.testing.assert_close(mine.state[p][key], expected, rtol=0, atol=TOLERANCE)
            assert mine.state[p]["step"] == reference.state[q]["step"]


def steps(optimizer_class, gradients, **options):
    """Length of each step over the learning rate, along a sequence of gradients."""
    p = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    optimizer = optimizer_class([p], lr=1.0, **options)
    lengths = []
    for g in gradients:
        before = p.item()
        p.grad = torch.full((1,), float(g), dtype=torch.float64)
        optimizer.step()
        lengths.append(abs(p.item() - before))
    return lengths


def test_step_is_bounded():
    """No step is longer than 1.01 times the learning rate; the slowly fading gradient 0.999^t comes closest."""
    fading = [0.999**t for t in range(500)]
    for seed in range(10):
        torch.manual_seed(seed)
        scale = 10.0 ** (seed - 5)
        noise = (scale * torch.randn(500) * torch.exp(3 * torch.randn(500))).tolist()
        assert max(steps(torch.optim.Adamax, noise)) < 1.0092
        rare = [scale if t in (0, 10 + seed, 600) else 0.0 for t in range(601)]  # Adam's last step: 1.7 and more
        assert max(steps(torch.optim.Adamax, rare)) < 1.0092
        assert max(steps(torch.optim.Adam, rare)) > 1.2
    assert max(steps(torch.optim.Adamax, fading)) == pytest.approx((1 - 0.9) / (1 - 0.9 / 0.999), abs=1e-3)  # 1.009


def test_rare_gradient():
    """A gradient after 5000 silent steps moves a weight by 3.2 learning rates in Adam and by 0.1 in AdaMax."""
    gradients = [0.0] * 5000 + [1.0]
    assert steps(torch.optim.Adam, gradients)[-1] == pytest.approx(0.1 / 0.001**0.5, rel=1e-2)
    assert steps(torch.optim.Adamax, gradients)[-1] == pytest.approx(0.1, rel=1e-6)


def test_eps_inside_the_maximum():
    """torch adds eps to the gradient's size inside the maximum; without it a zero first gradient would give 0 / 0."""
    p = torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.Adamax([p], eps=0.5)
    p.grad = torch.ones(1)
    optimizer.step()
    assert optimizer.state[p]["exp_inf"].item() == 1.5
    q = torch.zeros(1, requires_grad=True)
    q.grad = torch.zeros(1)
    torch.optim.Adamax([q], eps=0.0).step()
    assert q.isnan().all()


def test_no_bias_correction_of_the_maximum():
    """The maximum needs no bias correction: a first step is one lr long, unless the gradient is as small as eps."""
    for g in (1e-3, 1.0, 1e3):
        assert steps(torch.optim.Adamax, [g])[0] == pytest.approx(1.0, rel=1e-4)
    assert steps(torch.optim.Adamax, [1e-8])[0] == pytest.approx(0.5, rel=1e-4)


def test_outlier_freezes_the_weight():
    """800 steps after a gradient 100 times the usual AdaMax's step is 0.02 learning rates, Adam's 0.4."""
    gradients = [1.0] * 199 + [100.0] + [1.0] * 800
    assert steps(torch.optim.Adamax, gradients)[-1] == pytest.approx(0.0223, abs=1e-3)
    assert steps(torch.optim.Adam, gradients)[-1] == pytest.approx(0.36, abs=0.03)


def test_outlier_shrinks_the_step(evidence) -> None:
    """After a gradient of 100 AdaMax's step falls to 0.01 and grows as beta2^-t; Adam's goes to 1.5, then to 0.16."""
    adam, adamax = (evidence()[name]["lengths"] for name in ("Adam", "AdaMax"))
    for lengths in (adam, adamax):
        assert lengths[:199] == pytest.approx([1.0] * 199, abs=1e-3)
    assert max(adam) == adam[199] == pytest.approx(1.5, abs=0.1)
    assert min(adam) == pytest.approx(0.16, abs=0.01)
    assert max(adamax) < 1.01
    assert min(adamax) == pytest.approx(0.01, rel=0.1)
    assert adamax[1999] == pytest.approx(0.06, abs=0.005)
    for step in (600, 1000, 1500):  # float32 rounds the maximum at each step
        assert adamax[1999] / adamax[step - 1] == pytest.approx(0.999 ** -(2000 - step), rel=0.01)
    assert adam[1999] > 0.5


def test_needs_a_higher_rate(evidence) -> None:
    """On digits AdaMax's mean loss is above Adam's at each of four rates, and below it with four times Adam's rate."""
    adam, adamax = (torch.tensor(evidence()[name]["losses"]).mean(1).tolist() for name in ("Adam", "AdaMax"))
    assert len(experiment.RATES) == 4
    assert all(slow > fast for slow, fast in zip(adamax, adam, strict=True))
    assert [min(adam), min(adamax)] == pytest.approx([0.09, 0.13], abs=0.01)
    for i in range(3):
        assert experiment.RATES[i + 1] == pytest.approx(4 * experiment.RATES[i])
        assert adamax[i + 1] < adam[i]


def test_lower_beta2_forgets():
    """With beta2 = 0.99 AdaMax is back to the full step by then."""
    gradients = [1.0] * 199 + [100.0] + [1.0] * 800
    assert steps(torch.optim.Adamax, gradients, betas=(0.9, 0.99))[-1] == pytest.approx(1.0, abs=1e-6)


def test_weight_decay_is_l2():
    """weight_decay is L2 in the gradient: on a zero gradient the weight moves by lr, whatever the strength."""
    for decay in (1e-4, 1e-1):
        p = torch.ones(1, dtype=torch.float64, requires_grad=True)
        p.grad = torch.zeros_like(p)
        torch.optim.Adamax([p], lr=1e-2, weight_decay=decay).step()
        assert 1 - p.item() == pytest.approx(1e-2, rel=1e-3)


def test_memory_two_tensors():
    """The state takes two numbers for each parameter and one scalar for each tensor."""
    p = torch.zeros(1000, 10, requires_grad=True)
    p.grad = torch.ones_like(p)
    optimizer = make_optimizer([p])
    optimizer.step()
    assert sum(t.numel() for t in optimizer.state[p].values()) == 2 * p.numel() + 1
