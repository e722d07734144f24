"""LeCun initialization: equal to torch and to timm, closed form, and the claims of its page."""

import math

import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from snippets.initialization.lecun_init.evidence import DEPTH, GAINS, SEEDS, WIDTH, network, train
from snippets.initialization.lecun_init.from_scratch import SHRINK, lecun_truncated_, lecun_uniform_
from snippets.initialization.lecun_init.use import lecun_normal_, lecun_normal_std, self_normalizing_network

SHAPES = [(5, 7), (5, 7, 3), (5, 7, 3, 2), (5, 7, 3, 2, 4)]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("shape", SHAPES)
def test_equals_kaiming_with_linear(shape):
    """torch draws LeCun's weights by kaiming_normal_ and kaiming_uniform_ with nonlinearity="linear"."""
    w = nn.init.kaiming_uniform_(torch.empty(shape), nonlinearity="linear", generator=seeded())
    assert torch.equal(lecun_uniform_(torch.empty(shape), seeded()), w)
    w = nn.init.normal_(torch.empty(shape), std=lecun_normal_std(shape), generator=seeded())
    assert torch.equal(lecun_normal_(torch.empty(shape), seeded()), w)


def test_truncated_form():
    """timm cuts at 2.27 / sqrt(fan_in) and keeps the variance 1 / fan_in, and so does the from-scratch version."""
    from timm.layers import lecun_normal_ as timms

    torch.manual_seed(0)
    theirs = torch.empty(1000, 500)
    timms(theirs)  # returns None
    for draws in (theirs, lecun_truncated_(torch.empty(1000, 500))):
        w = draws * math.sqrt(500)
        assert w.std().item() == pytest.approx(1, rel=0.005)  # 500,000 draws: 0.1% of spread
        assert w.abs().max().item() == pytest.approx(2 / SHRINK, rel=1e-3)
        quartiles = torch.quantile(w.flatten()[:100_000], torch.tensor([0.25, 0.75]))
        expected = math.sqrt(2) * torch.erfinv(torch.tensor(0.5 * math.erf(math.sqrt(2)))).item() / SHRINK
        assert quartiles.tolist() == pytest.approx([-expected, expected], rel=0.02)
    assert 2.265 < 2 / SHRINK < 2.275


def layers(gain: float, depth: int, *after: nn.Module, width: int = 512, seed: int = 0) -> list[Tensor]:
    """Outputs of each of ``depth`` layers of weights of standard deviation gain / sqrt(width), on unit-normal input."""
    torch.manual_seed(seed)
    x = torch.randn(128, width)
    found = []
    for _ in range(depth):
        x = x @ (torch.randn(width, width) * gain / math.sqrt(width)).T
        for module in after:
            x = module(x)
        found.append(x)
    return found


@pytest.mark.parametrize("seed", range(5))
def test_linear_layers_keep_the_variance(seed):
    """Behind each of fifty linear layers of width 512 the standard deviation is within a factor of 1.2 of 1."""
    assert all(1 / 1.2 < x.std() < 1.2 for x in layers(1.0, 50, seed=seed))


@pytest.mark.parametrize("scale", [0.1, 0.3, 1.0, 3.0, 10.0])
def test_selu_is_self_normalizing(scale):
    """Under SELU mean 0 and variance 1 are restored: 32 layers after an input of std 0.1 to 10, within 0.07.

    With width 512, for each of four seeds; with width 32 the worst of eight is off by over 0.08.
    """

    def off(width: int, seed: int) -> float:
        torch.manual_seed(seed)
        model = self_normalizing_network(width, 32, dropout=0.0)
        with torch.no_grad():
            y = model(scale * torch.randn(256, width))
        return max(y.mean().abs().item(), abs(y.std().item() - 1))

    assert max(off(512, seed) for seed in range(4)) < 0.07
    assert max(off(32, seed) for seed in range(8)) > 0.08


@pytest.mark.parametrize("seed", range(5))
def test_torchs_selu_gain_does_not_self_normalize(seed):
    """calculate_gain("selu") is 3/4; with it the standard deviation falls to about 0.2 instead of 1."""
    assert nn.init.calculate_gain("selu") == 0.75
    assert layers(0.75, 50, nn.SELU(), seed=seed)[-1].std().item() == pytest.approx(0.2, abs=0.05)


@pytest.mark.parametrize("seed", range(5))
def test_kaiming_explodes_under_selu(seed):
    """Kaiming's variance 2/n makes SELU's activations grow over tenfold in 50 layers."""
    assert layers(math.sqrt(2), 50, nn.SELU(), seed=seed)[-1].std() > 10


