"""dead-relu: counts equal to a second implementation, bounds against all corners, and the claims of its page."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from snippets.checklist.dead_relu_many.check import dead_units as second_implementation
from snippets.diagnostics.dead_relu.from_scratch import certainly_dead, largest_sum
from snippets.diagnostics.dead_relu.use import dead_units
from tests.support import planted
from tests.support.planted import Run


def network(bias: float | None = None, width: int = 64) -> nn.Sequential:
    """Two hidden layers; the first with this bias."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, 10))
    if bias is not None:
        nn.init.constant_(model[0].bias, bias)
    return model


def test_counts() -> None:
    """0 dead as torch initializes it; all of the first layer with a bias of -10."""
    x = torch.randn(1000, 64)
    assert dead_units(network(), x.split(100)) == {"1": (0, 64), "3": (0, 64)}
    assert dead_units(network(-10.0), x.split(100))["1"] == (64, 64)


@pytest.mark.parametrize("bias", [None, -0.5, -1.0, -2.0])
def test_equals_second_implementation(bias: float | None) -> None:
    """Counts of the check list's function, which takes all inputs at once; also for convolutions."""
    x = torch.randn(300, 64)
    assert dead_units(network(bias), x.split(7)) == second_implementation(network(bias), x)
    torch.manual_seed(0)
    convolutions = nn.Sequential(nn.Conv2d(1, 6, 3), nn.ReLU(), nn.Conv2d(6, 12, 3), nn.ReLU())
    nn.init.constant_(convolutions[0].bias, bias or 0.0)
    images = torch.randn(50, 1, 8, 8)
    assert dead_units(convolutions, images.split(20)) == second_implementation(convolutions, images)


def test_sequences_have_units_last() -> None:
    """In (batch, time, features) a unit is a feature."""
    model = nn.Sequential(nn.Linear(4, 9), nn.ReLU())
    nn.init.constant_(model[0].bias, -100.0)
    assert dead_units(model, [torch.randn(5, 7, 4)]) == {"1": (9, 9)}


class Shared(nn.Module):
    """One ReLU behind two layers of different width, as in torchvision's bottleneck blocks; the first is dead."""

    def __init__(self, widths: tuple[int, int]) -> None:
        super().__init__()
        self.first, self.second, self.relu = nn.Linear(64, widths[0]), nn.Linear(*widths), nn.ReLU()
        nn.init.constant_(self.first.bias, -100.0)
        nn.init.constant_(self.second.bias, 1.0)

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(self.second(self.relu(self.first(x))))


@pytest.mark.parametrize("widths", [(8, 8), (8, 32)])
def test_shared_relu_has_a_count_for_each_call(widths: tuple[int, int]) -> None:
    """A ReLU that is called twice: what is dead in the first call and alive in the second is counted as dead."""
    found = dead_units(Shared(widths), torch.randn(50, 64).split(20))
    assert found == {"relu": (8, 8), "relu, call 2": (0, widths[1])}


def test_leaves_everything_as_it_was() -> None:
    """Weights, buffers, gradients, modes and hooks are the same, with dropout and batch normalization in train mode."""
    model = nn.Sequential(nn.Linear(64, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.5), nn.Linear(8, 2))
    things = {"model": model, "inputs": torch.randn(16, 64)}
    model(things["inputs"]).sum().backward()

    def call(model: Any, inputs: Any) -> str:
        dead_units(model, [inputs])
        return ""

    planted.asked(call, Run("", things, None))


@pytest.mark.parametrize("lr", [0.1, 1e-3])
def test_dead_gets_no_gradient(lr: float) -> None:
    """Gradients of dead units' weights and bias are 0, and nothing reaches the layer before; others get some."""
    model = network(width=32)
    with torch.no_grad():
        model[2].bias[:16] = -100.0  # dead
    x = torch.randn(200, 64)
    assert dead_units(model, [x])["3"] == (16, 32)
    model(x).square().sum().backward()
    for p in (model[2].weight, model[2].bias):
        assert not p.grad[:16].any()
        assert p.grad[16:].flatten(1).any(dim=1).sum() > 10 if p.dim() > 1 else p.grad[16:].any()
    before = model[2].weight.detach()[:16].clone()
    torch.optim.SGD(model.parameters(), lr=lr).step()
    assert torch.equal(model[2].weight[:16], before)
    with torch.no_grad():
        model[2].bias.fill_(-100.0)
    model.zero_grad()
    model(x).square().sum().backward()
    assert not any(p.grad.any() for p in model[0].parameters())


