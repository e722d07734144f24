"""Kaiming initialization: equal to torch bit for bit, closed form, and the claims of its page."""

import math

import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from snippets.initialization.kaiming_init.evidence import INITS, SEEDS, STEPS, train
from snippets.initialization.kaiming_init.from_scratch import kaiming_normal_, kaiming_normal_std, kaiming_uniform_
from snippets.initialization.kaiming_init.use import deep_relu_network, init_relu_layer


def log_growth(variance: float, slope: float = 0.0, width: int = 256, depth: int = 50, nets: int = 8) -> float:
    """Mean over networks of log2 of the factor by which the second moment changes, per layer."""
    torch.manual_seed(0)
    total = 0.0
    for _ in range(nets):
        x = torch.randn(8, width)
        before = x.square().mean()
        for _ in range(depth):
            x = nn.functional.leaky_relu(x @ (torch.randn(width, width) * math.sqrt(variance / width)).T, slope)
        total += torch.log2(x.square().mean() / before).item()
    return total / nets / depth


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3), (5, 7, 3, 2), (5, 7, 3, 2, 4)])
@pytest.mark.parametrize("mode", ["fan_in", "fan_out"])
@pytest.mark.parametrize("a", [0.0, 0.25, math.sqrt(5)])
def test_equals_torch(shape, mode, a):
    """With the same seed the from-scratch functions draw what torch.nn.init draws, bit for bit."""
    for ours, theirs in [(kaiming_normal_, nn.init.kaiming_normal_), (kaiming_uniform_, nn.init.kaiming_uniform_)]:
        w = ours(torch.empty(shape), a, mode, torch.Generator().manual_seed(3))
        reference = theirs(torch.empty(shape), a=a, mode=mode, generator=torch.Generator().manual_seed(3))
        assert torch.equal(w, reference)


def test_bad_arguments():
    with pytest.raises(ValueError, match="no fan"):
        kaiming_normal_(torch.empty(3))
    with pytest.raises(ValueError, match="mode"):
        kaiming_normal_(torch.empty(3, 3), mode="fan_avg")


def test_layers_are_initialized():
    torch.manual_seed(0)
    layer = nn.Conv2d(64, 256, 3)
    init_relu_layer(layer)
    assert layer.weight.std().item() == pytest.approx(math.sqrt(2 / 576), rel=0.01)  # 147,456 draws
    assert not layer.bias.any()
    norm = nn.BatchNorm1d(3)
    init_relu_layer(norm)
    assert torch.equal(norm.weight, torch.ones(3))


def test_second_moment_stays():
    """Through 50 ReLU layers of width 512 the second moment stays within a factor of 10; halving would lose 1e15."""
    for seed in range(5):
        torch.manual_seed(seed)
        x = torch.randn(16, 512)
        with torch.no_grad():
            ratio = deep_relu_network(512, 50)(x).square().mean() / x.square().mean()
        assert 0.1 < ratio < 10


def test_relu_halves_without_the_two():
    """With variance 1/n each ReLU layer halves the second moment; with 2/n it keeps it."""
    assert log_growth(1.0) == pytest.approx(-1, abs=0.05)  # fluctuation: log2(e) * 5 / (2 * 256) = 0.014 of bias
    assert log_growth(2.0) == pytest.approx(0, abs=0.05)


def test_leaky_slope_enters_the_gain():
    """A leaky ReLU of slope 0.5 keeps the second moment with variance 2 / (1.25 n), and gains 0.32 bits with 2/n."""
    assert kaiming_normal_std((10, 256), a=0.5) == pytest.approx(math.sqrt(2 / 1.25 / 256))
    assert log_growth(2 / 1.25, 0.5) == pytest.approx(0, abs=0.05)
    assert log_growth(2.0, 0.5) == pytest.approx(math.log2(1.25), abs=0.05)


def test_linear_default_is_a_sixth():
    """nn.Linear draws with a = sqrt(5): a variance of 1/(3n), a sixth of what a ReLU needs."""
    torch.manual_seed(0)
    layer = nn.Linear(512, 300)
    torch.manual_seed(0)
    assert torch.equal(layer.weight, kaiming_uniform_(torch.empty(300, 512), a=math.sqrt(5)))
    he = kaiming_normal_std((300, 512)) ** 2
    assert he / kaiming_normal_std((300, 512), a=math.sqrt(5)) ** 2 == pytest.approx(6)
    assert layer.weight.var().item() == pytest.approx(he / 6, rel=0.02)


