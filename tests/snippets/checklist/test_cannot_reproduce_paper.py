"""cannot-reproduce-paper: what it looks like, and every cause of it planted."""

from __future__ import annotations

import torch

from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """The test error is at least 1.4 times the published one."""
    return not run.last("test error") < 1.4 * run.last("published error")


@causes("cannot-reproduce-paper")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_root_of_epsilon() -> None:
    """With the root of epsilon outside, the divisor is that of epsilon inside at 0, elsewhere up to 1.42 times it."""
    parameter = torch.nn.Parameter(torch.zeros(601, dtype=torch.float64))
    gradient = torch.cat([torch.zeros(1), torch.logspace(-9, 6, 600)]).double()
    for eps in (1e-3, 1.0):
        with torch.no_grad():
            parameter.zero_()
        optimizer = torch.optim.RMSprop([parameter], lr=1.0, alpha=0.0, eps=eps**0.5)
        parameter.grad = gradient.clone()
        optimizer.step()
        ratio = (gradient / (gradient.square() + eps).sqrt())[1:] / -parameter.detach()[1:]
        assert abs(ratio[0].item() - 1) < 1e-6
        assert abs(ratio[-1].item() - 1) < 1e-4
        assert ((ratio > 1 - 1e-9) & (ratio < 1.42)).all()
        assert ratio.max() > 1.4


def test_one_block_six_times() -> None:
    """In Sequential and ModuleList: parameters() has one block, state_dict() six; a list that makes each has six."""
    block = torch.nn.Linear(5, 5)
    for many in (torch.nn.Sequential(*[block] * 6), torch.nn.ModuleList([block] * 6)):
        assert all(one is block for one in many)
        assert sum(p.numel() for p in many.parameters()) == 30
        assert len(many.state_dict()) == 12
    six = torch.nn.ModuleList([torch.nn.Linear(5, 5) for _ in range(6)])
    assert sum(p.numel() for p in six.parameters()) == 180
