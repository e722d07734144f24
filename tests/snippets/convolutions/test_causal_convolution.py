"""Causal convolution: equal to torch at once and step by step, blind to the future, and the claims of its page."""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from snippets.convolutions.causal_convolution.evidence import STACKS, STEPS, seen
from snippets.convolutions.causal_convolution.from_scratch import causal_conv, step
from snippets.convolutions.causal_convolution.use import CausalConv1d, causal_network

Evidence = Callable[..., Any]


def small() -> tuple[nn.Module, Tensor]:
    return causal_network(3, 4, channels=8, blocks=2), torch.randn(2, 3, 20)


def jacobian(layer: Callable[[Tensor], Tensor], steps: int, channels: int = 1) -> Tensor:
    """(output step, input step): whether the one moves with the other."""
    x = torch.randn(1, channels, steps, dtype=torch.float64)
    moved = torch.autograd.functional.jacobian(lambda v: layer(v)[0].sum(dim=0), x)  # (output, 1, channels, input)
    return moved[:, 0].abs().sum(dim=1) > 0


def test_equals_torch() -> None:
    """At once and step by step, 60 random layers equal torch's convolution of the padded input, gradients too."""
    torch.manual_seed(0)
    draw = random.Random(0)
    for _ in range(60):
        channels, outputs, k, dilation = draw.randint(1, 4), draw.randint(1, 4), draw.randint(1, 4), draw.randint(1, 4)
        x = torch.randn(2, channels, draw.randint(1, 12), dtype=torch.float64, requires_grad=True)
        weight = torch.randn(outputs, channels, k, dtype=torch.float64, requires_grad=True)
        memory, outs = torch.zeros(2, channels, (k - 1) * dilation, dtype=torch.float64), []
        for t in range(x.shape[2]):
            y, memory = step(x[:, :, t], memory, weight, dilation)
            outs.append(y)
        reference = F.conv1d(F.pad(x, ((k - 1) * dilation, 0)), weight, dilation=dilation)
        wanted = torch.autograd.grad(reference.square().sum(), [x, weight])
        for ours in (causal_conv(x, weight, dilation), torch.stack(outs, dim=2)):
            torch.testing.assert_close(ours, reference)
            for mine, its in zip(torch.autograd.grad(ours.square().sum(), [x, weight]), wanted, strict=True):
                torch.testing.assert_close(mine, its)


@pytest.mark.parametrize("kernel_size", [1, 2, 3, 5])
@pytest.mark.parametrize("dilation", [1, 2, 5])
def test_never_sees_the_future(kernel_size: int, dilation: int) -> None:
    """The Jacobian has exact zeros above its diagonal, of the layer and of a network of three blocks."""
    torch.manual_seed(0)
    layer = CausalConv1d(1, 1, kernel_size, dilation).double()
    moved = jacobian(layer, steps=15)
    delays = {i * dilation for i in range(kernel_size)}
    assert moved.tolist() == [[t - s in delays for s in range(15)] for t in range(15)]
    network = causal_network(2, 3, channels=6, blocks=3, kernel_size=kernel_size).double()
    assert not jacobian(network, steps=15, channels=2).triu(1).any()


def test_same_padding_sees_the_future() -> None:
    """padding="same" with kernel 3 sees one step ahead, and predicts the next value of white noise without error."""
    torch.manual_seed(0)
    layer = nn.Conv1d(1, 1, 3, padding="same", bias=False).double()
    assert jacobian(layer, steps=10).diagonal(offset=1).all()
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[[0.0, 0.0, 1.0]]]))
    x = torch.randn(4, 1, 50, dtype=torch.float64)
    assert torch.equal(layer(x)[:, :, :-1], x[:, :, 1:])


def test_receptive_field(evidence: Evidence) -> None:
    """1 + (k - 1) times the sum of the dilations, in 30 random stacks; of kernel 2, 10 layers see 11 or 1,024 steps."""
    draw = random.Random(0)
    for _ in range(30):
        k, dilations = draw.randint(2, 4), [draw.randint(1, 4) for _ in range(draw.randint(1, 4))]
        field = 1 + (k - 1) * sum(dilations)
        x = torch.ones(1, 1, field + 5, requires_grad=True)
        y = x
        for dilation in dilations:
            y = causal_conv(y, torch.ones(1, 1, k), dilation)
        y[0, 0, -1].backward()
        assert x.grad is not None
        assert len(x.grad[0, 0]) - int(x.grad[0, 0].nonzero()[0]) == field
    for n, (plain, doubled) in evidence()["fields"].items():
        assert plain == 1 + int(n)
        assert doubled == 2 ** int(n)
    assert evidence()["fields"]["10"] == [11, 1024]
    x = torch.randn(1, 1, 200, requires_grad=True)
    causal_network(1, 1)(x)[0, 0, 150].backward()
    assert x.grad is not None
    assert 150 - int(x.grad[0, 0].nonzero()[0]) + 1 == 1 + 2 * 2 * (2**5 - 1)


def test_figure(evidence: Evidence) -> None:
    """In four layers without dilation the last output sees 5 steps, with doubled dilation all of the last 16."""
    for name, reach in zip(STACKS, (5, 16), strict=True):
        rows = evidence()["rows"][name]
        assert rows == seen(STACKS[name])
        assert rows[0] == [t >= STEPS - reach for t in range(STEPS)]


def test_statistics_over_time_see_the_future() -> None:
    """Batch norm in train mode, instance and group norm see later steps; batch norm in eval mode and layer norm not."""
    torch.manual_seed(0)

    class OfEachStep(nn.LayerNorm):
        def forward(self, input: Tensor) -> Tensor:
            return super().forward(input.transpose(1, 2)).transpose(1, 2)

    layers: list[tuple[nn.Module, bool]] = [
        (nn.BatchNorm1d(4).train(), True),
        (nn.InstanceNorm1d(4), True),
        (nn.GroupNorm(2, 4), True),
        (nn.BatchNorm1d(4).eval(), False),
        (OfEachStep(4), False),
    ]
    for layer, sees in layers:
        weights = torch.randn(4, 1, dtype=torch.float64)  # a plain sum over channels would hide a layer norm

        def weighted(x: Tensor, layer: nn.Module = layer, weights: Tensor = weights) -> Tensor:
            return layer.double()(x) * weights

        assert bool(jacobian(weighted, steps=8, channels=4).triu(1).any()) == sees


def test_left_padding_has_to_grow_with_dilation() -> None:
    """padding=(k-1)·d at both sides gives (k-1)·d steps too many, cut at the right the same; k-1 left is too little."""
    torch.manual_seed(0)
    for k, d in product((2, 3, 5), (1, 2, 4)):
        layer, x = CausalConv1d(2, 3, k, d), torch.randn(2, 2, 20)
        both = F.conv1d(x, layer.weight, layer.bias, padding=(k - 1) * d, dilation=d)
        assert both.shape[2] == 20 + (k - 1) * d
        torch.testing.assert_close(both[:, :, :20], layer(x))
        short, lost = F.conv1d(F.pad(x, (k - 1, 0)), layer.weight, layer.bias, dilation=d), (k - 1) * (d - 1)
        assert short.shape[2] == 20 - lost
        torch.testing.assert_close(short, layer(x)[:, :, lost:])
