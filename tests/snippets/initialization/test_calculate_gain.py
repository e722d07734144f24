"""calculate_gain: closed form of every nonlinearity, Monte-Carlo second moments, and the claims of the page."""

import math
from typing import get_args

import pytest
import torch
from torch import nn

from snippets.initialization.calculate_gain.evidence import DEPTH
from snippets.initialization.calculate_gain.from_scratch import closed_form_gain, measured_gain
from snippets.initialization.calculate_gain.use import gain_normal_, gain_normal_std

F = nn.functional
TABLE = {
    "linear": 1,
    "conv1d": 1,
    "conv2d": 1,
    "conv3d": 1,
    "conv_transpose1d": 1,
    "conv_transpose2d": 1,
    "conv_transpose3d": 1,
    "sigmoid": 1,
    "tanh": 5 / 3,
    "relu": math.sqrt(2),
    "leaky_relu": math.sqrt(2 / (1 + 0.01**2)),
    "selu": 3 / 4,
}
ACTIVATIONS = {
    "linear": lambda z: z,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "leaky_relu": F.leaky_relu,
    "selu": F.selu,
}


def monte_carlo_gain(f, n=2_000_000):
    """1/sqrt(mean f(z)^2) over n unit normals; the relative error is about 1/sqrt(n) = 0.07%."""
    z = torch.randn(n, generator=torch.Generator().manual_seed(0))
    return 1 / f(z).square().mean().sqrt().item()


def fixed_point(f, gain, layers=400, start=1.0):
    """Second moment q of the pre-activations after many infinitely wide layers, and the gradient's factor there."""
    z = torch.linspace(-12, 12, 20001, dtype=torch.float64)
    density = torch.exp(-z.square() / 2) / math.sqrt(2 * math.pi)
    q = start
    for _ in range(layers):
        q = gain**2 * torch.trapezoid(f(math.sqrt(q) * z).square() * density, z).item()
    points = (math.sqrt(q) * z).requires_grad_()
    (slope,) = torch.autograd.grad(f(points).sum(), points)
    return q, gain**2 * torch.trapezoid(slope.square() * density, z).item()


@pytest.mark.parametrize("name", TABLE)
def test_table(name):
    """Each of the twelve nonlinearities that torch knows has the gain of the table."""
    assert set(get_args(nn.init._NonlinearityType)) == set(TABLE)
    assert len(TABLE) == 12
    assert nn.init.calculate_gain(name) == pytest.approx(TABLE[name], rel=1e-12)
    if name in ACTIVATIONS:
        assert closed_form_gain(name) == pytest.approx(TABLE[name], rel=1e-12)


@pytest.mark.parametrize("slope", [0, 0.01, 0.2, 0.25, 1, math.sqrt(5), -0.5])
def test_leaky_relu_takes_its_slope(slope):
    """leaky_relu: sqrt(2 / (1 + slope^2)), checked by Monte Carlo; a string or a bool for the slope is an error."""
    gain = nn.init.calculate_gain("leaky_relu", slope)
    assert gain == pytest.approx(math.sqrt(2 / (1 + slope**2)))
    assert gain == pytest.approx(monte_carlo_gain(lambda z: F.leaky_relu(z, slope)), rel=0.003)
    for bad in (True, "0.2"):
        with pytest.raises(ValueError, match="not a valid number"):
            nn.init.calculate_gain("leaky_relu", bad)


@pytest.mark.parametrize("name", ["linear", "relu", "leaky_relu"])
def test_derived_gains_keep_the_second_moment(name):
    """For linear, relu and leaky_relu the gain is 1/sqrt(E[f(z)^2]): by quadrature and by Monte Carlo."""
    assert measured_gain(ACTIVATIONS[name]) == pytest.approx(TABLE[name], rel=1e-4)
    assert monte_carlo_gain(ACTIVATIONS[name]) == pytest.approx(TABLE[name], rel=0.003)


