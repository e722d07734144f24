"""NAdam: equality with torch step by step, and the claims of its page."""

import pytest
import torch

from snippets.optimizers.nadam.evidence import RATES, scheduled_momentum
from snippets.optimizers.nadam.from_scratch import NAdam
from snippets.optimizers.nadam.use import make_optimizer
from tests.support.optimizers import give_gradients, pair

TOLERANCE = 1e-12  # float64 rounding of 150 steps; the two orders of multiplication differ in the last bits


@pytest.fixture
def float64_scalars():
    """torch keeps the product of the mu in the default dtype."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"weight_decay": 0.1},
        {"weight_decay": 0.1, "decoupled_weight_decay": True},
        {"maximize": True, "lr": 0.05},
        {"momentum_decay": 0.5, "betas": (0.8, 0.9), "eps": 1e-3},
    ],
)
@pytest.mark.usefixtures("float64_scalars")
def test_equals_torch_step_by_step(options, dtype):
    """The from-scratch version equals torch.optim.NAdam at every one of 150 steps, state included."""
    ours, theirs, generator = pair(dtype)
    mine, reference = NAdam(ours, **options), torch.optim.NAdam(theirs, **options)
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
            assert mine.state[p]["mu_product"] == pytest.approx(reference.state[q]["mu_product"].item(), rel=1e-12)


def test_product_in_the_default_dtype():
    """torch keeps the product of the mu in the default dtype, float32, even for float64 parameters."""
    ours, theirs, generator = pair()
    mine, reference = NAdam(ours), torch.optim.NAdam(theirs)
    for _ in range(150):
        give_gradients(ours, theirs, generator)
        mine.step()
        reference.step()
    assert reference.state[theirs[0]]["mu_product"].dtype == torch.float32
    difference = max((p - q).abs().max().item() for p, q in zip(ours, theirs, strict=True))
    assert 1e-13 < difference < 1e-8


def first_step(optimizer_class, gradient=3.0, **options):
    p = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    optimizer = optimizer_class([p], **options)
    p.grad = torch.full((1,), gradient, dtype=torch.float64)
    optimizer.step()
    return -p.item()


def test_constant_beta1_in_the_moment():
    """torch decays m with the constant beta1; the schedule mu_t only weighs the two terms."""
    p = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.NAdam([p], betas=(0.9, 0.999))
    expected = 0.0
    for g in (1.0, -2.0, 0.5):
        p.grad = torch.full((1,), g, dtype=torch.float64)
        optimizer.step()
        expected = 0.9 * expected + 0.1 * g
        assert optimizer.state[p]["exp_avg"].item() == pytest.approx(expected, rel=1e-12)


def test_without_lookahead_it_is_adam():
    """Adam is what remains when the second term uses m of this step alone: same m, same v, other numerator."""
    torch.manual_seed(0)
    p, q = (torch.zeros(6, dtype=torch.float64, requires_grad=True) for _ in range(2))
    nadam, adam = torch.optim.NAdam([p]), torch.optim.Adam([q])
    for _ in range(30):
        p.grad = torch.randn(6, dtype=torch.float64)
        q.grad = p.grad.clone()
        nadam.step()
        adam.step()
    for key in ("exp_avg", "exp_avg_sq"):
        torch.testing.assert_close(nadam.state[p][key], adam.state[q][key], rtol=0, atol=1e-14)
    assert not torch.allclose(p, q)


def test_first_step_is_a_little_longer():
    """The first step is 1.06 times the learning rate for a gradient far above eps, half that at eps; Adam's is 1.00."""
    assert first_step(torch.optim.NAdam, 1e-8, lr=1.0) == pytest.approx(1.056 / 2, rel=0.01)
    for gradient in (1e-3, 1.0, 1e3):
        assert first_step(torch.optim.NAdam, gradient, lr=1.0) == pytest.approx(1.056, abs=1e-3)
        assert first_step(torch.optim.Adam, gradient, lr=1.0) == pytest.approx(1.0, abs=1e-4)


def test_schedule_is_slow():
    """With the default momentum_decay mu is 0.45 at the start, 0.76 after 7 000 steps and 0.81 after 10 000."""
    p = torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.NAdam([p])
    p.grad = torch.ones(1)
    for steps, expected in ((1, 0.45), (7_000, 0.76), (10_000, 0.81)):
        optimizer.step()  # makes the state, at the first pass
        optimizer.state[p]["step"].fill_(steps - 1)
        optimizer.state[p]["mu_product"].fill_(1.0)
        optimizer.step()
        assert optimizer.state[p]["mu_product"].item() == pytest.approx(expected, abs=5e-3)


