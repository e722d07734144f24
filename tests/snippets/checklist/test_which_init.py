"""which-init: what it looks like, and every cause of it planted."""

from __future__ import annotations

import torch
from torch import nn

from snippets.checklist.which_init import check
from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """After 140 updates the loss of ten classes is still above 1, or is no number."""
    return not run.last("loss") < 1.0


@causes("which-init")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def _size(x: torch.Tensor) -> float:
    return x.square().mean().sqrt().item()


def test_factor_by_layer() -> None:
    """In square ReLU layers the size falls by root 2 with Xavier, by root 6 with the default, and not with Kaiming."""
    torch.manual_seed(0)
    for init, factor in ((nn.init.xavier_normal_, 2**-0.5), (None, 6**-0.5), (nn.init.kaiming_normal_, 1.0)):
        x = torch.randn(64, 1024).relu()
        sizes = []
        for _ in range(8):
            layer = nn.Linear(1024, 1024, bias=False)
            if init:
                init(layer.weight)
            with torch.no_grad():
                x = layer(x).relu()
            sizes.append(_size(x))
        assert abs((sizes[-1] / sizes[0]) ** (1 / 7) / factor - 1) < 0.03


def test_standard_normal_factor() -> None:
    """With standard normal weights, a ReLU layer with 128 inputs makes its signal about 8 times as large."""
    torch.manual_seed(0)
    x = (torch.randn(512, 128) @ torch.randn(128, 128)).relu()
    factors = [_size((x @ torch.randn(128, 128)).relu()) / _size(x) for _ in range(50)]
    assert 7.5 < sum(factors) / 50 < 8.5


def test_block_factor() -> None:
    """x + W2 relu(W1 x), both Kaiming, has 3 times the mean square of x; 25 blocks over 100,000 times its size."""
    torch.manual_seed(0)
    start = x = torch.randn(64, 512)
    squares = []
    for _ in range(25):
        first, last = torch.randn(2, 512, 512) * (2 / 512) ** 0.5
        y = x + (x @ first).relu() @ last
        squares.append((_size(y) / _size(x)) ** 2)
        x = y
    assert 2.8 < sum(squares) / 25 < 3.2
    assert _size(x) > 1e5 * _size(start)


class Block(nn.Module):
    """Adds two layers, the last of zeros, to what comes in."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(16, 16), nn.Linear(16, 16)
        nn.init.zeros_(self.last.weight)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The input, and a branch that begins at a constant."""
        return x + self.last(self.first(x).relu())


def test_branches_of_zeros_are_sound_and_a_chain_of_zeros_is_not() -> None:
    """Zero is right for the end of a residual branch; in a chain no sample gets through, and only a bias learns."""
    torch.manual_seed(0)
    inputs = torch.randn(32, 16)
    assert not check.units_that_start_equal(nn.Sequential(*[Block() for _ in range(4)], nn.Linear(16, 3)), inputs)
    chain = nn.Sequential(nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 3))
    for parameter in chain.parameters():
        nn.init.zeros_(parameter)
    assert check.units_that_start_equal(chain, inputs)
    nn.functional.cross_entropy(chain(inputs), torch.arange(32) % 3).backward()
    learning = [name for name, p in chain.named_parameters() if p.grad is not None and p.grad.any()]
    assert learning == ["4.bias"]


def test_a_chain_that_grows_is_no_sum_of_branches() -> None:
    """A gain of 2.4 in a chain of ReLU layers is the weights' fault."""
    torch.manual_seed(0)
    chain = nn.Sequential(*[layer for _ in range(20) for layer in (nn.Linear(64, 64), nn.ReLU())], nn.Linear(64, 10))
    for layer in chain:
        if isinstance(layer, nn.Linear):
            nn.init.normal_(layer.weight, std=2.4 / 8)
    inputs = torch.randn(32, 64)
    assert check.weights_too_large(chain, inputs)
    assert not check.branches_that_add_up(chain, inputs)