@pytest.mark.parametrize("seed", range(3))
def test_dropout_breaks_it(seed):
    """At p = 0.2, nn.Dropout lifts the second moment to over 2; nn.AlphaDropout keeps it at 1 within 5%."""
    assert layers(1.0, 32, nn.SELU(), nn.Dropout(0.2), seed=seed)[-1].square().mean() > 2
    alpha = layers(1.0, 32, nn.SELU(), nn.AlphaDropout(0.2), seed=seed)[-1]
    assert alpha.square().mean().item() == pytest.approx(1, abs=0.05)


def test_scaled_tanh():
    """LeCun's f(x) = 1.7159 tanh(2x/3) has f(1) = 1, and settles at 0.62 where plain tanh fades below 0.2."""

    class Scaled(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return 1.7159 * torch.tanh(2 * x / 3)

    assert Scaled()(torch.tensor(1.0)).item() == pytest.approx(1, abs=5e-5)
    for seed in range(3):
        scaled = layers(1.0, 50, Scaled(), seed=seed)
        assert scaled[-1].std().item() == pytest.approx(0.62, abs=0.02)
        assert scaled[-1].std().item() == pytest.approx(scaled[24].std().item(), abs=0.03)  # it has settled
        assert layers(1.0, 50, nn.Tanh(), seed=seed)[-1].std() < 0.2


def test_relu_halves():
    """Under ReLU each layer halves the second moment: by the mean of 30 draws, at each of ten layers."""
    moments = torch.tensor([[x.square().mean() for x in layers(1.0, 10, nn.ReLU(), seed=seed)] for seed in range(30)])
    ratios = moments[:, 1:] / moments[:, :-1]
    assert moments[:, 0].mean().item() == pytest.approx(0.5, rel=0.05)
    assert ratios.mean(0).tolist() == pytest.approx([0.5] * 9, rel=0.05)


@pytest.fixture(scope="module")
def trained(evidence) -> list[Tensor]:
    """For torch's gain, LeCun's and Kaiming's: loss, last layer's deviation before training and after, (3, seeds)."""
    found = [torch.tensor(evidence()[name]["trained"]).T for name in GAINS]
    assert all(runs.shape == (3, SEEDS) for runs in found)
    return found


def test_training_mends_the_moments(trained, evidence):
    """All three train 32 layers, and training takes the two wrong standard deviations closer to 1, with every seed.

    Before it, in the figure's wide networks, the means are 0, 0 and over 4, the standard deviations 0.2, 1 and over 8.
    """
    small, _, large = trained
    assert max(losses.max() for losses, _, _ in trained) < 1.8  # guessing costs 2.3
    assert small[1].max() < 0.4
    assert large[1].min() > 2
    for _, before, after in (small, large):
        assert (after.log().abs() < before.log().abs()).all()

    moments = torch.tensor([evidence()[name]["moments"] for name in GAINS])  # (gains, seeds, layers, 2)
    assert moments.shape == (3, SEEDS, DEPTH, 2)
    means, deviations = moments[:, :, -1].median(1).values.T
    assert means[:2].tolist() == pytest.approx([0, 0], abs=0.07)
    assert deviations[:2].tolist() == pytest.approx([0.2, 1], abs=0.07)
    assert means[2] > 4
    assert deviations[2] > 8


def test_lecun_trains_first(trained):
    """After 30 steps of 32 layers LeCun's mean loss over the seeds is lower than that of the two others."""
    assert DEPTH == 32
    small, lecun, large = (losses.mean() for losses, _, _ in trained)
    assert lecun < min(small, large)


def test_two_layers_prefer_kaiming():
    """With two layers Kaiming's loss is the lowest with every seed, by less than a quarter of LeCun's."""
    digits = load_digits()
    x = torch.tensor(digits.data[:128], dtype=torch.float32)
    x, y = (x - x.mean()) / x.std(), torch.tensor(digits.target[:128])
    small, lecun, large = (
        torch.tensor([train(network(gain, seed, WIDTH, 2), x, y)[0] for seed in range(SEEDS)])
        for gain in GAINS.values()
    )
    assert (large < lecun).all()
    assert (lecun < small).all()
    assert (large > 0.75 * lecun).all()


@pytest.mark.parametrize(("outputs", "inputs"), [(500, 400), (1000, 100), (100, 3000)])
def test_linear_default_has_a_third(outputs, inputs):
    """nn.Linear's own draw, U(-1/sqrt(n), 1/sqrt(n)), has the bound of LeCun's standard deviation: variance 1/(3n)."""
    torch.manual_seed(0)
    weight = nn.Linear(inputs, outputs).weight
    assert weight.abs().max().item() == pytest.approx(lecun_normal_std((outputs, inputs)), rel=1e-3)
    assert (inputs * weight.var()).item() == pytest.approx(1 / 3, rel=0.01)
