"""Prodigy: equality with pytorch_optimizer's step by step, and the claims of its page."""

import itertools

import pytest
import torch

from snippets.optimizers.prodigy.evidence import GUESSES, RATES
from snippets.optimizers.prodigy.use import Prodigy, make_optimizer


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
    """On a quadratic 200 steps end within 1 of the solution at 3 with lr = 1, and within 0.1 of the start with 1e-3."""
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


def test_near_the_best_adam_on_digits(evidence):
    """On digits, untuned, Prodigy is within a factor of two of Adam's best at five rates, corrected or not.

    The figure: both are best at 0.1.
    """
    corrected, uncorrected, runs = evidence().values()
    assert len(RATES) == 5
    prodigy = runs[1][0]  # with a first guess of 1e-6
    for losses in (corrected, uncorrected):
        assert 1 / 2 < prodigy / min(losses) < 2
        assert RATES[losses.index(min(losses))] == 0.1


def test_guesses_agree_on_digits(evidence):
    """Guesses from 1e-8 to 1e-2 stop within 40 steps and a factor of 2.5, and so the losses; the figure's numbers."""
    assert GUESSES[-1] == pytest.approx(1e6 * GUESSES[0])
    assert len(evidence()["Prodigy"]) == len(GUESSES) == 4
    for ends in zip(*((loss, path[-1]) for loss, path in evidence()["Prodigy"]), strict=True):
        assert max(ends) < 2.5 * min(ends)
    for _, path in evidence()["Prodigy"]:
        assert 0.04 < path[-1] < 0.12
        assert path[39] == path[-1]  # it has stopped


def test_first_steps_are_longer_than_adams():
    """With the estimate held at Adam's rate each of the first 100 steps is over twice Adam's: no bias correction."""
    p, q = (torch.zeros(1, dtype=torch.float64, requires_grad=True) for _ in range(2))
    pair_of_them = Prodigy([p], d0=0.01, d_coef=0.0), torch.optim.Adam([q], lr=0.01)
    for _ in range(100):
        before = p.item(), q.item()
        for weight, optimizer in zip((p, q), pair_of_them, strict=True):
            weight.grad = torch.ones_like(weight)
            optimizer.step()
        assert before[0] - p.item() > 2 * (before[1] - q.item()) > 0


def test_one_estimate_for_all():
    """Two groups, one 1 000 times nearer to its solution, share one estimate: that of both together."""
    far, near = (torch.zeros(3, dtype=torch.float64, requires_grad=True) for _ in range(2))
    optimizer = Prodigy([{"params": [far]}, {"params": [near]}])
    for _ in range(200):
        far.grad, near.grad = (far - 3).detach(), (near - 0.003).detach()
        optimizer.step()
        assert optimizer.param_groups[0]["d"] == optimizer.param_groups[1]["d"]
    assert optimizer.param_groups[1]["d"] > 0.1  # far too long a step for the near group


def library_path(eps, steps=40):
    """The library's parameter under steps to 3, and the formula's with eps times the d before or after the update."""
    from pytorch_optimizer import Prodigy as Other

    p = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    optimizer = Other([p], eps=eps)
    results = []
    for after in (False, True):
        theta, m, v, s, r, d = 0.0, 0.0, 0.0, 0.0, 0.0, 1e-6
        for _ in range(steps):
            g = theta - 3
            m, v = 0.9 * m + 0.1 * d * g, 0.999 * v + 0.001 * (d * g) ** 2
            r, s = 0.999**0.5 * r - d * d * g * theta, 0.999**0.5 * s + d * d * g
            new = max(d, r / abs(s))
            theta -= d * m / (v**0.5 + (new if after else d) * eps)
            d = new
        results.append(theta)
    for _ in range(steps):
        p.grad = (p - 3).detach()
        optimizer.step()
    return p.item(), *results, optimizer


def test_library_departs_twice(double):
    """pytorch_optimizer multiplies eps by the new d, and keeps r and the sum of s in torch's default type."""
    library, before, after, _ = library_path(eps=0.1)
    assert library == pytest.approx(after, rel=1e-8)
    assert abs(library - before) > 1e-3 * abs(before)
    for dtype in (torch.float32, torch.float64):
        torch.set_default_dtype(dtype)
        group = library_path(eps=0.1, steps=3)[-1].param_groups[0]
        assert group["d_numerator"].dtype == group["d_de_nom"].dtype == dtype  # the parameter is float64


def test_memory_four_tensors():
    """The state takes four numbers for each parameter, twice Adam's."""
    p = torch.ones(1000, 10, requires_grad=True)
    p.grad = torch.ones_like(p)
    optimizer = make_optimizer([p])
    optimizer.step()
    assert sum(t.numel() for t in optimizer.state[p].values()) == 4 * p.numel()