def test_fan_out_keeps_the_gradient():
    """From 1024 to 256 features: fan_in keeps the second moment forward, fan_out the gradient's backward."""
    torch.manual_seed(0)
    forward, backward = {}, {}
    for mode in ("fan_in", "fan_out"):
        w = kaiming_normal_(torch.empty(256, 1024), mode=mode)
        hidden = torch.relu(torch.randn(64, 1024))  # the output of a ReLU layer: second moment 1/2
        forward[mode] = ((hidden @ w.T).square().mean() / (2 * hidden.square().mean())).item()
        gradient = torch.randn(64, 256) * (torch.rand(64, 256) < 0.5)  # the ReLU lets half of it pass
        backward[mode] = ((gradient @ w).square().mean() / (2 * gradient.square().mean())).item()
    assert forward["fan_in"] == pytest.approx(1, rel=0.05)
    assert backward["fan_out"] == pytest.approx(1, rel=0.05)
    assert forward["fan_out"] == pytest.approx(4, rel=0.05)
    assert backward["fan_in"] == pytest.approx(1 / 4, rel=0.05)


def test_only_kaiming_trains_twenty_layers(evidence):
    """50 layers: Kaiming keeps the signal, Xavier and torch's default lose it; 20 layers: only Kaiming's is trained."""
    final, size = {}, {}
    for name in INITS:
        signals, losses = (torch.tensor(evidence()[name][what]) for what in ("signals", "losses"))
        assert signals.shape == (SEEDS, 51)  # the input, and 50 layers
        assert losses.shape == (SEEDS, STEPS)
        size[name], final[name] = signals.median(0).values, losses[:, -1]
    assert size["Kaiming"].min() > 0.4
    assert size["Kaiming"].max() < 1.1
    assert size["Xavier"][-1].item() == pytest.approx(1.5e-8, rel=0.05)
    assert size["torch default"][-1].item() == pytest.approx(1.8e-20, rel=0.05)
    assert final["Kaiming"].max() < 0.6 < 0.9 < torch.cat([final["Xavier"], final["torch default"]]).min()
    assert final["Kaiming"].median().item() == pytest.approx(0.2, abs=0.05)
    assert final["Xavier"].median().item() == pytest.approx(1.2, abs=0.1)
    assert final["torch default"].median().item() == pytest.approx(2.2, abs=0.1)


def test_two_layers_need_ten_steps_more():
    """With two layers all three train; torch's default ends where Kaiming was about ten steps before."""
    digits = load_digits()
    x = torch.tensor(digits.data[:200], dtype=torch.float32)
    x, y = (x - x.mean()) / x.std(), torch.tensor(digits.target[:200])
    runs = [torch.tensor([train(variance, seed, x, y, 2) for seed in range(SEEDS)]) for variance in INITS.values()]
    kaiming, xavier, default = (losses.median(0).values for losses in runs)
    assert max(kaiming[-1], xavier[-1], default[-1]) < math.log(10) / 2  # half of what guessing costs
    behind = STEPS - 1 - int((kaiming > default[-1]).sum())
    assert 7 <= behind <= 13
    assert kaiming[-1] < xavier[-1] < default[-1]


def draw(**settings) -> Tensor:
    return nn.init.kaiming_normal_(torch.empty(50, 60), generator=torch.Generator().manual_seed(0), **settings)


def test_a_is_ignored_for_relu():
    """torch reads `a` only with nonlinearity="leaky_relu", its default; with "relu" the slope is silently dropped."""
    assert torch.equal(draw(a=0.25, nonlinearity="relu"), draw(a=0.0, nonlinearity="relu"))
    assert not torch.equal(draw(a=0.25), draw(a=0.0))


def test_bare_call_is_relu():
    """Called without arguments, torch's functions use a = 0 and so ReLU's gain."""
    assert torch.equal(draw(), draw(nonlinearity="relu"))


def test_transposed_convolution_swaps_the_fans():
    """ConvTranspose2d(256, 16, 3): "fan_in" reads 16 channels, and the output has 16 times the variance asked for."""
    torch.manual_seed(0)
    layer = nn.ConvTranspose2d(256, 16, 3, bias=False)
    x = torch.relu(torch.randn(4, 256, 12, 12))
    with torch.no_grad():
        for mode, factor in [("fan_in", 16), ("fan_out", 1)]:
            nn.init.kaiming_normal_(layer.weight, mode=mode, nonlinearity="relu")
            inner = layer(x)[:, :, 2:-2, 2:-2]  # where all nine taps of the kernel land
            assert (inner.square().mean() / (2 * x.square().mean())).item() == pytest.approx(factor, rel=0.15)


def test_stride_thins_the_fan():
    """ConvTranspose2d(64, 64, 4, stride=2) with fan_out: a quarter of the variance; right after multiplying by 2."""
    torch.manual_seed(0)
    layer = nn.ConvTranspose2d(64, 64, 4, stride=2, bias=False)
    x = torch.relu(torch.randn(4, 64, 12, 12))
    with torch.no_grad():
        nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
        for factor in (1 / 4, 1):
            inner = layer(x)[:, :, 3:-3, 3:-3]  # where all four taps land
            assert (inner.square().mean() / (2 * x.square().mean())).item() == pytest.approx(factor, rel=0.15)
            layer.weight.mul_(2)
