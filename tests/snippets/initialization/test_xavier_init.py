"""Xavier initialization: equal to torch bit for bit, closed form, and the claims of its page."""

import math
from collections.abc import Callable

import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from snippets.initialization.xavier_init.evidence import DEPTH, INITS, SEEDS, network, train
from snippets.initialization.xavier_init.from_scratch import xavier_normal_, xavier_uniform_, xavier_uniform_std
from snippets.initialization.xavier_init.use import init_attention, init_tanh_layer
from tests.support.rates import learning_rate_times


def signal(variance: float, activation: Callable[[Tensor], Tensor], depth: int, width: int = 256) -> float:
    """Root mean square after `depth` layers, geometric mean over 4 networks, input of unit size."""
    torch.manual_seed(0)
    total = 0.0
    for _ in range(4):
        x = torch.randn(32, width)
        for _ in range(depth):
            x = activation(x @ (torch.randn(width, width) * math.sqrt(variance / width)).T)
        total += math.log(x.square().mean().sqrt().item())
    return math.exp(total / 4)


def identity(x: Tensor) -> Tensor:
    return x


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3), (5, 7, 3, 2), (5, 7, 3, 2, 4)])
@pytest.mark.parametrize("gain", [1.0, 5 / 3])
def test_equals_torch(shape, gain):
    """With the same seed the from-scratch functions draw what torch.nn.init draws, bit for bit."""
    for ours, theirs in [(xavier_normal_, nn.init.xavier_normal_), (xavier_uniform_, nn.init.xavier_uniform_)]:
        w = ours(torch.empty(shape), gain, torch.Generator().manual_seed(3))
        assert torch.equal(w, theirs(torch.empty(shape), gain, generator=torch.Generator().manual_seed(3)))


def test_vector_has_no_fans():
    with pytest.raises(ValueError, match="no fans"):
        xavier_uniform_(torch.empty(3))


def test_bound():
    """Of a weight of 300 x 400 the largest entries reach sqrt(6 / 700), and none lies beyond it."""
    bound = math.sqrt(6 / 700)
    for dtype in (torch.float32, torch.float64):
        for seed in range(20):
            w = torch.empty(300, 400, dtype=dtype)
            for fill in (xavier_uniform_, nn.init.xavier_uniform_):
                fill(w, generator=torch.Generator().manual_seed(seed))
                assert 0.999 * bound < w.abs().max() <= bound


@pytest.mark.parametrize("seed", range(3))
def test_square_layers_keep_both(seed):
    """In 50 linear layers of width 256, signal and gradient stay within a factor of 3, layer for layer."""
    torch.manual_seed(seed)
    weights = [xavier_uniform_(torch.empty(256, 256)) for _ in range(50)]
    x = g = torch.randn(64, 256)
    for w in weights:
        x = x @ w.T
        assert 1 / 3 < x.square().mean().sqrt() < 3
    for w in reversed(weights):
        g = g @ w
        assert 1 / 3 < g.square().mean().sqrt() < 3


def test_funnel_is_a_compromise():
    """From 1024 to 256 features the signal's variance grows 1.6 times and the gradient's falls to 0.4 times."""
    torch.manual_seed(0)
    w = xavier_normal_(torch.empty(256, 1024))
    assert (torch.randn(500, 1024) @ w.T).square().mean().item() == pytest.approx(1.6, rel=0.02)
    assert (torch.randn(500, 256) @ w).square().mean().item() == pytest.approx(0.4, rel=0.02)


def test_older_rule_loses_two_thirds():
    """Weights from U(-1/sqrt(n), 1/sqrt(n)) leave a third of the variance after each linear layer."""
    bound = 1 / math.sqrt(256)
    w = torch.empty(256, 256).uniform_(-bound, bound, generator=torch.Generator().manual_seed(0))
    assert (256 * w.var()).item() == pytest.approx(1 / 3, rel=0.02)
    assert signal(1 / 3, identity, 10) ** 2 == pytest.approx(3.0**-10, rel=0.35)  # ten layers: 12% of spread each net


def test_torch_default_is_the_older_rule():
    """nn.Linear starts from U(-1/sqrt(n), 1/sqrt(n)): the bound is reached, and the variance is a third of 1/n."""
    torch.manual_seed(0)
    for n, m in [(400, 300), (100, 1000)]:
        w = nn.Linear(n, m).weight
        assert 0.999 / math.sqrt(n) < w.abs().max() <= 1 / math.sqrt(n)
        assert w.var().item() == pytest.approx(1 / (3 * n), rel=0.01)


