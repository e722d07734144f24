"""SparseAdam: equality with torch step by step, and the claims of its page."""

import pytest
import torch
from torch import nn

from snippets.optimizers.sparse_adam.from_scratch import SparseAdam
from snippets.optimizers.sparse_adam.use import make_optimizer

TOLERANCE = 1e-12  # float64 rounding of 150 steps


def sparse(rows, values, size):
    return torch.sparse_coo_tensor(torch.tensor([rows]), values, size, check_invariants=True)


def pair():
    generator = torch.Generator().manual_seed(0)
    ours = torch.randn(12, 3, dtype=torch.float64, generator=generator).requires_grad_()
    return ours, ours.detach().clone().requires_grad_(), generator


def give_gradients(ours, theirs, generator):
    rows = torch.randint(12, (5,), generator=generator).tolist()
    ours.grad = sparse(rows, torch.randn(5, 3, dtype=torch.float64, generator=generator), (12, 3))
    theirs.grad = ours.grad.clone()


@pytest.mark.parametrize("options", [{}, {"maximize": True, "lr": 0.05}, {"betas": (0.8, 0.9), "eps": 1e-2}])
def test_equals_torch_step_by_step(options):
    """The from-scratch version equals torch.optim.SparseAdam at every one of 150 steps, repeated rows included."""
    ours, theirs, generator = pair()
    mine, reference = SparseAdam([ours], **options), torch.optim.SparseAdam([theirs], **options)
    for _ in range(150):
        give_gradients(ours, theirs, generator)
        mine.step()
        reference.step()
        torch.testing.assert_close(ours, theirs, rtol=0, atol=TOLERANCE)
        for key in ("exp_avg", "exp_avg_sq"):
            torch.testing.assert_close(mine.state[ours][key], reference.state[theirs][key], rtol=0, atol=TOLERANCE)
        assert mine.state[ours]["step"] == reference.state[theirs]["step"]


@pytest.mark.parametrize("bad", [{"lr": 0.0}, {"lr": -1.0}, {"betas": (1.0, 0.9)}, {"eps": 0.0}])
def test_bad_hyperparameters(bad):
    """Both versions refuse bad values, lr=0 among them, which Adam accepts."""
    torch.optim.Adam([torch.zeros(1, requires_grad=True)], lr=0.0)
    for kind in (SparseAdam, torch.optim.SparseAdam):
        with pytest.raises(ValueError, match="nvalid"):
            kind([torch.zeros(1, requires_grad=True)], **bad)
    with pytest.raises(ValueError, match=r"Invalid learning rate: 0\.0"):
        torch.optim.SparseAdam([torch.zeros(1, requires_grad=True)], lr=0.0)


@pytest.mark.parametrize(
    "build", [lambda: nn.Embedding(5, 2), lambda: nn.Sequential(nn.Embedding(5, 2, sparse=True), nn.Linear(2, 1))]
)
def test_dense_gradient_raises(build):
    """A dense gradient raises RuntimeError at the first step: an embedding without sparse=True, or a linear layer."""
    for kind, text in (
        (SparseAdam, "sparse gradients only"),
        (torch.optim.SparseAdam, "SparseAdam does not support dense gradients, please consider Adam instead"),
    ):
        model = build()
        optimizer = kind(model.parameters())
        model(torch.tensor([1])).sum().backward()
        with pytest.raises(RuntimeError, match=text):
            optimizer.step()


def test_adam_refuses_sparse_gradients():
    """torch.optim.Adam raises RuntimeError for a sparse gradient."""
    embedding = nn.Embedding(5, 2, sparse=True)
    optimizer = torch.optim.Adam(embedding.parameters())
    embedding(torch.tensor([1])).sum().backward()
    with pytest.raises(
        RuntimeError, match="Adam does not support sparse gradients, please consider SparseAdam instead"
    ):
        optimizer.step()


def test_clipping_refuses_sparse_gradients():
    """clip_grad_norm_ raises for a model with a sparse gradient; the dense parameters alone are clipped."""
    model = nn.Sequential(nn.Embedding(5, 2, sparse=True), nn.Linear(2, 1))
    (1000 * model(torch.tensor([1]))).sum().backward()
    with pytest.raises(
        NotImplementedError, match="Could not run 'aten::linalg_vector_norm' with arguments from the 'Sparse"
    ):
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    assert nn.utils.clip_grad_norm_(model[1].parameters(), 1.0) > 1
    assert torch.cat([p.grad.flatten() for p in model[1].parameters()]).norm() == pytest.approx(1, rel=1e-4)