@pytest.mark.parametrize(("name", "second_moment"), [("tanh", 1.593), ("selu", 1.000), ("sigmoid", 1.846)])
def test_conventions(name, second_moment):
    """tanh 5/3, selu 3/4 and sigmoid 1 do not keep the second moment; 1.593, 1.000 and 1.846 would."""
    assert measured_gain(ACTIVATIONS[name]) == pytest.approx(second_moment, abs=6e-4)
    assert monte_carlo_gain(ACTIVATIONS[name]) == pytest.approx(second_moment, rel=0.003)
    assert abs(nn.init.calculate_gain(name) / second_moment - 1) > 0.04


def test_selu_keeps_one():
    """SELU is made so that a unit normal leaves it with mean 0 and second moment 1: its gain is 1."""
    z = torch.randn(2_000_000, generator=torch.Generator().manual_seed(0))
    assert F.selu(z).mean().item() == pytest.approx(0, abs=0.003)
    assert F.selu(z).square().mean().item() == pytest.approx(1, abs=0.004)


def test_tanh_fixed_points(experiment):
    """tanh: with 5/3 activations settle at rms 0.65 and gradients grow by 1.21 a layer; with 1 both fade slowly."""
    q, growth = fixed_point(torch.tanh, 5 / 3)
    assert math.sqrt(q) / (5 / 3) == pytest.approx(0.651, abs=0.001)
    assert growth == pytest.approx(1.21, abs=0.005)
    q, growth = fixed_point(torch.tanh, 1.0, layers=50)
    assert math.sqrt(q) == pytest.approx(0.10, abs=0.005)
    assert 0.97 < growth < 1
    forward, backward = experiment["tanh, 5/3 (torch)"]
    assert forward[-1] == pytest.approx(0.651, abs=0.03)
    assert 1.21 ** (49 / 2) / 2.5 < backward[0] < 1.21 ** (49 / 2) * 2.5  # about 107; three draws of width 200


@pytest.mark.parametrize("gain", [1.05, 1.2, 1.593, 5 / 3, 3.0, 5.0])
def test_tanh_settles_above_one(gain):
    """Gains from 1.05 to 5: signals far too small and too large end at one level in 400 layers, from 0.22 to 0.91."""
    small, large = (fixed_point(torch.tanh, gain, start=start)[0] for start in (0.01, 100.0))
    assert small == pytest.approx(large, rel=1e-3)
    assert 0.215 < math.sqrt(small) / gain < 0.915  # of the activations
    if gain in (1.05, 5.0):
        assert math.sqrt(small) / gain == pytest.approx({1.05: 0.22, 5.0: 0.91}[gain], abs=0.005)


@pytest.fixture(scope="module")
def experiment(evidence) -> dict[str, tuple[list[float], list[float]]]:
    """The five runs of the figure: rms of activations and of gradients at each of 50 layers."""
    runs = {label: (run["activations"], run["gradients"]) for label, run in evidence().items()}
    assert len(runs) == 5
    assert all(len(values) == DEPTH == 50 for both in runs.values() for values in both)
    return runs


def test_no_tanh_gain_keeps_both(experiment):
    """Up to gain 1 tanh's activations fade; from every gain above 1, at which they settle, the gradient grows."""
    for gain in (0.5, 0.8, 0.9, 1.0):
        early, late = (fixed_point(torch.tanh, gain, layers)[0] for layers in (50, 400))
        assert late < early / 4
    growths = [fixed_point(torch.tanh, gain)[1] for gain in (1.05, 1.1, 1.2, 1.4, 1.593, 5 / 3, 2.0, 3.0, 5.0)]
    assert growths[0] > 1.002
    assert growths == sorted(growths)
    for name, forward_end, backward_end in [
        ("tanh, 5/3 (torch)", 0.65, 100),
        ("tanh, 1.59 (second moment)", 0.63, 50),
    ]:
        forward, backward = experiment[name]
        assert forward[-1] == pytest.approx(forward_end, abs=0.005)
        assert forward[-1] == pytest.approx(forward[20], rel=0.03)  # it has settled
        assert backward[0] == pytest.approx(backward_end, rel=0.3)
    forward, backward = experiment["tanh, 1"]
    assert forward[-1] == pytest.approx(0.1, abs=0.02)
    assert forward[-1] < 0.9 * forward[-11]  # and goes on
    assert backward[0] == pytest.approx(0.2, abs=0.05)


