"""grad-exploding: what it looks like, and every cause of it planted."""

from __future__ import annotations

import math

import torch
from torch import nn

from snippets.checklist.grad_exploding import check
from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """The norm of the gradient goes above 10, or is no number."""
    norms = run.series("gradient")
    return max(norms) > 10 or not all(map(math.isfinite, norms))


@causes("grad-exploding")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_thirty_layers_of_kaiming_are_sound() -> None:
    """Their gains multiply to 2**15, and ReLUs take it back; a standard deviation of 0.5 in place of it does not."""
    torch.manual_seed(0)
    inputs = torch.randn(64, 32)
    for std, found in ((None, False), (0.5, True)):
        model = nn.Sequential(
            *[layer for _ in range(30) for layer in (nn.Linear(32, 32), nn.ReLU())], nn.Linear(32, 10)
        )
        for layer in model:
            if isinstance(layer, nn.Linear):
                nn.init.kaiming_normal_(layer.weight) if std is None else nn.init.normal_(layer.weight, std=std)
        assert bool(check.gain_of_weights(model, inputs)) == found


def test_a_tanh_does_not_keep_the_gradient_from_growing() -> None:
    """A recurrent matrix with an eigenvalue far above 1: the state saturates, and the gradient grows all the same."""
    norms = []
    for std in (None, 0.3):
        torch.manual_seed(0)
        rnn, inputs = nn.RNN(4, 32, batch_first=True), torch.randn(32, 60, 4)
        if std:
            nn.init.normal_(rnn.weight_hh_l0, std=std)
        assert bool(check.growth_over_time(rnn, inputs)) == bool(std)
        states = rnn(inputs)[0]
        assert states.abs().max() <= 1
        (gradient,) = torch.autograd.grad(states[:, -1].mean(), rnn.weight_hh_l0)
        norms.append(gradient.norm())
    assert norms[1] > 20 * norms[0]
