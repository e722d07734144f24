"""grad-vanishing: what it looks like, and every cause of it planted."""

from __future__ import annotations

import statistics

import torch
from torch import nn

from snippets.checklist.grad_vanishing import check
from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """The first layer, or the first time step, gets less than a thousandth of the gradient of the last."""
    pairs = zip(run.series("first gradient"), run.series("last gradient"), strict=True)
    return statistics.median(first / last if last else 0.0 for first, last in pairs) < 1e-3


@causes("grad-vanishing")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_slope_of_sigmoid() -> None:
    """The slope is nowhere above 0.25; seven in a row multiply to less than 1e-4."""
    x = torch.linspace(-20, 20, 4001, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(x.sigmoid().sum(), x)
    assert slope.max() <= 0.25
    assert slope.max() ** 7 < 1e-4


def test_gain_of_default() -> None:
    """The default weights are uniform with a standard deviation of 1/sqrt(3 inputs)."""
    for inputs in (64, 256, 1024):
        gain = nn.Linear(inputs, 1024).weight.detach().square().mean().sqrt().item() * inputs**0.5
        assert round(gain, 2) == 0.58
    assert (1 / 3) ** (12 / 2) > 1e-3 > (1 / 3) ** (13 / 2)


class Gated(nn.Module):
    """A block of sigmoid gates beside a skip connection."""

    def __init__(self) -> None:
        super().__init__()
        self.linear, self.gate = nn.Linear(32, 32), nn.Sequential(nn.Linear(32, 32), nn.Sigmoid())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The input, and a gated branch."""
        return x + self.linear(x).relu() * self.gate(x)


def test_gates_and_small_weights_beside_a_skip_are_sound() -> None:
    """The product of their slopes, or of their gains, is small, and the gradient of the first layer is not."""
    torch.manual_seed(0)
    model = nn.Sequential(*[Gated() for _ in range(8)], nn.Linear(32, 10))
    batch = nn.CrossEntropyLoss(), torch.randn(64, 32), torch.randint(0, 10, (64,))
    assert check.arrives(model, *batch)
    assert not check.slopes_of_activations(model, *batch)
    assert not check.gain_of_weights(model, *batch)
    layers = [layer for _ in range(13) for layer in (nn.Linear(32, 32), nn.ReLU())]
    assert check.gain_of_weights(nn.Sequential(*layers, nn.Linear(32, 10)), *batch)


def test_checks_leave_running_statistics_alone() -> None:
    """A forward pass in train mode would move them; it is a copy that makes it."""
    model = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(40), nn.Linear(40, 3))
    before = {name: value.clone() for name, value in model.state_dict().items()}
    check.gradient_by_time(model, nn.CrossEntropyLoss(), torch.randn(8, 10, 4), torch.randint(0, 3, (8,)))
    torch.testing.assert_close(model.state_dict(), before, rtol=0, atol=0)
