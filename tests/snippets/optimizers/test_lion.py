"""Lion: equality with pytorch_optimizer's step by step, and the claims of its page."""

import pytest
import torch

from snippets.optimizers.lion.use import Lion, make_optimizer
from tests.support.optimizers import give_gradients, pair

TOLERANCE = 1e-12  # float64 rounding of 150 steps


@pytest.mark.parametrize(
    "options", [{}, {"weight_decay": 0.1, "lr": 0.01}, {"betas": (0.95, 0.98)}, {"maximize": True}]
)
def test_equals_pytorch_optimizer_step_by_step(options):
    """Equal to pytorch_optimizer's Lion at every one of 150 steps, momentum included."""
    from pytorch_optimizer import Lion as Other

    ours, theirs, generator = pair()
    mine, reference = Lion(ours, **options), Other(theirs, **options)
    for _ in range(150):
        give_gradients(ours, theirs, generator)
        mine.step()
        reference.step()
        for p, q in zip(ours, theirs, strict=True):
            torch.testing.assert_close(p, q, rtol=0, atol=TOLERANCE)
            torch.testing.assert_close(mine.state[p]["exp_avg"], reference.state[q]["exp_avg"], rtol=0, atol=TOLERANCE)


def test_every_weight_moves_by_lr():
    """Every weight moves by exactly the learning rate, whatever its gradient: at the first step and at later ones."""
    p = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    p.grad = torch.tensor([1e-20, -1.0, 1e3, -1e10], dtype=torch.float64)
    Lion([p], lr=0.01).step()
    assert torch.equal(p.detach(), torch.tensor([-0.01, 0.01, -0.01, 0.01], dtype=torch.float64))
    torch.manual_seed(0)
    w = torch.zeros(1000, dtype=torch.float64, requires_grad=True)
    optimizer, scale = Lion([w], lr=0.01), torch.logspace(-20, 10, 1000, dtype=torch.float64)
    for _ in range(50):
        before = w.detach().clone()
        w.grad = scale * torch.randn(1000, dtype=torch.float64)
        optimizer.step()
        moved = (w.detach() - before).abs()
        torch.testing.assert_close(moved, torch.full_like(moved, 0.01), rtol=0, atol=1e-15)  # rounding of the sum


def test_zero_gradient_rests():
    """A weight whose gradient and momentum are zero rests: the sign of 0 is 0."""
    p = torch.ones(3, requires_grad=True)
    p.grad = torch.zeros(3)
    Lion([p], lr=0.01).step()
    assert torch.equal(p.detach(), torch.ones(3))


def test_step_and_memory_use_two_betas():
    """The step weighs the fresh gradient with 0.1, the momentum that is kept with 0.01."""
    for g, direction in ((0.08, -1.0), (0.1, 1.0)):  # 0.9 * -0.01 + 0.1 * g changes its sign at g = 0.09
        p = torch.zeros(1, dtype=torch.float64, requires_grad=True)
        optimizer = Lion([p], lr=1.0)
        optimizer.state[p]["exp_avg"] = torch.full((1,), -0.01, dtype=torch.float64)
        p.grad = torch.full((1,), g, dtype=torch.float64)
        optimizer.step()
        assert -p.item() == direction
    q = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    optimizer = Lion([q], lr=1.0)
    q.grad = torch.ones(1, dtype=torch.float64)
    optimizer.step()
    assert optimizer.state[q]["exp_avg"].item() == pytest.approx(0.01)


@pytest.mark.parametrize("lr", [0.1, 0.03, 0.01, 0.001])
def test_never_settles(lr):
    """At a constant rate Lion circles the minimum of |x|^2 / 2 and is up to 1.5 lr away, from wherever it came."""
    p = torch.linspace(0.5, 1.5, 101, dtype=torch.float64).requires_grad_()
    optimizer, farthest = Lion([p], lr=lr), torch.zeros(101, dtype=torch.float64)
    steps = round(2 / lr) + 2000
    for step in range(steps):
        p.grad = p.detach().clone()
        optimizer.step()
        if step >= steps - 500:
            farthest = torch.maximum(farthest, p.detach().abs())
    assert 0.45 * lr < farthest.min()
    assert farthest.max() < 1.5 * lr
    assert 0.9 * lr < farthest.mean() < 1.35 * lr


