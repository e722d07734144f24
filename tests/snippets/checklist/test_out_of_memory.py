"""out-of-memory: what it looks like, and every cause of it planted."""

from __future__ import annotations

import torch
from torch import nn

from snippets.checklist.out_of_memory import check
from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """A step keeps more than the 2 MB that these programs may have."""
    return max(run.series("kept MB")) > 2


@causes("out-of-memory")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_grows_with_the_batch() -> None:
    """Activations grow in proportion to the batch; attention written out grows with the square of the length."""
    model = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 4))
    sizes = [sum(size for _, size in check.saved_for_backward(model, torch.randn(n, 16))) for n in (10, 20, 40)]
    assert sizes[1] == 2 * sizes[0]
    assert sizes[2] == 4 * sizes[0]

    class Attention(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return (x @ x.mT).softmax(dim=-1) @ x

    class Fused(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return nn.functional.scaled_dot_product_attention(x, x, x)

    def kept(module: nn.Module, length: int) -> int:
        x = torch.randn(1, 1, length, 8, requires_grad=True)
        return sum(size for _, size in check.saved_for_backward(module, x))

    assert 3 < kept(Attention(), 1024) / kept(Attention(), 512) < 5
    assert 1.5 < kept(Fused(), 1024) / kept(Fused(), 512) < 2.5


def test_adam_keeps_four_times_the_weights() -> None:
    """Weights, gradients and Adam's two averages: four times the weights; SGD without momentum: twice."""
    model = nn.Linear(64, 64, bias=False)
    model(torch.randn(2, 64)).sum().backward()
    for kind, factor in ((torch.optim.Adam, 4), (torch.optim.SGD, 2)):
        optimizer = kind(model.parameters(), lr=0.01)
        optimizer.step()
        state = [t for s in optimizer.state.values() for t in s.values() if torch.is_tensor(t) and t.dim()]
        weight = model.weight
        assert weight.grad is not None
        assert weight.nbytes + weight.grad.nbytes + sum(t.nbytes for t in state) == factor * weight.nbytes
