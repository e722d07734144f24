"""Rprop: step by step against torch, closed forms, and the claims of its page."""

from itertools import pairwise

import pytest
import torch
from sklearn.datasets import load_digits

from snippets.optimizers.rprop.evidence import SIZES, final_loss
from snippets.optimizers.rprop.from_scratch import Rprop
from tests.support.optimizers import numbers_per_parameter, same_trajectory


@pytest.mark.parametrize("dtype", [torch.float64, torch.complex128])
@pytest.mark.parametrize("settings", [{}, {"etas": (0.3, 1.5)}, {"step_sizes": (1e-3, 0.1)}, {"maximize": True}])
def test_equals_torch(settings, dtype):
    """Over 120 noisy steps values and state equal torch.optim.Rprop's."""
    assert same_trajectory(Rprop, torch.optim.Rprop, dtype=dtype, **settings) < 1e-10


def path(gradients: list[float], **settings: float) -> list[float]:
    theta = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
    optimizer = torch.optim.Rprop([theta], **settings)
    values = [0.0]
    for g in gradients:
        theta.grad = torch.full_like(theta, g)
        optimizer.step()
        values.append(theta.item())
    return values


def test_only_signs_count():
    """Gradients multiplied by anything positive, each by its own factor, give the same path."""
    assert path([1.0, 2.0, -3.0, -1.0, 4.0]) == path([1e-8, 2e5, -3e-3, -1e7, 4.0])
    generator = torch.Generator().manual_seed(0)
    for _ in range(20):
        gradients = torch.randn(40, generator=generator)
        factors = 10 ** torch.empty(40).uniform_(-8, 8, generator=generator)
        assert path(gradients.tolist()) == path((gradients * factors).tolist())


@pytest.mark.parametrize("foreach", [False, True])
@pytest.mark.parametrize(
    ("dtype", "tiny", "enough"),
    [(torch.float16, 1e-4, 1e-3), (torch.float32, 1e-23, 1e-22), (torch.bfloat16, 0, 1e-18)],
)
def test_tiny_products_round_to_zero(dtype, tiny, enough, foreach):
    """A product of two gradients that rounds to 0 leaves the step as it is: 1e-4 in float16, 1e-23 in float32."""
    sizes = []
    for gradient in (tiny, enough):
        theta = torch.nn.Parameter(torch.zeros(1, dtype=dtype))
        optimizer = torch.optim.Rprop([theta], lr=0.1, foreach=foreach)
        for _ in range(4):
            theta.grad = torch.full_like(theta, gradient)
            optimizer.step()
        sizes.append(optimizer.state[theta]["step_size"].item())
    assert sizes == pytest.approx([0.1, 0.1 * 1.2**3], rel=0.02)


@pytest.mark.parametrize("rate", [1e-5, 1e-3, 1e-1, 10.0])
def test_rate_needs_little_tuning(rate, monkeypatch):
    """Digits, full batch, 100 steps, three seeds: rates from 1e-5 to 0.1 end under 0.01, a rate of 10 above 1."""
    kind = torch.optim.Rprop
    monkeypatch.setattr(torch.optim, "Rprop", lambda parameters, lr: kind(parameters, lr=rate))
    digits = load_digits()
    x, y = torch.tensor(digits.data, dtype=torch.float32) / 16, torch.tensor(digits.target)
    losses = [final_loss("Rprop", SIZES[-1], seed, x, y) for seed in range(3)]
    assert min(losses) > 1 if rate > 1 else max(losses) < 0.01


def test_drifts_in_the_lectures_example():
    """Nine gradients of +0.1 and one of -0.9: torch never moves back, and each round's way is over twice the last's."""
    values = path(([0.1] * 9 + [-0.9]) * 8, lr=0.001)
    assert all(after <= before for before, after in pairwise(values))
    ways = [before - after for before, after in pairwise(values[::10])]
    assert all(later > 2 * earlier for earlier, later in pairwise(ways))


def test_steps_grow_and_shrink():
    """A step grows by 1.2 while the sign stays and is halved when it turns."""
    values = path([1.0, 1.0, 1.0], lr=0.1)
    assert [a - b for a, b in pairwise(values)] == pytest.approx([0.1, 0.12, 0.144])
    turned = path([1.0, 1.0, -1.0, -1.0], lr=0.1)
    assert turned[4] - turned[3] == pytest.approx(0.06)  # half of 0.12


