"""Constant initialization: equal to torch, the meaning of the constants, and the claims of the page."""

import math

import pytest
import torch
from torch import nn

from snippets.initialization.constant_init.evidence import EVERY, SEEDS, STEPS, Highway, load, run
from snippets.initialization.constant_init.from_scratch import fill_constant_
from snippets.initialization.constant_init.use import constant_, constant_std, gate_bias, set_forget_bias
from tests.support.rates import learning_rate_times


@pytest.mark.parametrize("fill", [constant_, fill_constant_])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("shape", [(), (4,), (3, 5), (2, 3, 3, 3)])
def test_equals_torch(fill, dtype, shape):
    """Every element equals the value, bit for bit as in torch, in place, for a parameter that stays a leaf."""
    for value in (0.0, 1.0, 0.3, -4.0):
        parameter = nn.Parameter(torch.empty(shape, dtype=dtype))
        assert fill(parameter, value) is parameter
        assert parameter.is_leaf
        assert parameter.requires_grad
        assert torch.equal(parameter, nn.init.constant_(torch.empty(shape, dtype=dtype), value))
        assert torch.equal(parameter, torch.empty(shape, dtype=dtype).fill_(value))
    for value, of_torch in ((1.0, nn.init.ones_), (0.0, nn.init.zeros_)):
        parameter = nn.Parameter(torch.empty(shape, dtype=dtype))
        assert of_torch(parameter) is parameter
        assert parameter.is_leaf
        assert parameter.requires_grad
        assert torch.equal(fill(torch.empty(shape, dtype=dtype), value), parameter)
    assert constant_std(shape) == 0


def test_old_name():
    """torch.nn.init.constant is the deprecated name of constant_: a FutureWarning, the same values."""
    with pytest.warns(FutureWarning, match="deprecated in favor of `nn.init.constant_`"):
        tensor = nn.init.constant(torch.empty(3), 0.5)
    assert torch.equal(tensor, torch.full((3,), 0.5))


def test_no_deprecated_ones():
    """ones_ and zeros_ never had a name without the underscore."""
    assert not hasattr(nn.init, "ones")
    assert not hasattr(nn.init, "zeros")


@pytest.mark.parametrize("share", [0.02, 0.1, 0.5, 0.9])
def test_gate_bias_is_the_logit(share):
    """A gate with bias log(p/(1-p)) and zero input is open by p."""
    assert torch.sigmoid(torch.tensor(gate_bias(share))).item() == pytest.approx(share, rel=1e-5)
    assert gate_bias(0.02) == pytest.approx(-3.89, abs=0.01)


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, 2.0])
def test_gate_bias_needs_a_share(share):
    """No finite bias opens a gate fully or not at all."""
    with pytest.raises(ValueError, match="strictly between 0 and 1"):
        gate_bias(share)


def test_gate_passes_the_input():
    """Twenty gates at bias -4 and Wx = 0 carry 0.70 of the input, at 0 a millionth: (1 - sigmoid(b))^20."""
    for bias, carried in ((-4.0, pytest.approx(0.70, abs=0.005)), (0.0, pytest.approx(1e-6, rel=0.05))):
        layer = Highway(bias)
        for weight in (layer.transform.weight, layer.gate.weight):
            nn.init.zeros_(weight)  # so that only what is carried comes out
        assert nn.Sequential(*[layer] * 20)(torch.ones(32))[0].item() == carried
        assert (1 - torch.sigmoid(torch.tensor(bias)).item()) ** 20 == carried