@pytest.mark.parametrize("seed", range(5))
def test_equals_corners(seed: int) -> None:
    """The formula is the maximum over all 1,024 corners of a box with ten inputs."""
    torch.manual_seed(seed)
    weight, bias = torch.randn(6, 10).double(), torch.randn(6).double()
    low = torch.randn(10).double()
    high = low + torch.rand(10).double()
    pairs = zip(low.tolist(), high.tolist(), strict=True)
    corners = torch.tensor(list(itertools.product(*pairs)), dtype=torch.float64)  # (1024, 10)
    expected = (corners @ weight.T + bias).amax(dim=0)
    torch.testing.assert_close(largest_sum(weight, bias, low, high), expected, rtol=1e-12, atol=1e-12)
    shifted = bias - expected.sort().values[2:4].mean()  # so that some are dead and some are not, none by rounding
    dead = certainly_dead(weight, shifted, low, high)
    assert torch.equal(dead, (corners @ weight.T + shifted).amax(dim=0) <= 0)
    assert 0 < dead.sum() < 6


@pytest.mark.parametrize("bias", [-0.5, -1.0, -2.0, -4.0])
def test_bounds_agree(bias: float) -> None:
    """Every unit that is certainly dead is counted as dead on data from the box."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU())
    nn.init.normal_(model[0].bias, mean=bias)
    x = torch.rand(2000, 64)
    certain = certainly_dead(model[0].weight, model[0].bias, torch.zeros(64), torch.ones(64))
    seen = (model(x) == 0).all(dim=0)
    assert seen[certain].all()
    assert dead_units(model, [x])["1"] == (int(seen.sum()), 64)
    assert certain.sum() <= seen.sum()


def test_zeros_are_not_dead() -> None:
    """In a new network about half of the numbers are 0, and no unit is dead."""
    model, x = network(), torch.randn(1000, 64)
    assert 0.4 < (model[:2](x) == 0).float().mean() < 0.6
    assert 0.4 < (model[:4](x) == 0).float().mean() < 0.6
    assert all(dead == 0 for dead, _ in dead_units(model, [x]).values())


def test_functions_are_not_counted() -> None:
    """A network that calls F.relu gives an empty result."""

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(64, 8)

        def forward(self, x: Tensor) -> Tensor:
            return nn.functional.relu(self.layer(x))

    assert dead_units(Net(), [torch.randn(8, 64)]) == {}


def test_dead_with_learning_rate(evidence) -> None:
    """At 0.1 and 0.3: 5 to 20% dead, accuracy above 95%. At 1.0: over 80% dead, accuracy below 85%."""
    for lr in ("0.1", "0.3"):
        row = evidence()[f"ReLU {lr}"]
        assert 0.05 < row["dead"][-1] < 0.2
        assert row["accuracy"][0] > 0.95
    row = evidence()["ReLU 1"]
    assert row["dead"][-1] > 0.8
    assert row["accuracy"][0] < 0.85


def test_leaky_still_learns(evidence) -> None:
    """Leaky ReLU at 1.0: over 80% negative for all images, accuracy over 10 points above ReLU's."""
    leaky = evidence()["LeakyReLU 1"]
    assert leaky["dead"][-1] > 0.8
    assert leaky["accuracy"][0] > evidence()["ReLU 1"]["accuracy"][0] + 0.1


def test_one_image_is_not_enough(evidence) -> None:
    """At 0.01 one image makes over five times as many units look dead as 1,000; each larger number makes fewer."""
    dead = evidence()["ReLU 0.01"]["dead"]
    assert dead[0] > 5 * dead[-1]
    assert dead[0] == pytest.approx(1 / 3, abs=0.05)
    assert dead[-1] < 0.06
    assert all(a >= b for a, b in itertools.pairwise(dead))
