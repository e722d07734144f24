"""Lookahead: equality with pytorch_optimizer's step by step, and the claims of its page."""

import copy

import pytest
import torch

from snippets.optimizers.lookahead.evidence import RATES, closed_form
from snippets.optimizers.lookahead.use import Lookahead, make_optimizer
from tests.support.optimizers import give_gradients, pair

SGD, ADAM = torch.optim.SGD, torch.optim.Adam
TOLERANCE = 1e-12  # float64 rounding of 150 steps


@pytest.mark.parametrize(("base", "options"), [(SGD, {"lr": 0.1, "momentum": 0.9}), (ADAM, {"lr": 0.01})])
@pytest.mark.parametrize(("k", "alpha"), [(5, 0.5), (3, 0.8), (1, 0.1)])
def test_equals_pytorch_optimizer_step_by_step(base, options, k, alpha):
    """Equal to pytorch_optimizer's Lookahead at every one of 150 steps, slow weights included."""
    from pytorch_optimizer import Lookahead as Other

    ours, theirs, generator = pair()
    mine = Lookahead(ours, base, k=k, alpha=alpha, **options)
    reference = Other(base(theirs, **options), k=k, alpha=alpha)
    for _ in range(150):
        give_gradients(ours, theirs, generator)
        mine.step()
        reference.step()
        for p, q in zip(ours, theirs, strict=True):
            torch.testing.assert_close(p, q, rtol=0, atol=TOLERANCE)
            torch.testing.assert_close(mine.state[p]["slow"], reference.state[q]["slow_params"], rtol=0, atol=TOLERANCE)


def test_alpha_one_is_the_base_optimizer():
    """alpha = 1 is the base optimizer, bit for bit."""
    ours, theirs, generator = pair()
    mine, reference = Lookahead(ours, ADAM, alpha=1.0, lr=0.01), ADAM(theirs, lr=0.01)
    for _ in range(30):
        give_gradients(ours, theirs, generator)
        mine.step()
        reference.step()
    for p, q in zip(ours, theirs, strict=True):
        torch.testing.assert_close(p, q, rtol=0, atol=1e-15)


def test_alpha_above_one_is_refused():
    """Slow weights that overshoot the fast ones are refused."""
    with pytest.raises(ValueError, match="alpha"):
        Lookahead([torch.zeros(1, requires_grad=True)], SGD, lr=0.1, alpha=1.1)


@pytest.mark.parametrize("alpha", [1.0, 0.5, 0.2])
def test_variance_is_the_closed_form(alpha, evidence):
    """The variance that is left equals the closed form, to 8 % (4000 chains: 3 standard errors are 7 %)."""
    for lr, variance in zip(RATES, evidence()[str(alpha)]["variance"], strict=True):
        assert variance == pytest.approx(closed_form(lr, alpha), rel=0.08)


def test_less_noise_at_the_same_rate():
    """At lr = 0.1 and alpha = 0.5 the slow weights have 0.44 times SGD's variance."""
    assert closed_form(0.1, 0.5) / closed_form(0.1, 1.0) == pytest.approx(0.44, abs=0.005)


def test_less_noise_at_each_rate(evidence):
    """At each of the five rates the variance is lower at alpha = 0.5 than SGD's, and lower again at 0.2."""
    assert len(RATES) == 5
    variances = [evidence()[alpha]["variance"] for alpha in ("1.0", "0.5", "0.2")]
    for sgd, half, fifth in zip(*variances, strict=True):
        assert fifth < 0.7 * half < 0.7 * 0.7 * sgd


@pytest.mark.parametrize("alpha", [0.5, 0.2])
def test_no_gain_at_equal_speed(alpha, evidence):
    """Against SGD whose rate leaves the same share of the start: 1 up to a rate of 0.2, 1.4 at 0.4, over 3 at 0.8."""
    excess = []
    run = evidence()[str(alpha)]
    for lr, variance, left in zip(RATES, run["variance"], run["left"], strict=True):
        same_speed = 1 - left ** (1 / 20)  # SGD leaves (1 - rate)^20 after 20 steps
        assert same_speed < lr
        excess.append(variance / closed_form(same_speed, 1.0))
    assert excess[:3] == pytest.approx([1, 1, 1], abs=0.12)  # 4000 chains: 3 standard errors are 7 %
    assert excess[3] == pytest.approx(1.4, abs=0.12)
    assert 3 < excess[4] < 4


def test_moments_are_kept():
    """A pull-back changes the weights only: Adam's moments are those of Adam alone, bit for bit."""
    ours, theirs, generator = pair()
    mine, reference = Lookahead(ours, ADAM, lr=0.01), ADAM(theirs, lr=0.01)
    for _ in range(12):
        give_gradients(ours, theirs, generator)
        mine.step()
        reference.step()
    for p, q in zip(ours, theirs, strict=True):
        assert not torch.equal(p, q)
        for key in ("exp_avg", "exp_avg_sq"):
            assert torch.equal(mine.state[p][key], reference.state[q][key])