def test_gain_one_fades_under_tanh():
    """With gain 1 the signal of tanh layers fades slowly, to under 0.2 after 50; with 5/3 it settles at 0.65."""
    assert 0.05 < signal(1.0, torch.tanh, 50) < 0.2
    assert signal(25 / 9, torch.tanh, 20) == pytest.approx(0.65, abs=0.02)
    assert signal(25 / 9, torch.tanh, 50) == pytest.approx(0.65, abs=0.02)


def test_snippet_uses_the_gain():
    torch.manual_seed(0)
    layer = nn.Linear(300, 500)
    init_tanh_layer(layer)
    assert layer.weight.std().item() == pytest.approx(5 / 3 * xavier_uniform_std((500, 300)), rel=0.01)
    assert not layer.bias.any()


@pytest.mark.parametrize("width", [256, 512])
def test_relu_halves(width):
    """A square ReLU layer of Xavier weights halves the mean square: each of ten layers, mean of 8 networks."""
    torch.manual_seed(0)
    ratios = torch.empty(8, 10)
    for network_ratios in ratios:
        x = torch.relu(torch.randn(64, width))
        for layer in range(10):
            y = torch.relu(x @ xavier_uniform_(torch.empty(width, width)).T)
            network_ratios[layer] = y.square().mean() / x.square().mean()
            x = y
    assert ratios.mean(0).tolist() == pytest.approx([0.5] * 10, abs=0.05)


@pytest.mark.parametrize("shape", [(300, 300), (64, 64, 3, 3), (16, 16, 5)])
def test_relu_gain_is_kaiming(shape):
    """With as many inputs as outputs and the gain of a ReLU, Xavier draws what Kaiming draws, in both distributions."""
    gain = nn.init.calculate_gain("relu")
    for xavier, kaiming in [
        (nn.init.xavier_uniform_, nn.init.kaiming_uniform_),
        (nn.init.xavier_normal_, nn.init.kaiming_normal_),
    ]:
        ours = xavier(torch.empty(shape), gain=gain, generator=torch.Generator().manual_seed(0))
        theirs = kaiming(torch.empty(shape), nonlinearity="relu", generator=torch.Generator().manual_seed(0))
        torch.testing.assert_close(ours, theirs)


def test_steady_signal_is_not_enough(evidence):
    """The older rule starves layer 1 of gradient; 8/n keeps the signal, but gradients explode; Xavier trains twice.

    Under 8/n a layer multiplies the gradient's second moment by 8 E[tanh'^2]: half of the units are saturated, which
    takes away more than three quarters, and 1.8 is left. At three times the learning rate the losses say the same, and
    at ten times Xavier does not train either.
    """
    signals, gradients, losses = {}, {}, {}
    for name in INITS:
        forward, backward, losses[name] = (
            torch.tensor(evidence()[name][what]) for what in ("signals", "gradients", "losses")
        )
        assert forward.shape == backward.shape == (SEEDS, DEPTH)
        signals[name], gradients[name] = forward.median(0).values, backward.median(0).values
    older, xavier, gain, large = INITS
    shrunk = {name: (gradients[name][0] / gradients[name][-1]).item() for name in INITS}
    assert 1e-5 < shrunk[older] < 1 / 20_000
    assert 0.1 < shrunk[xavier] < 0.5
    assert 3 < shrunk[gain] < 9
    assert 150 < shrunk[large] < 400
    assert 0.5e-5 < signals[older][-1] < 3e-5
    assert 0.05 < signals[xavier][-1] < 0.3
    # Level from the third layer on.
    assert signals[gain][2:].tolist() == pytest.approx([0.65] * (DEPTH - 2), abs=0.03)
    assert signals[large][2:].tolist() == pytest.approx([0.82] * (DEPTH - 2), abs=0.02)
    assert max(losses[xavier].max(), losses[gain].max()) < 0.2
    assert (losses[older] - math.log(10)).abs().max() < 0.1  # random guessing
    assert losses[large].min() > 1

    digits = load_digits()
    x, y = torch.tensor(digits.data[:128], dtype=torch.float32), torch.tensor(digits.target[:128])
    x = (x - x.mean()) / x.std()
    with learning_rate_times(3):
        last = {name: [train(network(v, seed), x, y) for seed in range(SEEDS)] for name, v in INITS.items()}
    assert max(last[xavier] + last[gain]) < 0.2
    assert torch.tensor(last[older]).sub(math.log(10)).abs().max() < 0.1
    assert min(last[large]) > 1
    with learning_rate_times(10):
        assert min(train(network(INITS[name], seed), x, y) for name in (xavier, gain) for seed in range(SEEDS)) > 1.5
    with torch.no_grad():
        output = network(INITS[large], 0)[: 2 * DEPTH](x)  # of the last tanh
    slope = (1 - output.square()).square().mean().item()
    assert (output.abs() > 0.9).float().mean() > 0.4
    assert slope < 0.25
    assert INITS[large] * slope == pytest.approx(1.8, abs=0.15)
    assert shrunk[large] ** (2 / (DEPTH - 1)) == pytest.approx(INITS[large] * slope, rel=0.1)


