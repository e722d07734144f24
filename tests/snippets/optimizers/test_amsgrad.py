"""AMSGrad: equality with torch step by step, and the claims of its page."""

from itertools import pairwise

import pytest
import torch
from sklearn.datasets import load_digits

from snippets.optimizers.amsgrad.evidence import RATES, STEPS, counter_example, final_loss
from snippets.optimizers.amsgrad.from_scratch import AMSGrad
from snippets.optimizers.amsgrad.use import make_optimizer
from tests.support.optimizers import give_gradients, pair

TOLERANCE = 1e-12  # float64 rounding of 150 steps; the two orders of multiplication differ in the last bits


@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
@pytest.mark.parametrize(
    "options", [{}, {"weight_decay": 0.1}, {"maximize": True, "lr": 0.05}, {"betas": (0.8, 0.6), "eps": 1e-2}]
)
def test_equals_torch_step_by_step(options, dtype):
    """The from-scratch version equals torch.optim.Adam(amsgrad=True) at every one of 150 steps, state included."""
    ours, theirs, generator = pair(dtype)
    mine, reference = AMSGrad(ours, **options), torch.optim.Adam(theirs, amsgrad=True, **options)
    for _ in range(150):
        give_gradients(ours, theirs, generator)
        mine.step()
        reference.step()
        for p, q in zip(ours, theirs, strict=True):
            torch.testing.assert_close(p, q, rtol=0, atol=TOLERANCE)
            for key in ("exp_avg", "exp_avg_sq", "max_exp_avg_sq"):
                expected = reference.state[q][key]
                expected = torch.view_as_real(expected) if expected.is_complex() else expected
                torch.testing.assert_close(mine.state[p][key], expected, rtol=0, atol=TOLERANCE)
            assert mine.state[p]["step"] == reference.state[q]["step"]


def test_counter_example(evidence):
    """On the paper's counter-example Adam ends near the worst point, +1, and AMSGrad near the best, -1.

    At a rate of 0.05, and of 0.005.
    """
    assert min(counter_example(amsgrad=False, steps=3000, lr=0.005)[-100:]) > 0.98
    assert max(counter_example(amsgrad=True, steps=3000, lr=0.005)[-100:]) < -0.98
    assert min(evidence()["Adam"]["path"][-100:]) > 0.85
    assert max(evidence()["AMSGrad"]["path"][-100:]) < -0.85


@pytest.mark.parametrize("beta2", [0.99, 0.999])
def test_higher_beta2_cures_the_counter_example(beta2):
    """With beta2 = 0.99 or 0.999 instead of 0.1 Adam goes to the best point too."""
    p = torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.Adam([p], lr=0.05, betas=(0.0, beta2))
    for step in range(1, 1001):
        p.grad = torch.tensor([3.0 if step % 3 == 1 else -1.0])
        optimizer.step()
        with torch.no_grad():
            p.clamp_(-1, 1)
    assert p.item() < -0.85


def test_rarer_slopes_defeat_099():
    """Slope 1010 at every 101st step and -10 else, betas 0.9 and 0.99: Adam stays near +1, AMSGrad goes towards -1."""
    ends = []
    for amsgrad in (False, True):
        p = torch.zeros(1, requires_grad=True)
        optimizer = torch.optim.Adam([p], lr=0.05, betas=(0.9, 0.99), amsgrad=amsgrad)
        path = []
        for step in range(1, 6001):
            p.grad = torch.tensor([1010.0 if step % 101 == 1 else -10.0])
            optimizer.step()
            with torch.no_grad():
                p.clamp_(-1, 1)
            path.append(p.item())
        rounds = torch.tensor(path[-5959:]).view(-1, 101).mean(1)  # position in each of 59 rounds
        ends.append(rounds[-1].item())
        if amsgrad:
            assert (rounds[30:].diff() < 0).all()
    assert ends[0] > 0.8
    assert ends[1] < -0.2


def test_no_difference_on_digits(evidence):
    """The losses differ by under 1 % at the three lower rates, by under a fifth at 0.064, with each of six seeds.

    The figure's left panel: Adam is at +1 after 90 steps, AMSGrad at -1 after 165, and both stay within 0.06.
    """
    adam, amsgrad = (torch.tensor(evidence()[name]["losses"]) for name in ("Adam", "AMSGrad"))  # (rates, seeds)
    assert len(RATES) == len(adam) == 4
    assert (adam[0] > 1).all()  # they train: the agreement is not that of two networks which stand still
    assert (adam[-1] < 0.15).all()
    apart = [(adam - amsgrad).abs() / adam]
    assert 0.999**STEPS > 0.94  # what is left of a second moment at least
    digits = load_digits()
    data = torch.tensor(digits.data, dtype=torch.float32) / 16, torch.tensor(digits.target)
    others = [[[final_loss(flag, lr, seed, *data) for seed in (9, 10, 11)] for lr in RATES] for flag in (False, True)]
    adam, amsgrad = torch.tensor(others)
    for share in (*apart, (adam - amsgrad).abs() / adam):
        assert (share[:3] < 0.01).all()
        assert (share[3] < 0.2).all()

    for name, goal, steps in (("Adam", 1.0, 90), ("AMSGrad", -1.0, 165)):
        path = evidence()[name]["path"]
        arrival = next(step for step, position in enumerate(path, 1) if abs(position - goal) < 0.01)
        assert arrival == pytest.approx(steps, abs=5)
        assert max(abs(position - goal) for position in path[arrival:]) < 0.06