@pytest.mark.parametrize("eps", [1e-8, 0.1])
def test_equals_adam_when_every_row_occurs(eps):
    """When every row occurs at every step the result is Adam's with eps / sqrt(1 - beta2^t), and not with eps."""
    torch.manual_seed(0)
    p, q, plain = (torch.zeros(4, 3, dtype=torch.float64, requires_grad=True) for _ in range(3))
    lazy = torch.optim.SparseAdam([p], eps=eps)
    adam, unscaled = torch.optim.Adam([q], eps=eps), torch.optim.Adam([plain], eps=eps)
    for t in range(1, 51):
        q.grad = torch.randn(4, 3, dtype=torch.float64)
        p.grad, plain.grad = q.grad.to_sparse(1), q.grad
        adam.param_groups[0]["eps"] = eps / (1 - 0.999**t) ** 0.5  # Adam's, in SparseAdam's place
        for optimizer in (lazy, adam, unscaled):
            optimizer.step()
    torch.testing.assert_close(p, q, rtol=0, atol=1e-12)
    assert not torch.allclose(p, plain, rtol=0, atol=1e-12)


def test_absent_rows_rest():
    """A row without gradient keeps its weights and its moments; Adam goes on moving it."""
    p, q = (torch.zeros(3, 2, requires_grad=True) for _ in range(2))
    lazy, adam = torch.optim.SparseAdam([p]), torch.optim.Adam([q])
    for step in range(5):
        row = 0 if step == 0 else 1
        p.grad = sparse([row], torch.ones(1, 2), (3, 2))
        q.grad = p.grad.to_dense()
        lazy.step()
        adam.step()
        if step == 0:
            first_p, first_q = p[0].tolist(), q[0].tolist()
            moments = [lazy.state[p][key][0].tolist() for key in ("exp_avg", "exp_avg_sq")]
    assert p[0].tolist() == first_p
    assert [lazy.state[p][key][0].tolist() for key in ("exp_avg", "exp_avg_sq")] == moments
    assert all(new < old for new, old in zip(q[0].tolist(), first_q, strict=True))


def test_bias_correction_counts_the_tensors_steps():
    """A row that is met first at step 1001 moves 2.5 lr, with Adam too; a row that is met at step 1 moves 1 lr."""
    for kind in (torch.optim.SparseAdam, torch.optim.Adam):
        p = torch.zeros(2, 1, dtype=torch.float64, requires_grad=True)
        optimizer = kind([p], lr=1.0)
        for step in range(1, 1002):
            gradient = sparse([int(step > 1000)], torch.ones(1, 1, dtype=torch.float64), (2, 1))
            p.grad = gradient if kind is torch.optim.SparseAdam else gradient.to_dense()
            optimizer.step()
            if step == 1:
                assert -p[0].item() == pytest.approx(1, rel=1e-5)
        assert -p[1].item() == pytest.approx(0.1 * (1 - 0.999**1001) ** 0.5 / 0.001**0.5, rel=1e-6)  # 2.5
        assert 2.45 < -p[1].item() < 2.55


def test_no_weight_decay():
    """The class has no weight_decay argument; in a group it is accepted and has no effect, on any row."""
    with pytest.raises(TypeError, match="weight_decay"):
        torch.optim.SparseAdam([torch.zeros(1, requires_grad=True)], weight_decay=0.1)  # type: ignore[call-arg]
    ours, theirs, generator = pair()
    with_decay, without = (
        torch.optim.SparseAdam([{"params": [ours], "weight_decay": 0.5}]),
        torch.optim.SparseAdam([theirs]),
    )
    for _ in range(20):
        give_gradients(ours, theirs, generator)
        with_decay.step()
        without.step()
    assert torch.equal(ours, theirs)


def test_memory_is_dense():
    """The state is dense: two numbers for each weight, used or not; the gradient alone is small."""
    embedding = nn.Embedding(1000, 8, sparse=True)
    optimizer = make_optimizer(embedding.parameters())
    embedding(torch.tensor([3, 5])).sum().backward()
    optimizer.step()
    state = optimizer.state[embedding.weight]
    assert state["exp_avg"].numel() + state["exp_avg_sq"].numel() == 2 * 8000
    assert embedding.weight.grad.coalesce().values().numel() == 16


def test_share_of_movement_without_a_gradient(evidence):
    """86 % of all movement under Adam is in steps in which the row's word does not occur; under SparseAdam nothing."""
    assert evidence()["Adam"]["share"] == pytest.approx(0.86, abs=0.006)  # the page prints two digits
    assert evidence()["SparseAdam"]["share"] == 0


def test_rare_rows_move_less(evidence):
    """Both see the same words. SparseAdam's ten most frequent rows travel as far as Adam's to 5 %, rare rows less.

    Beyond rank 200 a row that occurs travels over twice as far with Adam in 98 of 100 cases, the median row 7 times.
    """
    adam, lazy = (torch.tensor(evidence()[name]["travelled"]) for name in ("Adam", "SparseAdam"))  # one a row
    occurs = lazy > 0
    assert torch.equal(adam > 0, occurs)
    ratio = adam / lazy
    assert (ratio[:10] - 1).abs().max() < 0.05
    rare = ratio[200:][occurs[200:]]
    assert (rare > 1).all()
    assert (rare > 2).float().mean() > 0.98
    assert rare.median().item() == pytest.approx(7, abs=0.5)