@pytest.mark.parametrize("size", [64, 256, 512])
def test_stacked_projections_are_too_small(size):
    """MultiheadAttention draws a (3 E, E) weight: std lower by sqrt(2) for each part, logits half as large."""
    torch.manual_seed(0)
    attention = nn.MultiheadAttention(size, 4)
    assert attention.in_proj_weight.shape == (3 * size, size)
    alone = xavier_uniform_std((size, size))

    def stds_and_logits() -> tuple[list[float], float]:
        query, key, value = attention.in_proj_weight.detach().chunk(3)
        x = torch.randn(500, size, generator=torch.Generator().manual_seed(1))
        return [part.std().item() for part in (query, key, value)], ((x @ query.T) @ (x @ key.T).T).std().item()

    few = 2.3 / size  # five standard errors, sqrt(0.2) / size each, of the deviation of size x size uniform weights
    stds, stacked = stds_and_logits()
    assert stds == pytest.approx([alone / math.sqrt(2)] * 3, rel=few)
    init_attention(attention)
    stds, single = stds_and_logits()
    assert stds == pytest.approx([alone] * 3, rel=few)
    assert stacked / single == pytest.approx(0.5, rel=max(0.05, 7 / size))  # narrow ones scatter
    assert attention.in_proj_weight.is_leaf


def test_separate_projections_are_refused():
    with pytest.raises(ValueError, match="separate"):
        init_attention(nn.MultiheadAttention(8, 2, kdim=4, vdim=4))


def test_vocabulary_counts_as_a_fan():
    """On an embedding of 50,000 x 512 the vocabulary is a fan: std 0.0063, a seventh of 1/sqrt(512)."""
    torch.manual_seed(0)
    std = nn.init.xavier_uniform_(torch.empty(50_000, 512)).std().item()
    assert std == pytest.approx(0.0063, abs=5e-5)
    assert 7 < 1 / math.sqrt(512) / std < 7.1


def test_vectors_have_no_fans():
    """A bias and the gain of BatchNorm2d or LayerNorm(n) have one dimension: torch raises, with the page's text."""
    for vector in (nn.Linear(4, 3).bias, nn.LayerNorm(3).weight, nn.BatchNorm2d(3).weight):
        for init in (nn.init.xavier_uniform_, nn.init.xavier_normal_):
            with pytest.raises(ValueError, match="Fan in and fan out can not be computed for tensor with fewer than 2"):
                init(vector)
    assert nn.LayerNorm((4, 3)).weight.dim() == nn.Embedding(5, 3).weight.dim() == 2  # p.dim() < 2 misses these


def test_depthwise_is_too_small():
    """Conv2d(256, 256, 3, groups=256) gets 0.029: torch's fan-out counts all groups; 2 / (9 + 9) asks for 0.333."""
    torch.manual_seed(0)
    conv = nn.Conv2d(256, 256, 3, groups=256)
    std = math.sqrt(2 / (9 + 9 * 256))
    assert std == pytest.approx(0.029, abs=0.0005)
    assert nn.init.xavier_normal_(conv.weight).std().item() == pytest.approx(std, rel=0.06)  # four errors: 2,304 draws
    fan_in, fan_out = 9 * conv.in_channels // conv.groups, 9 * conv.out_channels // conv.groups
    assert (fan_in, fan_out) == (9, 9)
    assert math.sqrt(2 / (fan_in + fan_out)) == pytest.approx(0.333, abs=0.001)
