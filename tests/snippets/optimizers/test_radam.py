"""RAdam: equality with torch step by step, and the claims of its page."""

import pytest
import torch
from sklearn.datasets import load_digits

from snippets.optimizers.radam import evidence as experiment
from snippets.optimizers.radam.from_scratch import RAdam
from snippets.optimizers.radam.use import make_optimizer
from tests.support.optimizers import give_gradients, pair

TOLERANCE = 1e-12  # float64 rounding of 150 steps; the two orders of multiplication differ in the last bits


@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"weight_decay": 0.1},
        {"weight_decay": 0.1, "decoupled_weight_decay": True},
        {"maximize": True, "lr": 0.05},
        {"betas": (0.8, 0.9), "eps": 1e-3},
        {"betas": (0.9, 0.5)},  # rho never exceeds 5
    ],
)
def test_equals_torch_step_by_step(options, dtype):
    """The from-scratch version equals torch.optim.RAdam at every one of 150 steps, state included."""
    ours, theirs, generator = pair(dtype)
    mine, reference = RAdam(ours, **options), torch.optim.RAdam(theirs, **options)
    for _ in range(150):
        give_gradients(ours, theirs, generator)
        mine.step()
        reference.step()
        for p, q in zip(ours, theirs, strict=True):
            torch.testing.assert_close(p, q, rtol=0, atol=TOLERANCE)
            for key in ("exp_avg", "exp_avg_sq"):
                expected = reference.state[q][key]
                expected = torch.view_as_real(expected) if expected.is_complex() else expected
                torch.testing.assert_close(mine.state[p][key], expected, rtol=0, atol=TOLERANCE)
            assert mine.state[p]["step"] == reference.state[q]["step"]


def rho(t, beta2=0.999):
    return 2 / (1 - beta2) - 1 - 2 * t * beta2**t / (1 - beta2**t)


def rectification(t, beta2=0.999):
    top = 2 / (1 - beta2) - 1
    return ((rho(t, beta2) - 4) * (rho(t, beta2) - 2) * top / ((top - 4) * (top - 2) * rho(t, beta2))) ** 0.5


def test_first_five_steps_are_momentum():
    """At beta2 = 0.999 the first five steps are bias-corrected momentum; the sixth is the first adaptive one."""
    assert next(t for t in range(1, 20) if rho(t) > 5) == 6
    torch.manual_seed(0)
    p = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.RAdam([p], lr=0.1)
    m, expected = torch.zeros(4, dtype=torch.float64), torch.zeros(4, dtype=torch.float64)
    for t in range(1, 7):
        p.grad = torch.randn(4, dtype=torch.float64) * 10
        optimizer.step()
        m = 0.9 * m + 0.1 * p.grad
        expected -= 0.1 * m / (1 - 0.9**t)
        assert torch.allclose(p, expected, atol=1e-12) == (t <= 5)


def test_torch_switches_one_step_later():
    """The paper's condition, rho above 4, holds from step 5 on; torch divides from step 6 on, where rho is above 5.

    So it is for beta2 from 0.9 to 0.999; at 0.8 there are two steps between.
    """
    for beta2 in torch.linspace(0.9, 0.999, 100, dtype=torch.float64).tolist():
        assert next(t for t in range(1, 9) if rho(t, beta2) > 4) == 5
        assert next(t for t in range(1, 9) if rho(t, beta2) > 5) == 6
    assert [next(t for t in range(1, 9) if rho(t, 0.8) > bound) for bound in (4, 5)] == [5, 7]

    def step(t, gradient):
        p = torch.zeros(1, dtype=torch.float64, requires_grad=True)
        optimizer = torch.optim.RAdam([p], eps=0)
        for _ in range(t):
            before = p.item()
            p.grad = torch.full_like(p, gradient)
            optimizer.step()
        return before - p.item()

    assert step(5, 10.0) == pytest.approx(10 * step(5, 1.0))  # still proportional to the gradient
    assert step(6, 10.0) == pytest.approx(step(6, 1.0))  # divided by its size


def test_rectification_values():
    """r is 0.03 at step 6, 0.22 at step 100, 0.65 at step 1000, 0.96 at step 4000; below 0.65 before step 1000."""
    assert [round(rectification(t), 2) for t in (6, 100, 1000, 4000)] == [0.03, 0.22, 0.65, 0.96]
    assert max(rectification(t) for t in range(6, 1000)) < 0.65