def test_gain_decides_which_side_pays(experiment):
    """Smaller gain: activations sink, part of the gradient is lost. Larger gain: they hold, the gradient grows."""
    for small, large in [
        ("tanh, 1", "tanh, 5/3 (torch)"),
        ("tanh, 1", "tanh, 1.59 (second moment)"),
        ("SELU, 3/4 (torch)", "SELU, 1 (paper)"),
    ]:
        (sinking, fading), (holding, growing) = experiment[small], experiment[large]
        assert sinking[-1] < 0.3 * sinking[0]
        assert fading[0] < 0.5
        assert holding[-1] > 0.8 * holding[0]
        assert growing[0] > 4
    (lost, kept), (one, grown) = experiment["SELU, 3/4 (torch)"], experiment["SELU, 1 (paper)"]
    assert one == pytest.approx([1.0] * 50, abs=0.05)
    assert lost[-1] == pytest.approx(0.2, abs=0.03)
    assert grown[0] == pytest.approx(6, abs=0.5)
    assert kept[0] == pytest.approx(1 / 3, abs=0.1)


def test_selu_fixed_points(experiment):
    """SELU: with 3/4 activations settle at rms 0.20 and gradients keep their size; with 1 rms is 1, gradients grow."""
    q, growth = fixed_point(F.selu, 0.75)
    assert math.sqrt(q) / 0.75 == pytest.approx(0.20, abs=0.005)
    assert growth == pytest.approx(1.0, abs=0.005)
    q, growth = fixed_point(F.selu, 1.0)
    assert q == pytest.approx(1, abs=1e-3)
    assert growth == pytest.approx(1.0715, abs=1e-3)
    forward, backward = experiment["SELU, 3/4 (torch)"]
    assert forward[-1] == pytest.approx(0.20, abs=0.05)
    assert 0.1 < backward[0] < 4  # 0.3: lost in the first layers, before the forward pass has settled


@pytest.mark.parametrize(("f", "gain"), [(F.gelu, 1.534), (F.silu, 1.677), (F.mish, 1.487), (F.elu, 1.245)])
def test_unsupported_gains(f, gain):
    """GELU 1.534, SiLU 1.677, Mish 1.487, ELU 1.245: measured, since calculate_gain raises ValueError for them."""
    assert measured_gain(f) == pytest.approx(gain, abs=6e-4)
    assert monte_carlo_gain(f) == pytest.approx(gain, rel=0.003)
    with pytest.raises(ValueError, match="Unsupported nonlinearity"):
        nn.init.calculate_gain(f.__name__)


@pytest.mark.parametrize(
    ("f", "low", "high"), [(F.gelu, 0.013, 6.6), (F.silu, 0.027, 39.7), (F.mish, 0.345, 2.35), (F.elu, 0.98, 1.02)]
)
def test_smooth_gains_are_unstable(f, low, high):
    """GELU, SiLU, Mish at their gains: a mean square of 1.25 grows to 6.6, 40, 2.3 in 20 layers, 0.8 fades; ELU's not.

    Of infinitely wide layers. It holds at every gain: what a layer keeps of the mean square rises with it.
    """
    gain = measured_gain(f)
    assert fixed_point(f, gain, 20, 0.8)[0] == pytest.approx(low, rel=0.03)
    assert fixed_point(f, gain, 20, 1.25)[0] == pytest.approx(high, rel=0.03)
    assert fixed_point(f, gain, 20, 1.0)[0] == pytest.approx(1, abs=0.005)
    squares = [0.01, 0.1, 0.5, 0.8, 1.0, 1.25, 2.0, 10.0, 100.0]
    kept = [fixed_point(f, 1.0, 1, q)[0] / q for q in squares]
    assert kept == sorted(kept, reverse=f is F.elu)