@pytest.mark.parametrize(("bias", "after_one", "after_ten"), [(0.0, 0.5, 0.001), (1.0, 0.73, 0.04)])
def test_memory_of_a_forget_gate(bias, after_one, after_ten):
    """What a forget bias leaves of the memory of an LSTM whose weights are 0; log(T - 1) leaves 1 - 1/T."""

    def left(value: float, steps: int) -> float:
        lstm = nn.LSTM(2, 3)
        with torch.no_grad():
            for parameter in lstm.parameters():
                parameter.zero_()
            set_forget_bias(lstm, value)
            _, (_, cell) = lstm(torch.zeros(steps, 1, 2), (torch.zeros(1, 1, 3), torch.ones(1, 1, 3)))
        return cell.mean().item()  # with a cell input of tanh(0) = 0 nothing is added

    assert left(bias, 1) == pytest.approx(after_one, abs=0.005)
    assert left(bias, 10) == pytest.approx(after_ten, abs=0.0045 if bias else 0.0001)
    for length in (10, 100, 784):
        assert left(math.log(length - 1), 1) == pytest.approx(1 - 1 / length, abs=1e-6)


def test_gate_bias_decides(evidence):
    """20 highway layers, 30 steps: bias -4 gets over 0.8 of unseen digits right, -2 is far behind, 0 stays at chance.

    Nothing else differs: with the same seed all other parameters are the same draws. At 0.3, 3 and 10 times the
    learning rate -4 ends above 0.6 and 0 below 0.2 with each seed.
    """
    curves = {bias: evidence()[f"{bias}"] for bias in (-4.0, -2.0, 0.0)}

    assert len(curves[0.0][0]) == STEPS // EVERY + 1 == 7
    assert min(curve[-1] for curve in curves[-4.0]) > 0.8
    assert max(max(curve) for curve in curves[-2.0]) < 0.6
    assert max(max(curve) for curve in curves[0.0]) < 0.15
    x, y = load()
    for factor in (0.3, 3, 10):
        with learning_rate_times(factor):
            assert min(run(-4.0, seed, x, y)[-1] for seed in SEEDS) > 0.6
            assert max(run(0.0, seed, x, y)[-1] for seed in SEEDS) < 0.2
    layers = []
    for bias in (-4.0, 0.0):
        torch.manual_seed(0)
        layers.append(Highway(bias).state_dict())
    assert [name for name in layers[0] if not torch.equal(layers[0][name], layers[1][name])] == ["gate.bias"]


@pytest.mark.parametrize(("depth", "spread"), [(1, 0.03), (2, 0.15)])
def test_shallow_networks_hardly_care(monkeypatch, depth, spread):
    """Mean of eight seeds: one layer, -4, -2 and 0 end within 0.03 of each other; two, within 0.15. All learn."""
    monkeypatch.setattr("snippets.initialization.constant_init.evidence.DEPTH", depth)
    x, y = load()
    last = [sum(run(bias, seed, x, y)[-1] for seed in range(8)) / 8 for bias in (-4.0, -2.0, 0.0)]
    assert max(last) - min(last) < spread
    assert min(last) > 0.8


def test_minus_two_learns_later(monkeypatch):
    """Twenty layers, 100 steps, both seeds: bias -2 has learned the digits, 0 has not."""
    monkeypatch.setattr("snippets.initialization.constant_init.evidence.STEPS", 100)
    x, y = load()
    for seed in SEEDS:
        assert run(-2.0, seed, x, y)[-1] > 0.6
        assert run(0.0, seed, x, y)[-1] < 0.25


def test_lstm_biases_add_up():
    """torch's LSTM adds bias_ih and bias_hh: 1 in both makes a forget bias of 2, one of them makes 1."""
    lstm = nn.LSTM(2, 3)
    with torch.no_grad():
        for parameter in lstm.parameters():
            parameter.zero_()
        lstm.bias_ih_l0[3:6] = 1
        lstm.bias_hh_l0[3:6] = 1
    memory = torch.ones(1, 1, 3)
    _, (_, cell) = lstm(torch.zeros(1, 1, 2), (torch.zeros(1, 1, 3), memory))
    assert torch.allclose(cell, torch.sigmoid(torch.tensor(2.0)) * memory)  # 0.88 of the memory is kept
    set_forget_bias(lstm, 1.0)
    _, (_, cell) = lstm(torch.zeros(1, 1, 2), (torch.zeros(1, 1, 3), memory))
    assert torch.allclose(cell, torch.sigmoid(torch.tensor(1.0)) * memory)


