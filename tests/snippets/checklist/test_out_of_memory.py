"""out-of-memory: what it looks like, and every cause of it planted."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

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
    with sdpa_kernel(SDPBackend.MATH):
        assert 3 < kept(Fused(), 1024) / kept(Fused(), 512) < 5


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


def test_what_training_keeps_is_counted_as_in_training() -> None:
    """Batch normalization and dropout keep more than in eval mode; running statistics stay what they are."""
    model = nn.Sequential(nn.Linear(16, 16), nn.BatchNorm1d(16), nn.Dropout(0.1), nn.Linear(16, 4))
    before = [buffer.clone() for buffer in model.buffers()]
    training = check.saved_for_backward(model, torch.randn(64, 16))
    assert all(map(torch.equal, before, model.buffers()))
    assert len(training) > len(check.saved_for_backward(model.eval(), torch.randn(64, 16)))


def test_layers_as_wide_as_the_sequence_is_long_are_no_attention() -> None:
    """Nor are square images; a class token makes the matrices larger by one."""
    wide = nn.Sequential(nn.Embedding(9, 128), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 8))
    assert not check.attention_matrices(wide, torch.randint(9, (4, 128)))
    conv = nn.Sequential(nn.Unflatten(1, (1, 128)), nn.Conv2d(1, 4, 3, padding=1), nn.ReLU())
    assert not check.attention_matrices(conv, torch.randn(2, 128, 128))

    class WithClassToken(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = nn.functional.pad(x, (0, 0, 1, 0)).requires_grad_()
            return (x @ x.mT).softmax(dim=-1) @ x

    assert check.attention_matrices(WithClassToken(), torch.randn(4, 128, 8))


def test_padding_lies_at_one_end() -> None:
    """On the left, too; a common last token, equal tokens in between, images and masks are none."""
    assert "3 of 5" in check.columns_of_padding(torch.tensor([[0, 0, 0, 1, 2], [0, 0, 0, 3, 4]]))
    assert not check.columns_of_padding(torch.tensor([[5, 6, 2, 2, 3, 2], [5, 8, 2, 2, 9, 2]]))
    assert not check.columns_of_padding(torch.zeros(4, 28, 28, dtype=torch.uint8))
    assert not check.columns_of_padding(torch.zeros(4, 28, dtype=torch.bool))
