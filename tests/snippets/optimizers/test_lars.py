"""LARS: equality with pytorch_optimizer's step by step, and the claims of its page."""

import math

import pytest
import torch
from sklearn.datasets import load_digits

import snippets.optimizers.lars.evidence as experiment
from snippets.optimizers.lars.use import LARS, make_optimizer
from tests.support.optimizers import give_gradients, pair

TOLERANCE = 1e-12  # float64 rounding of 150 steps
SHAPES = ((5, 4), (2, 3, 4))


@pytest.mark.parametrize(
    "options", [{}, {"weight_decay": 0.1}, {"lr": 5.0, "momentum": 0.5, "trust_coefficient": 0.02}]
)
def test_equals_pytorch_optimizer_step_by_step(options):
    """Equal to pytorch_optimizer's LARS at every one of 150 steps for tensors of two and more dimensions."""
    from pytorch_optimizer import LARS as Other

    ours, theirs, generator = pair(shapes=SHAPES)
    mine, reference = LARS(ours, **options), Other(theirs, **{"lr": 1.0, **options})
    for _ in range(150):
        give_gradients(ours, theirs, generator)
        mine.step()
        reference.step()
        for p, q in zip(ours, theirs, strict=True):
            torch.testing.assert_close(p, q, rtol=0, atol=TOLERANCE)
            buffers = mine.state[p]["momentum_buffer"], reference.state[q]["momentum_buffer"]
            torch.testing.assert_close(*buffers, rtol=0, atol=TOLERANCE)


def test_maximize():
    """maximize=True equals minimizing with turned gradients."""
    ours, theirs, generator = pair()
    up, down = LARS(ours, maximize=True), LARS(theirs)
    for _ in range(20):
        give_gradients(ours, theirs, generator)
        for q in theirs:
            q.grad.neg_()
        up.step()
        down.step()
    assert all(torch.equal(p, q) for p, q in zip(ours, theirs, strict=True))


def test_momentum_one_is_refused():
    """A momentum of 1, under which the buffer never forgets, is refused."""
    with pytest.raises(ValueError, match="momentum"):
        LARS([torch.zeros(1, requires_grad=True)], momentum=1.0)


def test_step_is_relative():
    """Without decay the first step has the length lr * trust * norm, whatever the gradient's size."""
    torch.manual_seed(0)
    for scale, size in ((1e-3, 1.0), (1.0, 10.0), (1e3, 0.1)):
        p = (size * torch.randn(6, 5, dtype=torch.float64)).requires_grad_()
        before = p.detach().clone()
        p.grad = scale * torch.randn(6, 5, dtype=torch.float64)
        LARS([p], lr=2.0).step()
        assert ((p - before).norm() / before.norm()).item() == pytest.approx(0.002, rel=1e-9)


def test_momentum_makes_it_ten_times_as_long():
    """Under a steady gradient the step grows to ten times its first length, relative to the norm, at momentum 0.9."""
    torch.manual_seed(0)
    p = torch.randn(6, 5, dtype=torch.float64).requires_grad_()
    optimizer = LARS([p], lr=0.01)  # 200 steps turn the tensor by 0.02 at most: its norm stays
    gradient, lengths = torch.randn(6, 5, dtype=torch.float64), []
    for _ in range(200):
        before = p.detach().clone()
        p.grad = gradient
        optimizer.step()
        lengths.append(((p - before).norm() / before.norm()).item())
    assert lengths[0] == pytest.approx(1e-5)
    assert lengths[-1] == pytest.approx(1e-4, rel=0.02)


def test_only_the_product_counts():
    """Twice the trust coefficient and half the learning rate take the same 50 steps, with decay and momentum."""
    ours, theirs, generator = pair(shapes=SHAPES)
    one = LARS(ours, lr=4.0, weight_decay=0.1, trust_coefficient=1e-3)
    other = LARS(theirs, lr=2.0, weight_decay=0.1, trust_coefficient=2e-3)
    for _ in range(50):
        give_gradients(ours, theirs, generator)
        one.step()
        other.step()
    for p, q in zip(ours, theirs, strict=True):
        torch.testing.assert_close(p, q, rtol=0, atol=TOLERANCE)


def test_same_as_the_paper_at_a_constant_rate():
    """The paper's form, with the rate inside the buffer, takes the same path at a constant rate."""
    ours, theirs, generator = pair()
    optimizer = LARS(ours, lr=2.0, weight_decay=0.01)
    velocities = [torch.zeros_like(q) for q in theirs]
    for _ in range(50):
        give_gradients(ours, theirs, generator)
        optimizer.step()
        with torch.no_grad():
            for q, velocity in zip(theirs, velocities, strict=True):
                local = 1e-3 * q.norm() / (q.grad.norm() + 0.01 * q.norm())
                velocity.mul_(0.9).add_(2.0 * local * (q.grad + 0.01 * q))
                q -= velocity
    for p, q in zip(ours, theirs, strict=True):
        torch.testing.assert_close(p, q, rtol=0, atol=TOLERANCE)


def test_trust_zero_is_sgd():
    """trust_coefficient=0 is torch's SGD with momentum, step by step."""
    ours, theirs, generator = pair()
    mine = LARS(ours, lr=0.1, weight_decay=0.01, trust_coefficient=0.0)
    reference = torch.optim.SGD(theirs, lr=0.1, momentum=0.9, weight_decay=0.01)
    for _ in range(100):
        give_gradients(ours, theirs, generator)
        mine.step()
        reference.step()
    for p, q in zip(ours, theirs, strict=True):
        torch.testing.assert_close(p, q, rtol=0, atol=TOLERANCE)