def test_forget_bias_in_every_layer():
    """All layers and directions are set, all other gates zero."""
    lstm = nn.LSTM(2, 3, num_layers=2, bidirectional=True)
    set_forget_bias(lstm, 1.5)
    total = 0.0
    for name, parameter in lstm.named_parameters():
        if "bias_ih" in name:
            assert parameter.tolist() == [0] * 3 + [1.5] * 3 + [0] * 6
            total += parameter.sum().item()
        elif "bias_hh" in name:
            assert parameter.count_nonzero() == 0
    assert total == 4 * 3 * 1.5


def test_all_parameters_is_too_many():
    """constant_(p, 1) over model.parameters() also fills weights: the hidden units become copies, and stay copies.

    With only the first layer constant they start as copies, too; random weights behind make them differ in one step.
    """
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Linear(6, 2))
    x = torch.randn(10, 4)
    for parameter in model[0].parameters():
        nn.init.constant_(parameter, 0.3)
    nn.functional.cross_entropy(model(x), torch.arange(10) % 2).backward()
    assert len(model[0].weight.unique(dim=0)) == 1
    torch.optim.SGD(model.parameters(), lr=0.1).step()
    assert len(model[0].weight.unique(dim=0)) == 6
    model.zero_grad()
    for parameter in model.parameters():
        nn.init.constant_(parameter, 1.0)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(5):
        hidden = model[:2](x)
        assert torch.allclose(hidden, hidden[:, :1].expand(10, 6), atol=1e-6)  # rows may be summed in another order
        nn.functional.cross_entropy(model(x), torch.arange(10) % 2).backward()
        optimizer.step()
        optimizer.zero_grad()
    assert not torch.equal(model[0].weight.detach(), torch.ones(6, 4))  # they were trained
    parted = nn.Sequential(nn.Linear(4, 6), nn.Tanh(), nn.Dropout(0.5), nn.Linear(6, 2))
    for parameter in parted.parameters():
        nn.init.constant_(parameter, 1.0)
    optimizer = torch.optim.SGD(parted.parameters(), lr=0.1)
    nn.functional.cross_entropy(parted(x), torch.arange(10) % 2).backward()
    optimizer.step()
    nn.functional.cross_entropy(parted(x), torch.arange(10) % 2).backward()  # the first step parts the last layer
    optimizer.step()
    assert len(parted[0].weight.unique(dim=0)) > 1


@pytest.mark.parametrize(("scale", "least", "most"), [(1.0, 1.5, 2.5), (10.0, 1.0, 1.2)])
def test_positive_bias_before_relu(scale, least, most):
    """A bias of 0.1 before a ReLU adds to the mean square at every layer: it doubles within eight, from a start of 1.

    From a start of 100 it grows by less than a fifth. Bias and no bias have the same weights.
    """
    final = {}
    for value in (0.0, 0.1):
        torch.manual_seed(0)
        moments = []
        for _ in range(8):
            x = scale * torch.randn(256, 256)
            for _ in range(8):
                layer = nn.Linear(256, 256)
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                nn.init.constant_(layer.bias, value)
                x = torch.relu(layer(x)).detach()
            moments.append(x.square().mean().item())
        final[value] = math.fsum(moments) / len(moments)
    assert final[0.0] == pytest.approx(scale**2, rel=0.25)
    assert least < final[0.1] / final[0.0] < most


def test_integer_and_frozen():
    """constant_ works on buffers and integer tensors, and without a gradient."""
    assert torch.equal(nn.init.constant_(torch.empty(3, dtype=torch.long), 7), torch.full((3,), 7))
