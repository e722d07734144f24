"""SOAP: equality with pytorch_optimizer's step by step, and the claims of its page."""

import copy

import pytest
import torch

from snippets.optimizers.shampoo.use import Shampoo
from snippets.optimizers.soap.evidence import INTERVALS, RATES
from snippets.optimizers.soap.use import SOAP
from tests.support.optimizers import give_gradients, pair

TOLERANCE = 1e-10  # float64 rounding of 100 steps through rotations
SHAPES = ((5, 4), (3,), (), (2, 3, 4))


class DoubleTorch:
    """torch for the library's module, with float64 where it says float32."""

    float32 = torch.float64

    def __getattr__(self, name):
        return getattr(torch, name)


def largest_difference(options, steps=100):
    from pytorch_optimizer import SOAP as Other

    ours, theirs, generator = pair(shapes=SHAPES)
    names = {"refresh": "precondition_frequency", "max_dim": "max_precondition_dim"}
    mine = SOAP(ours, **options)
    reference = Other(theirs, **{names.get(name, name): value for name, value in options.items()})
    worst = 0.0
    for _ in range(steps):
        give_gradients(ours, theirs, generator)
        mine.step()
        reference.step()
        for p, q in zip(ours, theirs, strict=True):
            worst = max(worst, (p - q).abs().max().item())
            for key in ("exp_avg", "exp_avg_sq"):
                worst = max(worst, (mine.state[p][key] - reference.state[q][key]).abs().max().item())
    return worst


@pytest.mark.parametrize(
    "options",
    [{}, {"lr": 0.05, "betas": (0.9, 0.8)}, {"weight_decay": 0.0, "refresh": 3}, {"max_dim": 4, "eps": 1e-3}],
)
def test_equals_pytorch_optimizer_step_by_step(options, monkeypatch):
    """Equal to pytorch_optimizer's SOAP at each of 100 steps, moments included, with its float32 QR made float64."""
    import sys

    import pytorch_optimizer

    monkeypatch.setattr(sys.modules[pytorch_optimizer.SOAP.__module__], "torch", DoubleTorch())
    assert largest_difference(options) < TOLERANCE


def test_library_turns_in_float32():
    """pytorch_optimizer's QR is float32 even for float64: equal without turns, differing by up to 1e-4 with nine."""
    assert largest_difference({"refresh": 1000}) < TOLERANCE
    assert TOLERANCE < largest_difference({}) < 1e-4
    p, bases = torch.zeros(3, 2, requires_grad=True), set()
    optimizer = SOAP([p])
    for _ in range(100):  # as many as above
        p.grad = torch.randn(3, 2)
        optimizer.step()
        bases.add(tuple(optimizer.state[p]["basis_0"].flatten().tolist()))
    assert len(bases) == 1 + 9


def test_first_step_does_not_move():
    """The first step moves nothing and does not decay: it makes the basis from the first gradient."""
    for shape in [(), (3,), (3, 2), (4, 3, 2, 2)]:
        p = torch.ones(shape, requires_grad=True)
        p.grad = torch.randn(shape)
        SOAP([p], weight_decay=0.1).step()
        assert torch.equal(p.detach(), torch.ones(shape))


def test_identity_basis_is_adam():
    """Without a basis the path from the second gradient on is Adam's."""
    ours, theirs, generator = pair(shapes=SHAPES)
    mine = SOAP(ours, lr=0.01, eps=0.0, weight_decay=0.0, max_dim=1)
    adam = torch.optim.Adam(theirs, lr=0.01, betas=(0.95, 0.95), eps=0.0)
    for step in range(50):
        give_gradients(ours, theirs, generator)
        mine.step()
        if step:
            adam.step()
        for p, q in zip(ours, theirs, strict=True):
            torch.testing.assert_close(p, q, rtol=0, atol=1e-12)


def test_rotation_does_not_matter():
    """With rows and columns of all gradients rotated the path is rotated; Adam's changes."""

    def end(make, rotated):
        torch.manual_seed(0)
        q, r = (torch.linalg.qr(torch.randn(n, n, dtype=torch.float64))[0] for n in (4, 3))
        p = torch.zeros(4, 3, dtype=torch.float64, requires_grad=True)
        optimizer = make([p])
        for _ in range(25):  # SOAP's basis turns twice
            g = torch.randn(4, 3, dtype=torch.float64)
            p.grad = q @ g @ r if rotated else g
            optimizer.step()
        return p.detach() if rotated else q @ p.detach() @ r

    torch.testing.assert_close(end(SOAP, True), end(SOAP, False), rtol=0, atol=1e-9)
    assert (end(torch.optim.Adam, True) - end(torch.optim.Adam, False)).abs().max() > 1e-3


def off_diagonal(refresh, seed):
    """Share of the row moment that the basis leaves off the diagonal, after 300 gradients of one distribution."""
    torch.manual_seed(seed)
    mix = torch.linalg.qr(torch.randn(6, 6, dtype=torch.float64))[0] * torch.logspace(0, 2, 6, dtype=torch.float64)
    p = torch.zeros(6, 40, dtype=torch.float64, requires_grad=True)
    optimizer = SOAP([p], refresh=refresh)
    for _ in range(300):
        p.grad = mix @ torch.randn(6, 40, dtype=torch.float64)
        optimizer.step()
    basis, moment = optimizer.state[p]["basis_0"], optimizer.state[p]["moment_0"]
    torch.testing.assert_close(basis.T @ basis, torch.eye(6, dtype=torch.float64), rtol=0, atol=1e-12)
    small = basis.T @ moment @ basis
    scale = small.diagonal().sqrt()
    small = small / torch.outer(scale, scale)  # correlations
    return (small - torch.eye(6, dtype=torch.float64)).abs().max().item()