def test_schedule_reaches_the_base():
    """A scheduler of the wrapper sets the base's rate: the groups are the same objects, also after resuming."""
    p = torch.zeros(1, requires_grad=True)
    optimizer = Lookahead([p], SGD, lr=0.1, k=100)
    optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, gamma=0.1)
    moves = []
    for _ in range(3):
        before = p.item()
        p.grad = torch.ones(1)
        optimizer.step()
        scheduler.step()
        moves.append(before - p.item())
    assert optimizer.base.param_groups is optimizer.param_groups
    assert moves == pytest.approx([0.1, 0.01, 0.001], rel=1e-4)


def test_progress_is_slower_at_the_same_rate():
    """With alpha = 0.5 and k = 5 a step at a constant gradient makes half of SGD's progress."""
    moved = []
    for make in (lambda p: SGD(p, lr=0.1), lambda p: Lookahead(p, SGD, lr=0.1)):
        p = torch.zeros(1, requires_grad=True)
        optimizer = make([p])
        for _ in range(50):
            p.grad = torch.ones(1)
            optimizer.step()
        moved.append(-p.item())
    assert moved[1] / moved[0] == pytest.approx(0.5, rel=1e-5)


def test_measure_after_the_pull_back():
    """Between two pull-backs the parameters are the fast ones; only every k-th step leaves the slow ones there."""
    p = torch.zeros(1, requires_grad=True)
    optimizer = Lookahead([p], SGD, lr=0.1)
    same = []
    for _ in range(10):
        p.grad = torch.ones(1)
        optimizer.step()
        same.append(bool(p.item() == optimizer.state[p]["slow"].item()))
    assert same == [False] * 4 + [True] + [False] * 4 + [True]


def test_base_state_alone_loses_the_slow_weights():
    """Slow weights are in the wrapper's state_dict here and in pytorch_optimizer, in the base's here only."""
    from pytorch_optimizer import Lookahead as Other

    p = torch.zeros(2, requires_grad=True)
    optimizer, base = Lookahead([p], ADAM, lr=0.1), ADAM([p], lr=0.1)
    reference = Other(base)
    p.grad = torch.ones(2)
    optimizer.step()
    reference.step()
    for saved in (optimizer.state_dict(), optimizer.base.state_dict()):
        assert "slow" in saved["state"][0]
        assert saved["param_groups"][0]["counter"] == 1
    assert "slow_params" in str(reference.state_dict())
    assert "slow" not in str(base.state_dict())


def test_stable_a_little_further():
    """On x^2 / 2 SGD diverges from a rate of 2 on; with k = 5 Lookahead holds to 2.2, with k = 4 or 10 it does not."""

    def end(rate, k=None):
        p = torch.ones(1, dtype=torch.float64, requires_grad=True)
        optimizer = SGD([p], lr=rate) if k is None else Lookahead([p], SGD, lr=rate, k=k)
        for _ in range(1000):
            p.grad = p.detach().clone()
            optimizer.step()
        return abs(p.item())

    assert end(1.95) < 1e-6
    assert min(end(2.05), end(2.05, k=4), end(2.05, k=10)) > 1e3
    assert max(end(2.05, k=5), end(2.2, k=5)) < 1e-6
    assert end(2.3, k=5) > 1e3


def test_added_group():
    """A group added later takes part, with the same k and alpha."""
    p, q = (torch.zeros(1, requires_grad=True) for _ in range(2))
    optimizer = Lookahead([p], SGD, lr=0.1)
    optimizer.add_param_group({"params": [q], "lr": 0.2})
    for _ in range(5):
        p.grad, q.grad = torch.ones(1), torch.ones(1)
        optimizer.step()
    assert -p.item() == pytest.approx(0.25)
    assert -q.item() == pytest.approx(0.5)


def test_memory_one_more_tensor():
    """The state takes one number for each parameter more than the base optimizer's: three around AdamW."""
    p = torch.ones(1000, 10, requires_grad=True)
    p.grad = torch.ones_like(p)
    optimizer = make_optimizer([p])
    optimizer.step()
    assert sum(t.numel() for t in optimizer.state[p].values()) == 3 * p.numel() + 1


def test_timm_starts_later():
    """timm copies the slow weights at the first pull-back, so that its first k steps are the base optimizer's."""
    from timm.optim.lookahead import Lookahead as Other

    p = torch.zeros(1, requires_grad=True)
    optimizer = Other(SGD([p], lr=0.1), k=5, alpha=0.5)
    positions = []
    for _ in range(10):
        p.grad = torch.ones(1)
        optimizer.step()
        positions.append(-p.item())
    assert positions[4] == pytest.approx(0.5)
    assert positions[9] == pytest.approx(0.75)
