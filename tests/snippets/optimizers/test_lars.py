"""LARS: equality with pytorch_optimizer's step by step, and the claims of its page."""

import copy

import pytest
import torch

from snippets.optimizers.lars import LARS, make_optimizer

TOLERANCE = 1e-12  # float64 rounding of 150 steps
SHAPES = ((5, 4), (2, 3, 4))


def pair(dtype=torch.float64, shapes=((5, 4), (3,), ())):
    generator = torch.Generator().manual_seed(0)
    ours = [torch.randn(shape, dtype=dtype, generator=generator).requires_grad_() for shape in shapes]
    return ours, [p.detach().clone().requires_grad_() for p in ours], generator


def give_gradients(ours, theirs, generator):
    for p, q in zip(ours, theirs, strict=True):
        p.grad = torch.randn(p.shape, dtype=p.dtype, generator=generator)
        q.grad = p.grad.clone()


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


def test_resume_equals_uninterrupted():
    """A run resumed from state_dict equals the uninterrupted one bit for bit."""
    ours, theirs, generator = pair()
    mine, other = LARS(ours), LARS(theirs)
    for step in range(23):
        if step == 7:
            saved = copy.deepcopy(other.state_dict())
            other = LARS(theirs)
            other.load_state_dict(saved)
        give_gradients(ours, theirs, generator)
        mine.step()
        other.step()
    assert all(torch.equal(p, q) for p, q in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("bad", [{"lr": -1.0}, {"momentum": 1.0}, {"weight_decay": -1.0}, {"trust_coefficient": -1.0}])
def test_bad_hyperparameters(bad):
    """Bad values are refused."""
    with pytest.raises(ValueError, match="invalid"):
        LARS([torch.zeros(1, requires_grad=True)], **bad)


def test_step_is_relative():
    """Without decay the first step has the length lr * trust * norm, whatever the gradient's size."""
    torch.manual_seed(0)
    for scale, size in ((1e-3, 1.0), (1.0, 10.0), (1e3, 0.1)):
        p = (size * torch.randn(6, 5, dtype=torch.float64)).requires_grad_()
        before = p.detach().clone()
        p.grad = scale * torch.randn(6, 5, dtype=torch.float64)
        LARS([p], lr=2.0).step()
        assert ((p - before).norm() / before.norm()).item() == pytest.approx(0.002, rel=1e-9)


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
    optimizer = LARS([p], lr=1.0)
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
    """Near a minimum the step does not shrink with the gradient: |p| - 1 bounces at the trust coefficient's size."""
    p = torch.full((1,), 2.0, dtype=torch.float64, requires_grad=True)
    optimizer = LARS([p], lr=10.0, momentum=0.0)
    for _ in range(300):
        optimizer.zero_grad()
        (p - 1).square().sum().backward()
        optimizer.step()
    assert 1e-4 < abs(p.item() - 1) < 1.1e-2


def test_sparse_gradient_raises():
    """A sparse gradient raises RuntimeError."""
    p = torch.zeros(3, 2, requires_grad=True)
    p.grad = torch.ones(3, 2).to_sparse(1)
    with pytest.raises(RuntimeError, match="sparse"):
        LARS([p]).step()


def test_memory_one_tensor():
    """The state takes one number for each parameter, as in SGD with momentum."""
    p = torch.ones(1000, 10, requires_grad=True)
    p.grad = torch.ones_like(p)
    optimizer = make_optimizer([p])
    optimizer.step()
    assert sum(t.numel() for t in optimizer.state[p].values()) == p.numel()