def test_stands_still_after_a_turn():
    """In the step in which the sign turns torch does not move; the paper takes the last step back."""
    values = path([1.0, 1.0, -1.0, -1.0], lr=0.1)
    assert values[3] == values[2]
    assert values[2] == pytest.approx(-0.22)
    assert values[2] != pytest.approx(values[1])  # the paper takes the last step, 0.12, back


def test_rate_matters_only_at_first():
    """lr is the first step size: 26 steps of growth make up for a rate a hundred times smaller."""
    small, large = path([1.0] * 40, lr=1e-4), path([1.0] * 40, lr=1e-2)
    assert small[27] - small[26] == pytest.approx(1.2**26 * -1e-4)
    assert abs(small[27] - small[26]) > abs(large[1])


def test_noise_freezes_it():
    """When the sign of a gradient is a coin's toss, step sizes fall to their floor and parameters stand still."""
    torch.manual_seed(0)
    theta = torch.nn.Parameter(torch.ones(200))
    optimizer = torch.optim.Rprop([theta], lr=0.01)
    for _ in range(500):
        theta.grad = 0.1 * theta.detach() + torch.randn(200)  # pulls towards 0, under ten times as much noise
        optimizer.step()
    assert optimizer.state[theta]["step_size"].median() < 1e-5
    assert theta.mean() > 0.9
    adam_theta = torch.nn.Parameter(torch.ones(200))
    adam = torch.optim.Adam([adam_theta], lr=0.01)
    for _ in range(500):
        adam_theta.grad = 0.1 * adam_theta.detach() + torch.randn(200)
        adam.step()
    assert adam_theta.mean() < 0.8


def test_zero_rate_does_not_freeze():
    """A group with lr 0 still moves: the floor of step_sizes lifts its step to 1e-6, and it grows from there.

    Both limits hold at every step, also at the first and where a gradient is 0.
    """
    assert path([1.0] * 60, lr=0.0)[-1] < -0.05
    assert [a - b for a, b in pairwise(path([1.0] * 3, lr=0.0))] == pytest.approx([1e-6, 1.2e-6, 1.44e-6])
    assert path([1.0], lr=100.0)[1] == -50
    assert path([0.0, 1.0], lr=0.0)[2] == pytest.approx(-1e-6)


def test_two_numbers_for_a_parameter():
    """The last gradient and the step size: two numbers for each parameter."""
    assert numbers_per_parameter(torch.optim.Rprop) == 2


def test_wins_on_the_full_batch_only(evidence, monkeypatch):
    """On all data Rprop is far below Adam, both at 0.01; at each size of mini-batch its mean over seeds is above.

    Adam at 0.001, its default, is above Rprop at each of the four sizes.
    """
    means = (torch.tensor(evidence()[name]).mean(0).tolist() for name in ("Rprop", "Adam"))  # over seeds
    (*rprop, rprop_all), (*adam, adam_all) = means
    assert rprop_all < adam_all / 20  # from a fiftieth down to a ten-thousandth, as the processor rounds
    assert all(ours > other for ours, other in zip(rprop, adam, strict=True))
    default = torch.optim.Adam
    monkeypatch.setattr(torch.optim, "Adam", lambda parameters, lr: default(parameters))
    digits = load_digits()
    x, y = torch.tensor(digits.data, dtype=torch.float32) / 16, torch.tensor(digits.target)
    slow = torch.tensor([[final_loss("Adam", size, seed, x, y) for size in SIZES] for seed in range(3)]).mean(0)
    assert all(2 * ours < other for ours, other in zip([*rprop, rprop_all], slow.tolist(), strict=True))


def test_schedule_does_nothing():
    """The rate is read at a parameter's first step; changing it afterwards changes nothing."""

    def final(rate_later: float) -> float:
        theta = torch.nn.Parameter(torch.zeros(1, dtype=torch.float64))
        optimizer = torch.optim.Rprop([theta], lr=0.1)
        for g in [1.0, 2.0, -1.0, -3.0, 1.0]:
            theta.grad = torch.full_like(theta, g)
            optimizer.step()
            optimizer.param_groups[0]["lr"] = rate_later
        return theta.item()

    assert final(0.1) == final(1e-5) == final(100.0) != 0.0
