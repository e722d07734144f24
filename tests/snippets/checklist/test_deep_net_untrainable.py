"""deep-net-untrainable: what it looks like, and every cause of it planted."""

from __future__ import annotations

import torch
from torch import nn

from snippets.checklist.deep_net_untrainable import check
from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """At the end the loss is above 1.8, near that of random guessing (2.30) or beyond it, or no number."""
    return not sum(run.series("loss")[-3:]) / 3 < 1.8


@causes("deep-net-untrainable")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def plain(depth: int, act: type[nn.Module] = nn.ReLU, gain: float = 2.0) -> nn.Sequential:
    """A plain network of a width of 64, with normal weights of variance gain / 64 and no biases."""
    layers: list[nn.Module] = []
    for _ in range(depth):
        layers += [nn.Linear(64, 64, bias=False), act()]
        nn.init.normal_(layers[-2].weight, std=(gain / 64) ** 0.5)  # type: ignore[arg-type]
    return nn.Sequential(*layers, nn.Linear(64, 10))


class Residual(nn.Module):
    """A block that adds a branch, gated by a sigmoid, with its last weights zero or not."""

    def __init__(self, *, zero: bool, gate: bool = False) -> None:
        super().__init__()
        self.one, self.two = nn.Linear(64, 64), nn.Linear(64, 64)
        self.gate: nn.Module = nn.Sigmoid() if gate else nn.Identity()
        for layer in (self.one, self.two):
            nn.init.kaiming_normal_(layer.weight)
        if zero:
            nn.init.zeros_(self.two.weight)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Add the branch."""
        return x + self.two(torch.relu(self.gate(self.one(x))))


def test_the_signal_is_measured_and_not_multiplied_up() -> None:
    """Branches of zeros, tanh with Xavier's weights and RMSNorm are sound; sums of full branches grow."""
    torch.manual_seed(0)
    x = torch.rand(32, 64)
    zero = nn.Sequential(nn.Linear(64, 64), *(Residual(zero=True) for _ in range(12)), nn.Linear(64, 10))
    normed = nn.Sequential(
        *(nn.Sequential(nn.Linear(64, 64), nn.RMSNorm(64), nn.ReLU()) for _ in range(12)), nn.Linear(64, 10)
    )
    for model in (zero, plain(30, nn.Tanh, 1.0), normed, plain(12)):
        assert not check.weights_that_shrink(model, x)
        assert not check.weights_that_enlarge(model, x)
        assert not check.samples_that_become_alike(model, x)
    full = nn.Sequential(nn.Linear(64, 64), *(Residual(zero=False) for _ in range(12)), nn.Linear(64, 10))
    assert check.weights_that_enlarge(full, x)
    assert check.weights_that_shrink(plain(30, gain=1.0), x)


def test_sigmoids_that_gate_a_branch_are_sound() -> None:
    """The product of their slopes is small, and the gradient goes around them."""
    torch.manual_seed(0)
    x = torch.rand(32, 64)
    gated = nn.Sequential(nn.Linear(64, 64), *(Residual(zero=True, gate=True) for _ in range(12)), nn.Linear(64, 10))
    assert not check.slopes_of_activations(gated, x)
    assert check.slopes_of_activations(plain(8, nn.Sigmoid), x)


def test_few_layers_and_sigmoids_make_samples_alike_and_are_sound() -> None:
    """Outputs of sigmoids are all near 1/2 in an untrained network, however shallow it is."""
    torch.manual_seed(0)
    x = torch.rand(32, 64)
    shallow = nn.Sequential(nn.Linear(64, 64), nn.Sigmoid(), nn.Linear(64, 64), nn.Sigmoid(), nn.Linear(64, 10))
    assert not check.samples_that_become_alike(shallow, x)
    assert check.samples_that_become_alike(plain(120), x)
