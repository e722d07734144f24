"""Prodigy: equality with pytorch_optimizer's step by step, and the claims of its page."""

import copy
import itertools

import pytest
import torch
from sklearn.datasets import load_digits

from snippets.optimizers.prodigy import Prodigy, make_optimizer
from snippets.optimizers.prodigy_evidence import GUESSES, RATES, train


@pytest.fixture
def double():
    """The library keeps the sums of its estimate in torch's default type."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def pair(shapes=((5, 4), (3,), ())):
    generator = torch.Generator().manual_seed(0)
    ours = [torch.randn(shape, dtype=torch.float64, generator=generator).requires_grad_() for shape in shapes]
    return ours, [p.detach().clone().requires_grad_() for p in ours], generator


def give_gradients(ours, theirs, generator):
    """Noise plus a pull to 3, so that the estimate grows."""
    for p, q in zip(ours, theirs, strict=True):
        p.grad = (p - 3).detach() + 0.3 * torch.randn(p.shape, dtype=p.dtype, generator=generator)
        q.grad = p.grad.clone()


@pytest.mark.parametrize("options", [{}, {"weight_decay": 0.1}, {"d0": 1e-3, "d_coef": 0.5}, {"betas": (0.8, 0.99)}])
def test_equals_pytorch_optimizer_step_by_step(options, double):
    """Equal to pytorch_optimizer's Prodigy at each of 100 steps with eps=0: parameters, d and moments."""
    from pytorch_optimizer import Prodigy as Other

    ours, theirs, generator = pair()
    mine, reference = Prodigy(ours, eps=0.0, **options), Other(theirs, eps=0.0, **options)
    for _ in range(100):
        give_gradients(ours, theirs, generator)
        mine.step()
        reference.step()
        assert mine.param_groups[0]["d"] == pytest.approx(reference.param_groups[0]["d"], rel=1e-10)
        for p, q in zip(ours, theirs, strict=True):
            torch.testing.assert_close(p, q, rtol=0, atol=1e-10)
            for key in ("exp_avg", "exp_avg_sq", "s"):
                torch.testing.assert_close(mine.state[p][key], reference.state[q][key], rtol=1e-8, atol=1e-10)
    assert mine.param_groups[0]["d"] > 1e-2


def run(kind=Prodigy, steps=200, scale=1.0, **options):
    p = torch.zeros(10, dtype=torch.float64, requires_grad=True)
    optimizer = kind([p], **options)
    path = []
    for _ in range(steps):
        p.grad = scale * (p - 3).detach().clone()
        optimizer.step()
        path.append(optimizer.param_groups[0]["d"])
    return path, p.detach()


def test_d_never_falls():
    """The estimate never falls."""
    path, _ = run()
    assert all(a <= b for a, b in itertools.pairwise(path))


def test_estimate_does_not_depend_on_d0():
    """First guesses from 1e-8 to 1e-4 end with estimates within a factor of 2."""
    ends = [run(d0=d0)[0][-1] for d0 in (1e-8, 1e-6, 1e-4)]
    assert max(ends) < 2 * min(ends)


def test_d0_too_large_stays():
    """A first guess above the distance is never taken back: d0 = 100 is d at the end."""
    assert run(d0=100.0)[0][-1] == 100


def test_gradient_scale_does_not_matter():
    """Gradients 1 000 times larger give the same estimates."""
    assert run(scale=1000.0)[0][-1] == pytest.approx(run()[0][-1], rel=1e-4)


def test_adams_rate_slows_it():
    """At lr = 1e-3, Adam's habit, the first steps are 1 000 times shorter, and after 200 steps nothing is learned."""
    assert (run()[1] - 3).abs().max() < 1
    assert (run(lr=1e-3)[1] - 3).abs().max() > 2.9


def test_library_ignores_later_rates():
    """pytorch_optimizer takes the rate of the first group for all; the class of the page takes each group's own."""
    from pytorch_optimizer import Prodigy as Other

    moved = []
    for kind in (Prodigy, Other):
        p, q = (torch.zeros(1, requires_grad=True) for _ in range(2))
        optimizer = kind([{"params": [p]}, {"params": [q], "lr": 0.0}])
        p.grad, q.grad = torch.ones(1), torch.ones(1)
        optimizer.step()
        moved.append(q.item() != 0)
    assert moved == [False, True]


def test_near_the_best_adam_on_digits():
    """On digits, untuned, Prodigy is below Adam at all five rates, and within 20 % of the best without correction."""
    digits = load_digits()
    x, y = torch.tensor(digits.data, dtype=torch.float32) / 16, torch.tensor(digits.target)
    adam, plain = (min(train(False, lr, x, y, correct)[0] for lr in RATES) for correct in (True, False))
    prodigy = train(True, GUESSES[1], x, y)[0]
    assert prodigy < adam
    assert prodigy == pytest.approx(plain, rel=0.2)


def test_resume_equals_uninterrupted():
    """A run resumed from state_dict equals the uninterrupted one bit for bit, the estimate included."""
    ours, theirs, generator = pair()
    mine, other = Prodigy(ours), Prodigy(theirs)
    for step in range(23):
        if step == 7:
            saved = copy.deepcopy(other.state_dict())
            other = Prodigy(theirs)
            other.load_state_dict(saved)
        give_gradients(ours, theirs, generator)
        mine.step()
        other.step()
    assert all(torch.equal(p, q) for p, q in zip(ours, theirs, strict=True))


@pytest.mark.parametrize(
    "bad",
    [{"lr": -1.0}, {"betas": (1.0, 0.9)}, {"betas": (0.9, -0.1)}, {"eps": -1.0}, {"weight_decay": -1.0}, {"d0": 0.0}],
)
def test_bad_hyperparameters(bad):
    """Bad values are refused."""
    with pytest.raises(ValueError, match="invalid"):
        Prodigy([torch.zeros(1, requires_grad=True)], **bad)


def test_memory_four_tensors():
    """The state takes four numbers for each parameter, twice Adam's."""
    p = torch.ones(1000, 10, requires_grad=True)
    p.grad = torch.ones_like(p)
    optimizer = make_optimizer([p])
    optimizer.step()
    assert sum(t.numel() for t in optimizer.state[p].values()) == 4 * p.numel()