def test_relu_under_xavier_with_gain():
    """Xavier with the ReLU gain equals Kaiming on a square matrix: the same draws."""
    torch.manual_seed(0)
    a = nn.init.xavier_normal_(torch.empty(64, 64), gain=nn.init.calculate_gain("relu"))
    torch.manual_seed(0)
    b = nn.init.kaiming_normal_(torch.empty(64, 64), nonlinearity="relu")
    assert torch.allclose(a, b, rtol=1e-6)


@pytest.mark.parametrize("shape", [(64, 200), (300, 40), (32, 16, 3, 3)])
def test_xavier_and_kaiming_differ_by_fans(shape):
    """Not square: the same draws, with variances in the ratio of fan-in to the mean of both fans."""
    torch.manual_seed(0)
    xavier = nn.init.xavier_normal_(torch.empty(shape), gain=nn.init.calculate_gain("relu"))
    torch.manual_seed(0)
    kaiming = nn.init.kaiming_normal_(torch.empty(shape), nonlinearity="relu")
    mean_fan = (shape[0] + shape[1]) / 2  # both fans hold the kernel's size, which cancels
    assert (xavier.var() / kaiming.var()).item() == pytest.approx(shape[1] / mean_fan, rel=1e-4)


def test_leaky_default_slope_differs():
    """calculate_gain('leaky_relu') assumes slope 0.01, kaiming_normal_ slope 0: their stds differ by 0.005%."""
    assert nn.init.calculate_gain("leaky_relu") == pytest.approx(math.sqrt(2 / 1.0001))
    torch.manual_seed(0)
    a = nn.init.kaiming_normal_(torch.empty(64, 64))
    torch.manual_seed(0)
    b = nn.init.kaiming_normal_(torch.empty(64, 64), nonlinearity="relu")
    assert torch.equal(a, b)


def test_kaiming_takes_selu_literally():
    """nonlinearity='selu' gives std 0.75/sqrt(n); SELU's paper wants 1/sqrt(n), nonlinearity='linear'."""
    torch.manual_seed(0)
    selu = nn.init.kaiming_normal_(torch.empty(400, 400), nonlinearity="selu")
    linear = nn.init.kaiming_normal_(torch.empty(400, 400), nonlinearity="linear")
    assert selu.std().item() == pytest.approx(0.75 / 20, rel=0.01)
    assert linear.std().item() == pytest.approx(1 / 20, rel=0.01)


def test_gain_applies_to_the_next_activation():
    """A linear layer with the ReLU gain doubles the mean square; L ReLU layers keep it with L - 1 gains."""
    x = torch.randn(4000, 400, generator=torch.Generator().manual_seed(1))
    torch.manual_seed(0)
    y = x @ gain_normal_(torch.empty(400, 400), "relu").T
    assert y.square().mean().item() == pytest.approx(2, rel=0.03)
    y = x @ gain_normal_(torch.empty(400, 400), "linear").T
    assert y.square().mean().item() == pytest.approx(1, rel=0.03)
    for last, expected in (("relu", 2), ("linear", 1)):
        y = x
        for _ in range(4):
            y = torch.relu(y @ gain_normal_(torch.empty(400, 400), "relu").T)
        y = y @ gain_normal_(torch.empty(400, 400), last).T
        assert y.square().mean().item() == pytest.approx(expected, rel=0.2)


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("shape", [(300, 200), (64, 32, 5), (64, 16, 3, 3), (64, 8, 3, 3, 3)])
def test_initializer_std(name, shape):
    """Standard deviation gain / sqrt(fan_in); the same draw as kaiming_normal_."""
    weight = gain_normal_(torch.empty(shape), name, generator=torch.Generator().manual_seed(0))
    assert weight.std().item() == pytest.approx(gain_normal_std(shape, name), rel=0.03)
    slope = 0.01 if name == "leaky_relu" else 0
    again = nn.init.kaiming_normal_(
        torch.empty(shape), a=slope, nonlinearity=name, generator=torch.Generator().manual_seed(0)
    )
    assert torch.allclose(weight, again, rtol=1e-6)