@pytest.mark.parametrize(("beta1", "beta2"), [(0.9, 0.999), (0.0, 0.99), (0.95, 0.9), (0.5, 0.9999)])
def test_adam_times_r(beta1, beta2):
    """With an eps of 0 and no decay, each step from 6 on is r times Adam's after the same gradients."""
    torch.manual_seed(0)
    p, q = (torch.zeros(5, dtype=torch.float64, requires_grad=True) for _ in range(2))
    options = {"eps": 0, "betas": (beta1, beta2)}
    rectified, adam = torch.optim.RAdam([p], **options), torch.optim.Adam([q], **options)
    for t in range(1, 60):
        p.grad = torch.randn(5, dtype=torch.float64)
        q.grad = p.grad.clone()
        old_p, old_q = p.detach().clone(), q.detach().clone()
        rectified.step()
        adam.step()
        if t > 5:
            torch.testing.assert_close(p - old_p, (q - old_q) * rectification(t, beta2), rtol=1e-9, atol=1e-15)


def first_steps(scale):
    p = torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.RAdam([p], lr=1e-3)
    for _ in range(5):
        p.grad = torch.full((1,), scale)
        optimizer.step()
    return -p.item()


def test_first_steps_scale_with_the_gradient():
    """The first five steps are proportional to the gradient: at lr 1e-3 gradients of 1000 move 5, of 1 move 0.005."""
    assert first_steps(1.0) == pytest.approx(5e-3, rel=1e-4)
    assert first_steps(1000.0) == pytest.approx(5.0, rel=1e-4)


def test_clipping_bounds_the_first_steps():
    """With gradients clipped to norm 1, none of the first five steps, decay aside, is longer than the learning rate.

    The snippet's decay of 0.01 comes on top: with weights of norm 300 it takes three times that.
    """
    generator = torch.Generator().manual_seed(0)
    for draw in (torch.ones, lambda n: torch.randn(n, generator=generator)):  # the same gradient each time, or any
        weights = [torch.zeros(n, requires_grad=True) for n in (1, 30)]
        optimizer = torch.optim.RAdam(weights, lr=1e-3)
        for _ in range(5):
            before = torch.cat([p.detach().clone() for p in weights])
            for p in weights:
                p.grad = 1000 * draw(p.numel())
            torch.nn.utils.clip_grad_norm_(weights, 1.0)
            optimizer.step()
            step = torch.cat([p.detach() for p in weights]) - before
            assert 0 < step.norm().item() <= 1e-3 * (1 + 1e-5)  # float32
        p = torch.full((100,), 30.0, dtype=torch.float64, requires_grad=True)
        decayed = make_optimizer([p], lr=1e-3)
        for _ in range(5):
            before = p.detach().clone()
            p.grad = 1000 * draw(p.numel()).double()
            torch.nn.utils.clip_grad_norm_(p, 1.0)
            decayed.step()
            step = p.detach() - before
            assert step.norm() > 2e-3
            assert (step + 1e-3 * 0.01 * before).norm() <= 1e-3 * (1 + 1e-6)


def test_low_beta2_is_never_adaptive():
    """For beta2 <= 2/3 the method never becomes adaptive: rho cannot exceed 5."""
    for beta2 in (0.0, 0.3, 0.6, 2 / 3):
        assert max(rho(t, beta2) for t in range(1, 200)) <= 5 + 1e-9
    assert max(rho(t, 0.7) for t in range(1, 200)) > 5
    for beta2 in (0.0, 0.3, 0.6, 2 / 3):
        p = torch.zeros(1, dtype=torch.float64, requires_grad=True)
        optimizer = torch.optim.RAdam([p], lr=1.0, betas=(0.9, beta2))
        for _ in range(200):
            old = p.item()
            p.grad = torch.full((1,), 7.0, dtype=torch.float64)
            optimizer.step()
            assert old - p.item() == pytest.approx(7.0)  # not divided by its size