def denominators(gradients):
    """v_max / (1 - beta2^t) along a sequence of gradients, in torch's AMSGrad."""
    p = torch.zeros(1, requires_grad=True)
    optimizer = torch.optim.Adam([p], amsgrad=True)
    values = []
    for t, g in enumerate(gradients, 1):
        p.grad = torch.tensor([g])
        optimizer.step()
        values.append(optimizer.state[p]["max_exp_avg_sq"].item() / (1 - 0.999**t))
    return values


def test_torch_maximum_before_bias_correction():
    """torch takes the maximum before the bias correction: after one large gradient the denominator shrinks at first."""
    values = denominators([1.0] + [0.0] * 50)
    assert values[0] == pytest.approx(1.0, rel=1e-4)
    assert values[50] == pytest.approx(0.001 / (1 - 0.999**51), rel=1e-4)  # 0.02


def test_denominator_shrinks_for_thousands_of_steps():
    """After one large gradient torch's denominator is smaller after every further thousand of steps, up to 5000."""
    values = denominators([1.0] + [0.0] * 5000)[::1000]
    assert all(later < 0.999 * earlier for earlier, later in pairwise(values))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("way", [{"foreach": False}, {"foreach": True}, {"fused": True}])
def test_equals_adam_while_v_grows(way, dtype):
    """As long as no second moment has fallen AMSGrad and Adam are the same, to the last bit; from its fall on not."""
    p, q = (torch.zeros(3, requires_grad=True, dtype=dtype) for _ in range(2))
    adam, amsgrad = torch.optim.Adam([p], lr=0.1, **way), torch.optim.Adam([q], lr=0.1, amsgrad=True, **way)

    def steps(gradients):
        for g in gradients:
            p.grad = torch.full((3,), g, dtype=dtype)
            q.grad = p.grad.clone()
            adam.step()
            amsgrad.step()

    steps([1.0 + 0.1 * t for t in range(50)])
    assert torch.equal(p, q)
    steps([0.1] * 100)
    steps([10.0 + t for t in range(50)])  # it grows again, and they stay apart
    if dtype != torch.bfloat16:  # there a change of v by a thousandth is rounded away: it never falls
        assert not torch.equal(p, q)


def test_outlier_is_remembered_for_ever():
    """3000 steps after a gradient of 100 AMSGrad still steps at 0.3 learning rates, and Adam at 0.8."""
    results = []
    for amsgrad in (False, True):
        p = torch.zeros(1, dtype=torch.float64, requires_grad=True)
        optimizer = torch.optim.Adam([p], lr=1.0, amsgrad=amsgrad)
        for t in range(5000):
            before = p.item()
            p.grad = torch.full((1,), 100.0 if t == 2000 else 1.0, dtype=torch.float64)
            optimizer.step()
        results.append(before - p.item())
    assert results[0] == pytest.approx(0.82, abs=0.02)
    assert results[1] == pytest.approx(0.31, abs=0.02)


def from_an_adam_checkpoint():
    """An AMSGrad optimizer that has loaded the state of Adam, and its parameter."""
    p = torch.zeros(2, requires_grad=True)
    p.grad = torch.ones(2)
    saved = torch.optim.Adam([p])
    saved.step()
    optimizer = torch.optim.Adam([p], amsgrad=True)
    optimizer.load_state_dict(saved.state_dict())
    return optimizer, p


def test_flag_after_resuming():
    """Loading an Adam checkpoint into an AMSGrad optimizer turns AMSGrad off: the saved group wins."""
    optimizer, p = from_an_adam_checkpoint()
    assert optimizer.param_groups[0]["amsgrad"] is False
    optimizer.step()
    assert "max_exp_avg_sq" not in optimizer.state[p]


def test_flag_set_after_loading():
    """With the flag set in the group after an Adam checkpoint was loaded, the next step finds no maximum."""
    optimizer, _ = from_an_adam_checkpoint()
    optimizer.param_groups[0]["amsgrad"] = True
    with pytest.raises(KeyError, match="max_exp_avg_sq"):
        optimizer.step()


def test_memory_three_tensors():
    """The state takes three numbers for each parameter, one more than Adam's."""
    p = torch.zeros(1000, 10, requires_grad=True)
    p.grad = torch.ones_like(p)
    optimizer = make_optimizer([p])
    optimizer.step()
    assert sum(t.numel() for t in optimizer.state[p].values()) == 3 * p.numel() + 1
