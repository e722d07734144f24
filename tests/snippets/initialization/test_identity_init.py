"""Identity initialization: equal to torch, exact memory, and the claims of its page."""

import pytest
import torch
from torch import nn

import snippets.initialization.identity_init.evidence as experiment
from snippets.initialization.identity_init.evidence import LENGTH, NAMES, SEEDS, STEPS
from snippets.initialization.identity_init.from_scratch import eye_, relu_rnn
from snippets.initialization.identity_init.use import identity_init_, irnn
from tests.support.rates import learning_rate_times


@pytest.mark.parametrize("shape", [(5, 5), (3, 7), (7, 3), (1, 1)])
def test_equals_torch(shape):
    """Ones on the diagonal, zeros elsewhere, square or not, as torch.nn.init.eye_."""
    assert torch.equal(eye_(torch.empty(shape)), nn.init.eye_(torch.empty(shape)))
    assert torch.equal(identity_init_(torch.empty(shape), 0.5), 0.5 * nn.init.eye_(torch.empty(shape)))
    for function in (eye_, identity_init_):
        with pytest.raises(ValueError, match=r"matrix|2 dimensions"):
            function(torch.empty(3, 3, 3))


def test_recurrence_equals_torch():
    """The recurrence written out equals nn.RNN without biases, values and gradients, to 1e-12 in float64."""
    torch.manual_seed(0)
    rnn = nn.RNN(6, 8, nonlinearity="relu", bias=False).double()
    eye_(rnn.weight_hh_l0)
    x = torch.randn(30, 2, 6).double().requires_grad_()
    state = torch.rand(2, 8).double().requires_grad_()
    ours = relu_rnn(x, state, rnn.weight_ih_l0, rnn.weight_hh_l0)
    theirs = rnn(x, state[None])[0]
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)
    of = [*rnn.parameters(), x, state]
    for a, b in zip(torch.autograd.grad(ours.sum(), of), torch.autograd.grad(theirs.sum(), of), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)


def test_layer_returns_its_input():
    """A square linear layer without bias returns its input; from 5 to 3 features it keeps the first three."""
    x = torch.randn(4, 5)
    assert torch.equal(x @ identity_init_(torch.empty(5, 5)).T, x)
    assert torch.equal(x @ identity_init_(torch.empty(3, 5)).T, x[:, :3])


def test_state_is_kept():
    """Without input a positive state is the same 200 steps later, and its gradient is exactly 1."""
    model = irnn(3, 8)
    state = torch.rand(1, 4, 8).add(0.1).requires_grad_()
    last = model(torch.zeros(200, 4, 3), state)[1]
    assert torch.equal(last, state)
    assert torch.equal(torch.autograd.grad(last.sum(), state)[0], torch.ones(1, 4, 8))


def after(gain: float, steps: int, nonlinearity: str = "relu") -> float:
    rnn = nn.RNN(1, 4, nonlinearity=nonlinearity, bias=False)
    identity_init_(rnn.weight_hh_l0, gain)
    with torch.no_grad():
        return rnn(torch.zeros(steps, 1, 1), torch.ones(1, 1, 4))[1].mean().item()


def test_gain_is_a_forgetting_rate():
    """With 0.9 on the diagonal 3e-5 of the state is left after 100 steps; with 1.1 it grew over 10,000 times."""
    assert after(0.9, 100) == pytest.approx(0.9**100, rel=1e-3)
    assert 0.9**100 < 3e-5
    assert after(1.1, 100) > 1e4


def test_tanh_forgets():
    """Under tanh, nn.RNN's default, the identity keeps an eighth of a state of ones after 100 steps."""
    assert after(1.0, 100, "tanh") == pytest.approx(1 / 8, abs=0.01)


@pytest.mark.parametrize("hidden", [16, 32, 256])
def test_default_rnn_forgets_fast(hidden):
    """With torch's default weights the gradient of the state 50 steps back is under a millionth."""
    torch.manual_seed(0)
    rnn = nn.RNN(1, hidden)
    state = torch.rand(1, 1, hidden, requires_grad=True)
    last = rnn(torch.zeros(50, 1, 1), state)[1]
    assert torch.autograd.grad(last.sum(), state)[0].abs().max() < 1e-6