def test_others_skip_vectors():
    """pytorch_optimizer leaves vectors to plain SGD without decay; a group with trust and decay 0 does the same."""
    from pytorch_optimizer import LARS as Other

    ours, theirs, generator = pair(shapes=((4,),))
    mine = LARS([{"params": ours, "trust_coefficient": 0.0, "weight_decay": 0.0}], lr=0.1, weight_decay=0.1)
    reference = Other(theirs, lr=0.1, weight_decay=0.1)
    for _ in range(50):
        give_gradients(ours, theirs, generator)
        mine.step()
        reference.step()
    torch.testing.assert_close(ours[0], theirs[0], rtol=0, atol=TOLERANCE)


def test_zero_bias_gets_plain_sgd():
    """A zero bias has local rate 1: at lr = 4 its first step is 4 times the gradient, 1000 times too long."""
    p = torch.zeros(5, requires_grad=True)
    p.grad = torch.ones(5)
    LARS([p], lr=4.0).step()
    assert torch.equal(p.detach(), torch.full((5,), -4.0))
    q = torch.zeros(5, requires_grad=True)
    q.grad = torch.ones(5)
    LARS([{"params": [q], "trust_coefficient": 0.0, "lr": 0.05}], lr=4.0).step()
    torch.testing.assert_close(q.detach(), torch.full((5,), -0.05))


def test_momentum_sees_a_cut_at_once():
    """The paper keeps lr inside the buffer; here, as in torch's SGD, a cut of lr scales the old momentum too."""
    p = torch.ones(4, dtype=torch.float64, requires_grad=True)
    for optimizer in (LARS([p], lr=1.0), torch.optim.SGD([p], lr=1.0, momentum=0.9)):
        for _ in range(30):
            p.grad = torch.ones(4, dtype=torch.float64)
            optimizer.step()
        before = p.detach().clone()
        buffer = optimizer.state[p]["momentum_buffer"].clone()
        optimizer.param_groups[0]["lr"] = 0.01
        p.grad = torch.zeros(4, dtype=torch.float64)
        optimizer.step()
        torch.testing.assert_close(before - p.detach(), 0.01 * 0.9 * buffer)


def test_never_settles():
    """On a parabola with lr 10 and no momentum the weight misses the minimum after 300 steps, by up to 1/100."""
    p = torch.full((1,), 2.0, dtype=torch.float64, requires_grad=True)
    optimizer = LARS([p], lr=10.0, momentum=0.0)
    for _ in range(300):
        optimizer.zero_grad()
        (p - 1).square().sum().backward()
        optimizer.step()
    assert 1e-4 < abs(p.item() - 1) < 1.1e-2


USUAL, RESCALED = "usual weights", "first x 8, last / 8"


def test_lars_does_not_see_the_scale(evidence):
    """Ratios spread from under 4-fold to over 3000-fold; LARS's losses hardly change up to a rate of 10; 100 fails.

    At 0.01 and 0.1 they are near chance, ln 10, with either weights: nothing has been learned that could differ.

    At 10 single seeds differ between the two kinds of weights by a factor of 0.76 to 1.52."""
    runs = [evidence()[f"LARS, {weights}"] for weights in (USUAL, RESCALED)]
    ratios = [run["ratios"] for run in runs]
    assert [len(of_matrices) for of_matrices in ratios] == [3, 3]
    assert max(ratios[0]) < 4 * min(ratios[0])
    assert max(ratios[1]) > 3000 * min(ratios[1])
    usual, rescaled = (run["losses"] for run in runs)
    assert rescaled[:3] == pytest.approx(usual[:3], rel=0.02)
    assert usual[:2] + rescaled[:2] == pytest.approx([math.log(10)] * 4, rel=0.03)
    assert max(usual[2], rescaled[2]) < 0.9 * math.log(10)
    assert 0.5 < rescaled[3] / usual[3] < 2
    assert usual[3] == min(usual) == pytest.approx(0.1, abs=0.05)
    assert rescaled[3] == min(rescaled)
    assert min(usual[4], rescaled[4]) > 2


def test_sgd_gains_by_the_rescaling(evidence):
    """SGD's loss is lower by a quarter and more at 0.01 and 0.1, with another seed too; 0.1 is its best rate."""
    usual, rescaled = (evidence()[f"SGD, {weights}"]["losses"] for weights in (USUAL, RESCALED))
    digits = load_digits()
    x, y = torch.tensor(digits.data, dtype=torch.float32) / 16, torch.tensor(digits.target)
    for i, lr in enumerate((0.01, 0.1)):
        other_seed = [experiment.train(False, lr, scale, 1, x, y)[0] for scale in (1.0, 8.0)]
        for before, after in ((usual[i], rescaled[i]), other_seed):
            assert after < 0.75 * before
    assert experiment.RATES[:2] == (0.01, 0.1)
    assert usual[1] == min(usual) > 0.25
    assert rescaled[1] == min(rescaled) == pytest.approx(0.12, abs=0.06)


def test_memory_one_tensor():
    """The state takes one number for each parameter, as in SGD with momentum."""
    p = torch.ones(1000, 10, requires_grad=True)
    p.grad = torch.ones_like(p)
    optimizer = make_optimizer([p])
    optimizer.step()
    assert sum(t.numel() for t in optimizer.state[p].values()) == p.numel()
