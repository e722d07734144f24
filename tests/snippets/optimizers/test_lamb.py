"""LAMB: equality with timm's step by step, and the claims of its page."""

import pytest
import torch
from torch import Tensor

from snippets.optimizers.lamb.use import Lamb, make_optimizer
from tests.support.optimizers import give_gradients, pair

TOLERANCE = 1e-12  # float64 rounding of 150 steps


def timm_lamb(parameters, **options):
    from timm.optim.lamb import Lamb as Other

    return Other(parameters, **{"max_grad_norm": None, "always_adapt": True, **options})


@pytest.mark.parametrize("options", [{}, {"weight_decay": 0.0}, {"lr": 0.1, "betas": (0.8, 0.9), "eps": 1e-2}])
def test_equals_timm_step_by_step(options):
    """Equal to timm's Lamb at every one of 150 steps with max_grad_norm=None and always_adapt=True."""
    ours, theirs, generator = pair()
    mine, reference = Lamb(ours, **options), timm_lamb(theirs, **{"weight_decay": 0.01, **options})
    for _ in range(150):
        give_gradients(ours, theirs, generator)
        mine.step()
        reference.step()
        for p, q in zip(ours, theirs, strict=True):
            torch.testing.assert_close(p, q, rtol=0, atol=TOLERANCE)
            for key in ("exp_avg", "exp_avg_sq"):
                torch.testing.assert_close(mine.state[p][key], reference.state[q][key], rtol=0, atol=TOLERANCE)