@pytest.mark.parametrize("bias", ["none", "zero", "default"])
def test_wider_layers_start_dead(bias):
    """From 4 to 16 features 12 rows are 0; if a ReLU follows they stay so for 20 steps, but with a positive bias."""
    torch.manual_seed(0)
    layer, head = nn.Linear(4, 16, bias=bias != "none"), nn.Linear(16, 2)
    identity_init_(layer.weight)
    if bias == "zero":
        nn.init.zeros_(layer.bias)
    asleep = [row for row in range(4, 16) if bias == "none" or layer.bias[row] <= 0]
    assert 0 < len(asleep) < 12 if bias == "default" else len(asleep) == 12
    optimizer = torch.optim.SGD([*layer.parameters(), *head.parameters()], lr=0.1)
    for _ in range(20):
        optimizer.zero_grad()
        nn.functional.cross_entropy(head(torch.relu(layer(torch.rand(10, 4) + 0.1))), torch.arange(10) % 2).backward()
        optimizer.step()
    assert (layer.weight == 0).all(dim=1).nonzero().flatten().tolist() == asleep


def test_default_does_not_learn(evidence):
    """Identity and orthogonal weights learn to recall the first of 30 inputs; the default does not.

    The gradient 59 steps back explains it: still 1, a fifth, and under 1e-10. At a learning rate of 0.01 the default
    has begun to learn, and is behind the others.
    """
    gradient, curve = {}, {}
    for name in NAMES:
        sizes, errors = (torch.tensor(evidence()[name][what]) for what in ("gradients", "errors"))
        assert sizes.shape == (SEEDS, 60)  # from 0 to 59 steps back
        assert errors.shape == (SEEDS, STEPS)
        gradient[name], curve[name] = sizes.median(0).values, errors.median(0).values
    assert LENGTH == 30
    identity, orthogonal, default = (curve[name][-10:].mean().item() for name in NAMES)  # guessing gives 1
    assert max(identity, orthogonal) < 0.1
    assert default == pytest.approx(1, abs=0.15)
    assert curve[NAMES[2]].min() > 0.5
    assert gradient[NAMES[0]].min() > 0.95
    assert gradient[NAMES[1]][-1].item() == pytest.approx(0.2, abs=0.02)
    assert (gradient[NAMES[1]][10::10] > 0.7 * gradient[NAMES[1]][:-10:10]).all()  # slowly
    assert gradient[NAMES[2]][-1] < 1e-10
    with learning_rate_times(10 / 3):
        runs = [[experiment.train(experiment.network(name, seed)) for seed in range(SEEDS)] for name in NAMES]
    identity, orthogonal, default = (torch.tensor(run).median(0).values[-10:].mean().item() for run in runs)
    assert max(identity, orthogonal) < default < 0.9


def test_default_learns_late(monkeypatch):
    """torch's default, six seeds, 300 steps: the errors of some are below 0.5, of others above 0.8; guessing: 1.

    A run that learns may unlearn: with seed 0 the error is 0.4 to 0.7 then, depending on the processor, later near 1.
    """
    monkeypatch.setattr(experiment, "STEPS", 300)
    errors = [sum(experiment.train(experiment.network(NAMES[2], seed))[-10:]) / 10 for seed in range(6)]
    assert min(errors) < 0.5
    assert max(errors) > 0.8


def test_negative_state_is_cut():
    """A state that is negative is 0 after one step; as two halves, relu(h) and relu(-h), it is kept."""
    model = irnn(1, 4)
    assert not model(torch.zeros(1, 1, 1), -torch.ones(1, 1, 4))[1].any()
    h = torch.tensor([[[-1.5, 2.0]]])
    halves = model(torch.zeros(100, 1, 1), torch.cat([h, -h], dim=-1).relu())[1]
    assert torch.equal(halves[..., :2] - halves[..., 2:], h)
