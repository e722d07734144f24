"""Muon: equality with torch step by step, and the claims of its page."""

import warnings

import pytest
import torch

from snippets.optimizers.muon.evidence import RATES
from snippets.optimizers.muon.from_scratch import Muon, newton_schulz
from snippets.optimizers.muon.use import make_optimizer
from tests.support.optimizers import give_gradients, pair

TOLERANCE = 1e-12  # both round to bfloat16 at the same places, so that only float64 rounding is left
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
SHAPES = ((6, 4), (4, 6), (5, 5))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"lr": 0.02, "weight_decay": 0.0},
        {"nesterov": False, "momentum": 0.8},
        {"adjust_lr_fn": "match_rms_adamw"},
        {"ns_steps": 3, "ns_coefficients": (2.0, -1.5, 0.5), "eps": 1e-3},
    ],
)
def test_equals_torch_step_by_step(options):
    """The from-scratch version equals torch.optim.Muon at every one of 150 steps, state included."""
    ours, theirs, generator = pair(shapes=SHAPES)
    mine, reference = Muon(ours, **options), torch.optim.Muon(theirs, **options)
    for _ in range(150):
        give_gradients(ours, theirs, generator)
        mine.step()
        reference.step()
        for p, q in zip(ours, theirs, strict=True):
            torch.testing.assert_close(p, q, rtol=0, atol=TOLERANCE)
            key = "momentum_buffer"
            torch.testing.assert_close(mine.state[p][key], reference.state[q][key], rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("shape", [(3,), (4, 3, 2, 2)])
def test_matrices_only(shape):
    """A bias or a convolution's kernel raises ValueError when the optimizer is made."""
    for kind in (Muon, torch.optim.Muon):
        with pytest.raises(ValueError, match=r"2D|two-dimensional"):
            kind([torch.zeros(shape, requires_grad=True)])


def one_step(gradient, **options):
    """torch's first step from zero at learning rate 1, sign turned."""
    p = torch.zeros_like(gradient).requires_grad_()
    p.grad = gradient.clone()
    torch.optim.Muon([p], **{"lr": 1.0, "weight_decay": 0.0, **options}).step()
    return -p.detach()


def test_singular_values_near_one():
    """The singular values of the step for a random 32 x 64 gradient lie between 0.65 and 1.2."""
    torch.manual_seed(0)
    gradient = torch.randn(32, 64)
    values = torch.linalg.svdvals(one_step(gradient))
    assert values.min() > 0.65
    assert values.max() < 1.2
    assert torch.linalg.svdvals(gradient).max() / torch.linalg.svdvals(gradient).min() > 4


def test_same_singular_vectors():
    """The singular vectors stay: U^T O V is diagonal, to bfloat16's two to three digits."""
    torch.manual_seed(0)
    u, s, vh = torch.linalg.svd(torch.randn(16, 24), full_matrices=False)
    core = u.T @ one_step(u @ torch.diag(s) @ vh) @ vh.T
    assert (core - torch.diag(core.diag())).abs().max() < 0.03


def test_weak_directions():
    """A direction 100 times weaker than the strongest gets a step of like size, one 10000 times weaker does not."""
    torch.manual_seed(0)
    u, v = (torch.linalg.qr(torch.randn(8, 8))[0] for _ in range(2))
    for ratio, low, high in ((1e-2, 0.5, 1.3), (1e-4, 0.0, 0.1)):
        values = torch.ones(8)
        values[-1] = ratio
        # in float32: bfloat16's own rounding would hide what the polynomial does to a value this small
        x = values / values.norm()
        for _ in range(5):
            x = COEFFICIENTS[0] * x + COEFFICIENTS[1] * x**3 + COEFFICIENTS[2] * x**5
        assert low < x[-1] < high
    step = one_step(u @ torch.diag(torch.tensor([1.0] * 7 + [1e-2])) @ v.T)
    assert torch.linalg.svdvals(step).min() > 0.5


def test_one_is_no_fixed_point():
    """The polynomial takes 1 to 0.70: the iteration does not converge to orthogonality, however many steps."""
    assert sum(COEFFICIENTS) == pytest.approx(0.70, abs=2e-3)
    torch.manual_seed(0)
    values = torch.linalg.svdvals(newton_schulz(torch.randn(32, 64), COEFFICIENTS, 50, 1e-7).float())
    assert values.max() - values.min() > 0.2


def test_gradient_scale_does_not_matter():
    """Scaled by 1024 up or down the step is the same to the last bit; with a norm far below eps it is shorter."""
    torch.manual_seed(0)
    gradient = torch.randn(8, 8)
    for scale in (1024, 1 / 1024, 2.0**-20):
        assert (scale * gradient).norm() > 1e-7
        assert torch.equal(one_step(gradient), one_step(scale * gradient))
    assert one_step(1e-12 * gradient).norm() < 0.1 * one_step(gradient).norm()


def test_bfloat16_inside():
    """torch runs the iteration in bfloat16: even for float64 weights the step is a bfloat16 number."""
    torch.manual_seed(0)
    step = one_step(torch.randn(8, 8, dtype=torch.float64))
    assert torch.equal(step, step.bfloat16().double())


def test_average_or_sum():
    """torch averages the gradients where the documentation's formula sums them; the step is the same."""
    torch.manual_seed(0)
    p = torch.zeros(6, 9, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Muon([p], lr=1.0, weight_decay=0.0)
    total = torch.zeros_like(p)
    for _ in range(20):
        before = p.detach().clone()
        p.grad = torch.randn(6, 9, dtype=torch.float64)
        optimizer.step()
        total = 0.95 * total + p.grad
        step = newton_schulz(p.grad + 0.95 * total, COEFFICIENTS, 5, 1e-7)
        torch.testing.assert_close(optimizer.state[p]["momentum_buffer"], 0.05 * total, rtol=0, atol=1e-12)
        # the two inputs are proportional; bfloat16 rounds them differently, and five steps amplify that
        assert (before - p - step.double()).norm() < 0.05 * step.double().norm()


def test_learning_rate_adjustments():
    """The setting "original" scales a tall matrix's step by sqrt(rows / columns), the other gives RMS 0.2."""
    torch.manual_seed(0)
    for shape in ((64, 16), (16, 64), (32, 32)):
        gradient = torch.randn(shape)
        plain = newton_schulz(gradient, COEFFICIENTS, 5, 1e-7).float()
        expected = plain * max(1, shape[0] / shape[1]) ** 0.5
        assert (one_step(gradient) - expected).norm() < 0.05 * expected.norm()  # bfloat16 rounding of the input
        rms = one_step(gradient, adjust_lr_fn="match_rms_adamw").square().mean().sqrt()
        assert 0.13 < rms < 0.24


def test_weight_decay_uses_the_plain_rate():
    """The decay is decoupled and uses the unadjusted rate: a zero gradient gives theta (1 - lr * decay)."""
    p = torch.ones(64, 16, requires_grad=True)
    p.grad = torch.zeros_like(p)
    torch.optim.Muon([p], lr=0.1, weight_decay=0.1, adjust_lr_fn="match_rms_adamw").step()
    torch.testing.assert_close(p.detach(), torch.full((64, 16), 0.99))


def test_default_settings_are_not_the_authors():
    """torch's defaults are lr 1e-3 and weight decay 0.1."""
    defaults = torch.optim.Muon([torch.zeros(2, 2, requires_grad=True)]).defaults
    assert (defaults["lr"], defaults["weight_decay"]) == (1e-3, 0.1)


@pytest.mark.parametrize(("options", "lost"), [({}, 0.86), ({"weight_decay": 0.01}, 0.18)])
def test_default_decay_is_strong_at_the_authors_rate(options, lost):
    """At lr 0.02 a weight without gradient loses 86% in 1,000 steps of the default decay, 18% of a decay of 0.01."""
    p = torch.ones(2, 2, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.Muon([p], lr=0.02, **options)
    for _ in range(1000):
        p.grad = torch.zeros_like(p)
        optimizer.step()
    assert 1 - p.mean().item() == pytest.approx(lost, abs=0.005)


def test_memory_one_tensor():
    """The state takes one number for each parameter, half of Adam's."""
    p = torch.zeros(100, 10, requires_grad=True)
    p.grad = torch.ones_like(p)
    optimizer = make_optimizer([p])
    optimizer.step()
    assert sum(t.numel() for t in optimizer.state[p].values()) == p.numel()


def test_muon_uses_half_of_the_directions(evidence):
    """Over half of the largest singular value: at most 6 of AdamW's 64, 24 to 40 of Muon's; the figure's ranks."""
    adamw, muon = (torch.tensor(run["values"]) for run in evidence().values())  # (seeds, ranks) at the figure's rate
    assert all((values > 0.5).sum() <= 6 for values in adamw)
    assert all(24 <= (values > 0.5).sum() <= 40 for values in muon)
    assert adamw[0, 9].item() == pytest.approx(0.1, abs=0.05)
    assert muon[0, 31].item() == pytest.approx(0.5, abs=0.1)
    assert muon[0, 59].item() == pytest.approx(0.0, abs=0.05)


def test_no_lower_loss_on_digits(evidence):
    """AdamW is ahead at the two lower rates; at the two higher and at the best, the seeds differ by more."""
    adamw, muon = (torch.tensor(run["losses"]) for run in evidence().values())  # (rates, seeds)
    assert RATES == (1e-3, 4e-3, 1.6e-2, 6.4e-2)
    assert (muon[:2] > 1.2 * adamw[:2]).all()
    spread = torch.maximum(*(losses.amax(1) - losses.amin(1) for losses in (adamw, muon)))
    assert ((muon.mean(1) - adamw.mean(1)).abs()[2:] < spread[2:]).all()
    best = [losses[losses.mean(1).argmin()] for losses in (adamw, muon)]  # (seeds,) each
    assert (best[0].mean() - best[1].mean()).abs() < max(losses.max() - losses.min() for losses in best)


def test_embedding_goes_unnoticed():
    """An embedding and an output layer are matrices: the optimizer takes and moves them without a warning."""
    torch.manual_seed(0)
    weights = [torch.nn.Embedding(20, 8).weight, torch.nn.Linear(8, 20).weight]
    before = [p.detach().clone() for p in weights]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        optimizer = make_optimizer(weights)
        for p in weights:
            p.grad = torch.randn_like(p)
        optimizer.step()
    assert not any(torch.equal(p, q) for p, q in zip(weights, before, strict=True))