def test_default_decay_is_l2():
    """By default weight_decay is L2 in the gradient; decoupled_weight_decay=True shrinks the weight by lr * decay."""
    ours, theirs, generator = pair(torch.float64)
    both = torch.optim.RAdam(ours, weight_decay=0.1), torch.optim.RAdam(theirs)
    for _ in range(20):
        give_gradients(ours, theirs, generator)
        for q in theirs:
            q.grad = q.grad + 0.1 * q.detach()  # what L2 in the gradient means
        for optimizer in both:
            optimizer.step()
        for p, q in zip(ours, theirs, strict=True):
            torch.testing.assert_close(p, q, rtol=0, atol=TOLERANCE)
    results = []
    for decoupled in (False, True):
        p = torch.tensor([1.0], dtype=torch.float64, requires_grad=True)
        optimizer = torch.optim.RAdam([p], lr=1e-2, weight_decay=0.1, decoupled_weight_decay=decoupled)
        for _ in range(20):
            p.grad = torch.zeros(1, dtype=torch.float64)
            optimizer.step()
        results.append(p.item())
    assert results[1] == pytest.approx((1 - 1e-3) ** 20, rel=1e-12)
    assert abs(results[0] - results[1]) > 1e-4


def test_memory_two_tensors():
    """The state takes two numbers for each parameter and one scalar for each tensor."""
    p = torch.zeros(1000, 10, requires_grad=True)
    p.grad = torch.ones_like(p)
    optimizer = make_optimizer([p])
    optimizer.step()
    assert sum(t.numel() for t in optimizer.state[p].values()) == 2 * p.numel() + 1


def test_eps_before_the_correction():
    """With an eps of 1, RAdam divides by (sqrt(v) + eps) / sqrt(1 - beta2^t), Adam by sqrt(v / (1 - beta2^t)) + eps."""
    p, q = (torch.zeros(1, dtype=torch.float64, requires_grad=True) for _ in range(2))
    both = (p, torch.optim.RAdam([p], lr=1.0, eps=1.0)), (q, torch.optim.Adam([q], lr=1.0, eps=1.0))
    for t in range(1, 11):
        moved = []
        for weight, optimizer in both:
            before = weight.item()
            weight.grad = torch.ones_like(weight)  # so that m is 1 - beta1^t and v is 1 - beta2^t
            optimizer.step()
            moved.append(before - weight.item())
        correction = (1 - 0.999**t) ** 0.5
        if t > 5:
            assert moved[0] == pytest.approx(rectification(t) * correction / (correction + 1))
        assert moved[1] == pytest.approx(1 / (1 + 1))


def test_shorter_steps_than_the_warm_up(evidence):
    """RAdam's step is shorter than the warm-up's and than Adam's at each of the 100 steps; the figure's lengths."""
    adam, warm_up, rectified = (torch.tensor(run["lengths"]).mean(0) for run in evidence().values())  # (steps,)
    assert len(rectified) == 100
    assert (rectified < warm_up).all()
    assert (rectified < adam).all()
    assert adam[0].item() == pytest.approx(0.9, abs=0.05)
    assert adam[-1] < 0.5 * adam[9] < 0.5 * adam[0]
    assert warm_up[0].item() == pytest.approx(0.01, abs=0.005)
    assert warm_up[19] > 10 * warm_up[0]
    assert rectified[:5].max() < 0.005
    assert rectified[5] > 3 * rectified[4]


def test_adam_is_ahead_here(evidence, monkeypatch):
    """Adam's batch loss is below RAdam's at steps 2 to 100 and below the warm-up's at steps 2 to 40; at ten times the
    rate RAdam trains and Adam does not.

    The figure: the warm-up is ahead of RAdam, too, and within a factor of two of Adam after 50 steps.
    """
    adam, warm_up, rectified = (torch.tensor(run["losses"]).mean(0) for run in evidence().values())  # (steps,)
    assert (adam[1:] < rectified[1:]).all()
    assert (adam[1:40] < warm_up[1:40]).all()
    assert (warm_up[9:] < rectified[9:]).all()
    assert warm_up[10:40].mean() > 2 * adam[10:40].mean()
    assert warm_up[50:].mean() < 2 * adam[50:].mean()  # 1.4 times in the mean of ten seeds
    assert experiment.LR == 0.03
    monkeypatch.setattr(experiment, "LR", 0.3)
    images, labels = load_digits(return_X_y=True)
    data = torch.tensor(images, dtype=torch.float32) / 16, torch.tensor(labels)
    for seed in range(2):
        adam, rectified = (sum(experiment.train(name, seed, *data)[0][-20:]) / 20 for name in ("Adam", "RAdam"))
        assert rectified < 0.2
        assert adam > 1.2