def test_maximize():
    """maximize=True equals minimizing with turned gradients."""
    ours, theirs, generator = pair()
    up, down = Lamb(ours, maximize=True), Lamb(theirs)
    for _ in range(20):
        give_gradients(ours, theirs, generator)
        for q in theirs:
            q.grad.neg_()
        up.step()
        down.step()
    assert all(torch.equal(p, q) for p, q in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("decay", [0.0, 0.01, 1.0])
@pytest.mark.parametrize(("scale", "size"), [(1e-3, 1.0), (1.0, 10.0), (1e3, 0.1)])
def test_step_is_relative(scale, size, decay):
    """Each of 20 steps has the length lr times the tensor's norm, whatever the gradient's size; a zero tensor moves."""
    torch.manual_seed(0)
    p = (size * torch.randn(6, 5, dtype=torch.float64)).requires_grad_()
    optimizer = Lamb([p], lr=0.02, weight_decay=decay)
    for _ in range(20):
        before = p.detach().clone()
        p.grad = scale * torch.randn(6, 5, dtype=torch.float64)
        optimizer.step()
        assert ((p - before).norm() / before.norm()).item() == pytest.approx(0.02, rel=1e-9)
    zero = torch.zeros(6, 5, dtype=torch.float64, requires_grad=True)
    zero.grad = torch.ones_like(zero)
    Lamb([zero], lr=0.02).step()
    assert zero.detach().norm() > 0


def test_direction_is_adamws():
    """At each of 50 steps LAMB's step is AdamW's from the same weights and gradients, scaled to lr times the norm."""
    torch.manual_seed(0)
    p = torch.randn(6, 5, dtype=torch.float64).requires_grad_()
    q = p.detach().clone().requires_grad_()
    lamb, adamw = Lamb([p], lr=0.02, weight_decay=0.1), torch.optim.AdamW([q], lr=0.003, eps=1e-6, weight_decay=0.1)
    for _ in range(50):
        before = p.detach().clone()
        p.grad = torch.randn(6, 5, dtype=torch.float64)
        with torch.no_grad():
            q.copy_(before)
        q.grad = p.grad.clone()
        lamb.step()
        adamw.step()
        u = (before - q.detach()) / 0.003  # AdamW's step divided by its learning rate
        expected = before - 0.02 * before.norm() / u.norm() * u
        torch.testing.assert_close(p.detach(), expected, rtol=0, atol=TOLERANCE)


def test_zero_bias_first_jump():
    """Each entry of a bias that is zero moves by lr; at the next step the moves are lr squared (rms)."""
    torch.manual_seed(0)
    p = torch.zeros(10, dtype=torch.float64, requires_grad=True)
    optimizer = Lamb([p], lr=0.02)
    moves = []
    for _ in range(2):
        before = p.detach().clone()
        p.grad = torch.randn(10, dtype=torch.float64)
        optimizer.step()
        moves.append((before - p.detach()).abs())
    torch.testing.assert_close(moves[0], torch.full_like(moves[0], 0.02), rtol=1e-4, atol=0)
    assert moves[1].square().mean().sqrt().item() == pytest.approx(0.02 * 0.02, rel=1e-4)


def test_timm_defaults_depart():
    """timm's defaults clip the global gradient norm to 1 and use plain Adam steps where weight_decay is 0."""
    from timm.optim.lamb import Lamb as Other

    torch.manual_seed(0)
    start = torch.randn(6, 5, dtype=torch.float64)
    p, q = (start.clone().requires_grad_() for _ in range(2))
    lamb, adam = Other([p], lr=0.02, weight_decay=0.0), torch.optim.Adam([q], lr=0.02, eps=1e-6)
    for _ in range(20):
        gradient = torch.randn(6, 5, dtype=torch.float64)
        p.grad, q.grad = gradient.clone(), gradient / gradient.norm().clamp(min=1)
        lamb.step()
        adam.step()
        torch.testing.assert_close(p, q, rtol=0, atol=TOLERANCE)
    for sizes in ((3.0, 4.0), (0.3, 0.4)):  # of two tensors: the global norms are 5 and 0.5
        tensors = [torch.ones(1, dtype=torch.float64, requires_grad=True) for _ in sizes]
        for tensor, size in zip(tensors, sizes, strict=True):
            tensor.grad = torch.full_like(tensor, size)
        clipped = Other(tensors)
        clipped.step()
        kept = [10 * clipped.state[tensor]["exp_avg"].item() for tensor in tensors]
        assert kept == pytest.approx([size / max(1, 10 * sizes[0] / 6) for size in sizes], rel=1e-9)


def test_pytorch_optimizer_departs():
    """pytorch_optimizer's first step is 10 times as long, it caps the weight norm at 10, and its decay is decoupled."""
    from pytorch_optimizer import Lamb as Other

    for size, expected in ((5.0, 10 * 0.02 * 5), (50.0, 10 * 0.02 * 10)):
        p = torch.full((1,), size, dtype=torch.float64, requires_grad=True)
        p.grad = torch.ones(1, dtype=torch.float64)
        other = Other([p], lr=0.02)
        other.step()
        assert size - p.item() == pytest.approx(expected, rel=1e-4)
        uncorrected = 0.1 / 0.001**0.5  # the direction from whose norm the ratio was taken: moments of gradient 1
        assert other.state[p]["trust_ratio"] == pytest.approx(min(size, 10) / uncorrected, rel=1e-4)
        q = torch.full((1,), size, dtype=torch.float64, requires_grad=True)
        q.grad = torch.ones(1, dtype=torch.float64)
        Lamb([q], lr=0.02, weight_decay=0.0).step()
        assert size - q.item() == pytest.approx(0.02 * size, rel=1e-4)
    moves = []
    for options in ({}, {"weight_decay": 0.1}):
        p = torch.full((1,), 5.0, dtype=torch.float64, requires_grad=True)
        p.grad = -torch.ones(1, dtype=torch.float64)
        Other([p], lr=0.02, **options).step()
        moves.append(p.item())
    kept = 5 * (1 - 0.02 * 0.1)  # decay as in AdamW, then the step from there
    assert moves == pytest.approx([5 * 1.2, kept * 1.2], rel=1e-4)


def test_decay_turns_the_step():
    """Weight decay does not lengthen the step: with zero gradients each step takes exactly lr of the tensor's norm.

    That no decay lengthens a step under other gradients is tried by test_step_is_relative.
    """
    for decay in (1e-4, 1e-1):
        p = torch.ones(5, dtype=torch.float64, requires_grad=True)
        p.grad = torch.zeros(5, dtype=torch.float64)
        optimizer = Lamb([p], lr=0.02, weight_decay=decay)
        for t in range(1, 21):
            optimizer.step()
            torch.testing.assert_close(p.detach(), torch.full((5,), 0.98**t, dtype=torch.float64))


def test_decay_sets_the_length():
    """Under 1000 random gradients at lr 0.02 weights of size 1 end at about 38 without decay, at 0.43 with 0.1."""
    for decay, about in ((0.0, pytest.approx(38, abs=4)), (0.1, pytest.approx(0.43, abs=0.01))):  # ten seeds: 36 to 40
        for seed in range(3):
            torch.manual_seed(seed)
            p = torch.randn(50, 50, dtype=torch.float64).requires_grad_()
            optimizer = Lamb([p], lr=0.02, weight_decay=decay)
            for _ in range(1000):
                p.grad = torch.randn(50, 50, dtype=torch.float64)
                optimizer.step()
            assert p.detach().square().mean().sqrt().item() == about


@pytest.fixture
def ratios(evidence) -> Tensor:
    """The experiment's trust ratios, (rates, seeds, steps, matrices)."""
    return torch.tensor(evidence()["LAMB"]["ratios"])


def test_ratio_starts_at_the_size_of_the_weights(ratios):
    """The first ratio is the weights' root mean square, 0.07, or a little more where pixels are always blank."""
    first = ratios[:, :, 0]
    assert ((first - 0.08).abs() < 0.01).all()
    root_mean_square = (1 / 64 / 3) ** 0.5  # torch draws from -1/8 to 1/8
    assert ((first > 0.95 * root_mean_square) & (first < 1.25 * root_mean_square)).all()


def test_ratio_grows_at_a_high_rate_only(ratios):
    """At 0.064 ratios grow over sixfold, of seed 0 to between 0.5 and 1.5; at lower rates they stay to a quarter."""
    growth = ratios / ratios[:, :, :1]
    assert (growth[3, :, -1] > 6).all()
    assert ((growth[:3] > 0.75) & (growth[:3] < 1.25)).all()
    ends = ratios[3, 0, -1].tolist()
    assert min(ends) > 0.45
    assert max(ends) < 1.6


def test_ratio_grows_for_two_reasons(evidence, ratios):
    """At 0.064 each matrix is 2.3 to 3.7 times as long at the last step; the direction became shorter at both seeds."""
    lengths = torch.tensor(evidence()["LAMB"]["lengths"])[3]  # (seeds, steps, matrices)
    growth = lengths[:, -1] / lengths[:, 0]  # of a step, which is lr times as long, too
    assert ((growth > 2.3) & (growth < 3.7)).all()
    directions = lengths / ratios[3]  # the ratio is the length by the direction's length
    assert (directions[:, -1] < 0.6 * directions[:, 0]).all()


def test_no_gain_at_any_rate(evidence):
    """AdamW's loss is lower at each rate up to 0.064 and best to best, for both seeds; at 0.256 neither learns."""
    adamw, lamb = (torch.tensor(evidence()[name]["losses"]) for name in ("AdamW", "LAMB"))  # (rates, seeds)
    assert (1.1 * adamw[:4] < lamb[:4]).all()
    assert (adamw[2:4] < 0.15).all()  # stands the batch
    assert (adamw.min(0).values < lamb.min(0).values).all()
    assert min(adamw[4].min(), lamb[4].min()) > 1.5


def test_memory_two_tensors():
    """The state takes two numbers for each parameter, as in Adam."""
    p = torch.ones(1000, 10, requires_grad=True)
    p.grad = torch.ones_like(p)
    optimizer = make_optimizer([p])
    optimizer.step()
    assert sum(t.numel() for t in optimizer.state[p].values() if isinstance(t, torch.Tensor)) == 2 * p.numel()