def test_power_iteration_follows_the_eigenvectors():
    """Turned every 10 steps the basis stays orthogonal and leaves correlations under 10 %; never turned, more."""
    for seed in range(5):
        assert off_diagonal(10, seed) < 0.1
        assert off_diagonal(1000, seed) > 0.1  # of 42 readings: 0.17 or more


def test_stale_basis_does_not_overshoot():
    """A direction first seen in the third update moves 0.6 lr, at most lr in any; stale Shampoo moves it 1 000 lr."""
    first, new = torch.zeros(2, 2, dtype=torch.float64), torch.zeros(2, 2, dtype=torch.float64)
    first[0, 0] = new[1, 1] = 1.0
    sizes = []
    for kind, options in ((SOAP, {"refresh": 1000, "weight_decay": 0.0}), (Shampoo, {"refresh": 3})):
        p = torch.zeros(2, 2, dtype=torch.float64, requires_grad=True)
        optimizer = kind([p], lr=1.0, **options)
        for g in (first, first, first, new):
            p.grad = g.clone()
            optimizer.step()
        sizes.append(p[1, 1].abs().item())
    assert sizes == pytest.approx([0.592, 1000], rel=1e-2)
    for update in (1, 2, 3, 10, 100, 500):
        p = torch.zeros(2, 2, dtype=torch.float64, requires_grad=True)
        optimizer = SOAP([p], lr=1.0, refresh=1000, weight_decay=0.0)
        for g in [first] * update + [new]:
            p.grad = g.clone()
            optimizer.step()
        assert 0.2 < p[1, 1].abs().item() < 1.001


def test_ahead_of_adam_on_digits(evidence):
    """On digits SOAP's best loss over the rates is below Adam's, for both seeds."""
    adam, soap = (torch.tensor(evidence()[name]).amin(0) for name in ("Adam", "SOAP"))  # (seeds,)
    assert len(soap) == 2
    assert (soap < adam).all()


def means(losses):
    """Points of the figure: means over the seeds."""
    return torch.tensor(losses).mean(1).tolist()


def test_gain_shrinks_as_the_basis_ages(evidence):
    """At rate 0.1: below 0.1 with a turn at each step or every 5; the rarer from 10 on, the higher, up to Adam."""
    adam, soap = means(evidence()["Adam"])[RATES.index(0.1)], means(evidence()["turns"])
    assert INTERVALS[:5] == (1, 5, 10, 20, 40)
    assert soap[2:] == sorted(soap[2:])
    assert max(soap[:2]) < 0.1
    assert max(soap[:2]) < min(soap[3:])
    assert soap[2] < adam
    assert soap[5] == pytest.approx(adam, rel=0.4)
    assert min(soap[4:]) > 0.1


def test_behind_at_low_rates(evidence):
    """Up to 0.03 Adam is lower; its best is above 0.1, at 0.1, SOAP's below 0.1, at 0.3."""
    adam, soap = (dict(zip(RATES, means(evidence()[name]), strict=True)) for name in ("Adam", "SOAP"))
    assert all(soap[lr] > 1.1 * adam[lr] for lr in (0.003, 0.01, 0.03))
    assert all(soap[lr] < adam[lr] for lr in (0.1, 0.3, 1.0))
    assert min(adam, key=adam.__getitem__) == 0.1
    assert min(soap, key=soap.__getitem__) == 0.3
    assert soap[0.3] < 0.1 < adam[0.1]


def memory(shape, **options):
    p = torch.ones(shape, requires_grad=True)
    p.grad = torch.ones_like(p)
    optimizer = SOAP([p], **options)
    optimizer.step()
    return sum(t.numel() for t in optimizer.state[p].values() if isinstance(t, torch.Tensor)) / p.numel()


def test_memory():
    """Numbers a parameter: 2 + 2 (m^2 + n^2) / (m n), that is 6 for a square, 22.2 for 100 x 10; 2 for a vector."""
    for m, n in ((64, 64), (100, 10), (7, 30), (1, 200)):
        assert memory((m, n)) == pytest.approx(2 + 2 * (m**2 + n**2) / (m * n))
    assert memory((64, 64)) == 6
    assert memory((100, 10)) == pytest.approx(22.2)
    for n in (1, 30, 500):
        assert memory((n,)) == 2


def test_max_dim_saves_memory():
    """max_dim=50 takes 2.2 numbers for 100 x 10 in place of 22.2."""
    assert memory((100, 10), max_dim=50) == pytest.approx(2.2)


def test_resume_equals_uninterrupted():
    """A run resumed from state_dict equals the uninterrupted one bit for bit, between two turns."""
    ours, theirs, generator = pair(shapes=SHAPES)
    mine, other = SOAP(ours, refresh=5), SOAP(theirs, refresh=5)
    for step in range(23):
        if step == 7:
            saved = copy.deepcopy(other.state_dict())
            other = SOAP(theirs, refresh=5)
            other.load_state_dict(saved)
        give_gradients(ours, theirs, generator)
        mine.step()
        other.step()
    assert all(torch.equal(p, q) for p, q in zip(ours, theirs, strict=True))
