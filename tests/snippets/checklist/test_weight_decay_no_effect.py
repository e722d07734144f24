"""weight-decay-no-effect: what it looks like, and every cause of it planted."""

from __future__ import annotations

import torch
from torch import nn

from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """The weights end with nearly the same norm, with weight decay and without."""
    return run.last("norm with decay") > 0.95 * run.last("norm without")


@causes("weight-decay-no-effect")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_batch_norm_undoes_the_scale() -> None:
    """Weights ten times as large before a BatchNorm: the same outputs, a tenth of the gradient."""
    torch.manual_seed(0)
    x, target = torch.randn(64, 8, dtype=torch.float64), torch.randn(64, 4, dtype=torch.float64)
    linear, norm = nn.Linear(8, 4, bias=False).double(), nn.BatchNorm1d(4, eps=1e-12).double()
    outputs, gradients = [], []
    for factor in (1.0, 10.0):
        with torch.no_grad():
            linear.weight.mul_(factor)
        out = norm(linear(x))
        outputs.append(out)
        gradients.append(torch.autograd.grad((out - target).square().mean(), linear.weight)[0])
    torch.testing.assert_close(outputs[1], outputs[0], rtol=1e-8, atol=1e-8)
    torch.testing.assert_close(10 * gradients[1], gradients[0], rtol=1e-6, atol=1e-9)