@pytest.mark.parametrize("decay", [0.1, 1.0, 10.0])
def test_weights_stay_within_a_box(decay):
    """In the long run no weight is larger than 1 / decay in magnitude, whatever its start and its gradients."""
    lr = 0.01
    start = torch.tensor([-50.0, -1.0, 0.0, 1.0, 50.0], dtype=torch.float64).repeat_interleave(40)
    p = start.clone().requires_grad_()
    optimizer, generator = Lion([p], lr=lr, weight_decay=decay), torch.Generator().manual_seed(0)
    steady = torch.arange(200) % 2 == 0  # every second weight is pushed outwards all the time
    for _ in range(round(15 / (lr * decay))):
        noise = torch.randn(200, dtype=torch.float64, generator=generator)
        p.grad = torch.where(steady, -torch.ones(200, dtype=torch.float64), noise)
        optimizer.step()
    assert p.detach().abs().max() < 1.01 / decay
    assert p.detach()[steady].min() > 0.99 / decay  # the bound is reached


def test_adam_steps_are_shorter():
    """Under pure noise of any size Adam's mean step is 0.18 lr once a hundred steps are past; Lion's is lr."""
    for size in (1e-3, 1.0, 1e3):
        generator = torch.Generator().manual_seed(0)
        p, q = (torch.zeros(1000, dtype=torch.float64, requires_grad=True) for _ in range(2))
        adam, lion = torch.optim.Adam([p], lr=0.01), Lion([q], lr=0.01)
        lengths = torch.zeros(2, dtype=torch.float64)
        for step in range(1500):
            before = p.detach().clone(), q.detach().clone()
            p.grad = size * torch.randn(1000, dtype=torch.float64, generator=generator)
            q.grad = p.grad.clone()
            adam.step()
            lion.step()
            if step >= 100:
                lengths[0] += (p.detach() - before[0]).abs().mean() / 1400
                lengths[1] += (q.detach() - before[1]).abs().mean() / 1400
        assert lengths[0].item() == pytest.approx(0.18 * 0.01, rel=0.04)
        assert lengths[1].item() == pytest.approx(0.01)
        assert lengths[1] > 5 * lengths[0]


def test_lion_is_faster_then_turns_up(evidence):
    """At every rate up to 0.0064 it is ahead; AdamW still falls where Lion has turned, and gets lower in the end."""
    lion, adamw = (torch.tensor(evidence()[name]).mean(1).tolist() for name in ("Lion", "AdamW"))
    assert all(a < b for a, b in zip(lion[:4], adamw[:4], strict=True))
    assert lion[5] > 2 * lion[4]
    assert adamw[:5] == sorted(adamw[:5], reverse=True)
    assert adamw[5] < 1.3 * adamw[4]  # 0.86 in the mean of ten seeds
    assert min(lion) > 1.2 * min(adamw)  # the means of ten seeds are 0.16 and 0.11


def test_decay_must_grow():
    """Decay per step is lr * weight_decay: a tenth of the rate needs ten times the decay for the same shrinkage."""
    results = []
    for make in (lambda p: torch.optim.AdamW(p, lr=1e-3), lambda p: Lion(p, lr=1e-4, weight_decay=0.1)):
        p = torch.ones(3, dtype=torch.float64, requires_grad=True)
        optimizer = make([p])
        for _ in range(100):
            p.grad = torch.zeros(3, dtype=torch.float64)
            optimizer.step()
        results.append(p.detach())
    torch.testing.assert_close(results[0], results[1], rtol=1e-12, atol=0)


def test_memory_one_tensor():
    """The state takes one number for each parameter, half of AdamW's."""
    p = torch.ones(1000, 10, requires_grad=True)
    p.grad = torch.ones_like(p)
    optimizer = make_optimizer([p])
    optimizer.step()
    assert sum(t.numel() for t in optimizer.state[p].values()) == p.numel()