def test_momentum_decay_zero_halves_the_momentum():
    """momentum_decay=0 does not switch the schedule off: mu stays at beta1 / 2 for ever."""
    p = torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.NAdam([p], momentum_decay=0.0)
    for _ in range(3):
        p.grad = torch.ones(1)
        optimizer.step()
    assert optimizer.state[p]["mu_product"].item() == pytest.approx(0.45**3, rel=1e-5)


def test_large_momentum_decay_is_constant_beta1():
    """A large momentum_decay gives the constant momentum beta1 from the first step."""
    p = torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.NAdam([p], momentum_decay=1e6)
    for _ in range(3):
        p.grad = torch.ones(1)
        optimizer.step()
    assert optimizer.state[p]["mu_product"].item() == pytest.approx(0.9**3, rel=1e-5)


@pytest.mark.parametrize("strength", [1e-4, 1e-1])
def test_default_decay_is_l2(strength):
    """By default weight_decay is L2 in the gradient: with a zero gradient the weight still moves by about lr."""
    results = []
    for options in ({}, {"decoupled_weight_decay": True}):
        p = torch.tensor([1.0], dtype=torch.float64, requires_grad=True)
        optimizer = torch.optim.NAdam([p], lr=1e-2, weight_decay=strength, **options)
        p.grad = torch.zeros(1, dtype=torch.float64)
        optimizer.step()
        results.append(1 - p.item())
    assert results[0] == pytest.approx(1.056e-2, rel=1e-2)  # whatever the strength
    assert results[1] == pytest.approx(1e-2 * strength, rel=1e-6)  # lr * weight_decay


def test_memory_two_tensors():
    """The state takes two numbers for each parameter, as in Adam, and two scalars for each tensor."""
    p = torch.zeros(1000, 10, requires_grad=True)
    p.grad = torch.ones_like(p)
    optimizer = make_optimizer([p])
    optimizer.step()
    assert sum(t.numel() for t in optimizer.state[p].values()) == 2 * p.numel() + 2


def test_nadam_is_ahead_at_low_rates_only(evidence):
    """Lower for every seed at the two lowest rates; at 0.064, the best rate of both, its mean is higher.

    The figure: the curves lie within a factor of 1.8, fall until 0.064 and rise at 0.256.
    """
    adam, nadam = (torch.tensor(evidence()[name]) for name in ("Adam", "NAdam"))  # (rates, seeds)
    assert RATES == (1e-3, 4e-3, 1.6e-2, 6.4e-2, 0.256)
    assert (nadam[:2] < adam[:2]).all()
    assert nadam.mean(1).argmin() == adam.mean(1).argmin() == 3
    assert nadam[3].mean() > adam[3].mean()
    assert (nadam.mean(1) / adam.mean(1)).log().abs().max().exp() < 1.8
    for means in (adam.mean(1), nadam.mean(1)):
        assert (means[1:4] < means[:3]).all()
        assert means[4] > means[3]


def test_rate_matters_more_than_nadam(evidence):
    """Going from 0.064 to 0.256 costs either of them over ten times the difference of the two at 0.064."""
    adam, nadam = (torch.tensor(evidence()[name]).mean(1) for name in ("Adam", "NAdam"))
    assert min(adam[4] - adam[3], nadam[4] - nadam[3]) > 10 * (nadam[3] - adam[3]).abs()


def test_figure_shows_torchs_schedule():
    """The figure's momentum is torch's: 0.45 for ever at a decay of 0, and it rises faster at 0.04 than at 0.004."""
    for decay in (0.0, 4e-3, 4e-2):
        p = torch.zeros(1, requires_grad=True)
        optimizer = torch.optim.NAdam([p], momentum_decay=decay)
        product = 1.0
        for t in range(1, 21):
            p.grad = torch.ones(1)
            optimizer.step()
            product *= scheduled_momentum(t, decay)
        assert optimizer.state[p]["mu_product"].item() == pytest.approx(product, rel=1e-5)  # torch's is float32
    flat, slow, fast = ([scheduled_momentum(t, d) for t in (1, 1000, 3000)] for d in (0.0, 4e-3, 4e-2))
    assert flat == pytest.approx([0.45] * 3)
    assert slow == sorted(slow)
    assert all(a < b < c for a, b, c in zip(flat, slow, fast, strict=True))


def test_dense_gradients_only():
    """A sparse gradient raises RuntimeError."""
    embedding = torch.nn.Embedding(10, 4, sparse=True)
    optimizer = torch.optim.NAdam(embedding.parameters())
    embedding(torch.tensor([1, 2])).sum().backward()
    with pytest.raises(RuntimeError, match="sparse"):
        optimizer.step()


def test_default_rate_is_twice_adams():
    """torch's default rates are 2e-3 for NAdam and 1e-3 for Adam."""
    kinds = (torch.optim.NAdam, torch.optim.Adam)
    assert [kind([torch.zeros(1, requires_grad=True)]).defaults["lr"] for kind in kinds] == [2e-3, 1e-3]
