"""Highway networks: the ends of the gate, and the claims of their page."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from snippets.architectures.highway_network.from_scratch import Highway, HighwayNetwork
from snippets.architectures.highway_network.use import ConvHighway, small_network
from tests.support.networks import parameters_of


def small() -> tuple[nn.Module, Tensor]:
    """The convolutional form, with two layers in each stage."""
    return small_network(10, channels=8, layers=2), torch.randn(2, 3, 16, 16)


def layers() -> list[tuple[Highway | ConvHighway, Tensor]]:
    torch.manual_seed(0)
    return [
        (Highway(6), torch.randn(5, 6)),
        (ConvHighway(4), torch.randn(2, 4, 5, 5)),
        (ConvHighway(4, 1), torch.randn(2, 4, 5, 5)),
    ]


def test_two_ends_of_the_gate() -> None:
    """Bit for bit, of both forms: the identity with the gate at 0, the transform with the gate at 1; between, a mix."""
    for layer, x in layers():
        bias = layer.gate.bias
        assert bias is not None
        with torch.no_grad():
            share = layer.gate(x).sigmoid()
            torch.testing.assert_close(layer(x), share * layer.transform(x).relu() + (1 - share) * x)
            layer.gate.weight.zero_()
            bias.fill_(-1000.0)
            assert torch.equal(layer(x), x)
            bias.fill_(1000.0)
            assert torch.equal(layer(x), layer.transform(x).relu())


def test_share_that_passes() -> None:
    """A bias of -2: 88% of the input, after 50 layers 0.2%."""
    share = 1 - 1 / (1 + math.exp(2))
    assert share == pytest.approx(0.88, abs=0.005)
    assert share**50 == pytest.approx(0.002, abs=0.0005)
    for layer, x in layers():
        with torch.no_grad():
            layer.gate.weight.zero_()
            for parameter in layer.transform.parameters():
                parameter.zero_()
            torch.testing.assert_close(layer(x), share * x)


def test_gates_double_the_weights() -> None:
    """Of a linear and of a convolutional layer."""
    assert parameters_of(partial(Highway, 50)) == 2 * parameters_of(partial(nn.Linear, 50, 50))
    assert parameters_of(partial(ConvHighway, 32)) == 2 * parameters_of(partial(nn.Conv2d, 32, 32, 3))


def test_gradients_pass(evidence: Any) -> None:
    """First hidden layer over last, at the start: under a billionth in the plain network with torch's weights."""
    found = evidence()
    plain, kaiming, highway = found["gradients"].values()
    assert len(plain) == len(kaiming) == len(highway) == found["depth"] == 30
    assert plain[0] / plain[-1] < 1e-9
    assert 1 / 3 < highway[0] / highway[-1] < 3
    assert 0.1 < kaiming[0] / kaiming[-1] < 10
    assert 1e-11 < plain[0] / plain[-1] < 1e-10


def test_loss_after_training(evidence: Any) -> None:
    """Each of three seeds: 2.3, as of guessing, with torch's weights; over 1.8 with Kaiming's; below 1.7 with gates.

    Kaiming's ends at 1.90 to 2.33, as the processor rounds; the others move by less than 0.01.
    """
    plain, kaiming, highway = evidence()["losses"].values()
    assert len(plain) == len(kaiming) == len(highway) == 3
    assert math.log(10) == pytest.approx(2.3, abs=0.05)
    assert plain == pytest.approx([2.3] * 3, abs=0.05)
    assert min(kaiming) > 1.8
    assert max(highway) < 1.7


@pytest.mark.parametrize("bias", [None, -1.0, -2.0, -3.0])
def test_deep_needs_a_low_bias(bias: float | None) -> None:
    """The experiment's network after 40 steps, three seeds: loss over 1.9 with torch's bias or -1, else below 1.6."""
    from sklearn.datasets import load_digits

    from snippets.architectures.highway_network.evidence import DEPTH, STEPS, WIDTH, loss_after_training

    digits = load_digits()
    x, y = torch.tensor(digits.data, dtype=torch.float32) / 16, torch.tensor(digits.target)
    assert (DEPTH, STEPS) == (30, 40)
    for seed in range(3):
        torch.manual_seed(seed)
        model = HighwayNetwork(64, 10, WIDTH, DEPTH, bias or 0.0)
        if bias is None:
            for layer in model.layers:
                layer.gate.reset_parameters()
        loss = loss_after_training(model, x, y)
        assert loss > 1.9 if bias in (None, -1.0) else loss < 1.6


def test_bias_of_torch_halves() -> None:
    """With torch's own bias the gates let about half of the input pass, over many draws; the layers set their own."""
    torch.manual_seed(0)
    shares = []
    for _ in range(20):
        layer, x = Highway(50), torch.randn(100, 50)
        layer.gate.reset_parameters()
        with torch.no_grad():
            shares.append(1 - layer.gate(x).sigmoid().mean().item())
    assert sum(shares) / len(shares) == pytest.approx(0.5, abs=0.02)
    for layer in (Highway(5), ConvHighway(5), *HighwayNetwork(4, 3, 5, 3).layers):
        assert isinstance(layer, Highway | ConvHighway)
        bias = layer.gate.bias
        assert bias is not None
        assert (bias == -2).all()


def test_one_width() -> None:
    """A transform to another width raises the error."""
    layer = Highway(6)
    layer.transform, layer.gate = nn.Linear(6, 8), nn.Linear(6, 8)
    with pytest.raises(RuntimeError, match=r"The size of tensor a .* must match the size of tensor b"):
        layer(torch.randn(2, 6))
