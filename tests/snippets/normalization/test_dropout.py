"""Dropout: the same numbers as torch under the same seed, closed forms, and the claims of its page."""

from __future__ import annotations

import copy
import itertools
import warnings
from collections.abc import Callable

import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional as F

from snippets.normalization.dropout.evidence import SITUATIONS, train
from snippets.normalization.dropout.from_scratch import alpha_dropout, dropout
from snippets.normalization.dropout.use import DROPOUTS, make_mlp, set_dropout
from tests.support.rates import learning_rate_times

NOISY, CLEAN, SMALL = SITUATIONS
RATES = [0.1, 0.5, 0.9]
# layer, our function, whole channels, axes of space
LAYERS = [
    (nn.Dropout, dropout, False, 2),
    (nn.Dropout1d, dropout, True, 1),
    (nn.Dropout2d, dropout, True, 2),
    (nn.Dropout3d, dropout, True, 3),
    (nn.AlphaDropout, alpha_dropout, False, 2),
    (nn.FeatureAlphaDropout, alpha_dropout, True, 2),
]


def seeded(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Its output under seed 0."""
    torch.manual_seed(0)
    return function(x)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("p", [0.0, *RATES, 1.0])
@pytest.mark.parametrize(("layer", "ours", "channels", "axes"), LAYERS)
def test_equals_torch(layer, ours, channels, axes, p, dtype) -> None:
    """Output and gradient of all six layers, at five rates and in four dtypes, under the same seed."""
    x = torch.randn(3, 4, *(5, 6, 2)[:axes]).to(dtype).requires_grad_()
    mine = seeded(lambda x: ours(x, p, channels=channels), x)
    theirs = seeded(layer(p), x)
    seed = torch.randn_like(mine)
    gradients = [torch.autograd.grad(out, x, seed)[0] for out in (mine, theirs)]
    tolerance = {torch.float32: 1e-6, torch.float64: 1e-12, torch.bfloat16: 2e-2, torch.float16: 2e-3}[dtype]
    assert mine.dtype == dtype
    torch.testing.assert_close(mine, theirs, rtol=tolerance, atol=tolerance)  # a rounding apart, in units of the dtype
    torch.testing.assert_close(*gradients, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(("layer", "ours", "channels", "axes"), LAYERS)
def test_eval_is_identity(layer, ours, channels, axes) -> None:
    """In evaluation mode all six layers, and our functions with training=False, return their input as it is."""
    x = torch.randn(3, 4, *(5, 6, 2)[:axes])
    assert torch.equal(layer(0.5).eval()(x), x)
    assert torch.equal(ours(x, 0.5, training=False, channels=channels), x)


@pytest.mark.parametrize("p", RATES)
def test_mean_stays_and_square_grows(p) -> None:
    """What is kept is divided by 1 - p: the mean of the output is x and its mean square x^2 / (1 - p)."""
    x = torch.tensor([-2.0, 0.5, 3.0], dtype=torch.float64)
    torch.manual_seed(0)
    out = nn.Dropout(p)(x.expand(200_000, 3))
    assert set(out[:, 2].round(decimals=9).tolist()) == {0.0, round(3.0 / (1 - p), 9)}
    spread = (p / (1 - p) / 200_000) ** 0.5  # of the mean of the kept share, relative
    torch.testing.assert_close(out.mean(dim=0), x, rtol=5 * spread, atol=0)
    torch.testing.assert_close(out.square().mean(dim=0), x.square() / (1 - p), rtol=5 * spread, atol=0)


@pytest.mark.parametrize("p", [0.2, 0.5])
def test_mean_network_is_the_geometric_mean(p) -> None:
    """With a softmax behind one layer, eval mode gives the normalized geometric mean over all 256 thinned networks."""
    torch.manual_seed(0)
    hidden, linear = torch.randn(8).double().relu(), nn.Linear(8, 5).double()
    logs = torch.zeros(5, dtype=torch.float64)
    for kept in itertools.product([0.0, 1.0], repeat=8):
        mask = torch.tensor(kept, dtype=torch.float64)
        weight = (1 - p) ** mask.sum() * p ** (8 - mask.sum())
        logs += weight * linear(hidden * mask / (1 - p)).log_softmax(dim=0)
    torch.testing.assert_close(logs.softmax(dim=0), linear(hidden).softmax(dim=0), rtol=1e-12, atol=0)


@pytest.mark.parametrize(("layer", "axes"), [(nn.Dropout1d, 1), (nn.Dropout2d, 2), (nn.Dropout3d, 3)])
def test_whole_channels(layer, axes) -> None:
    """Each (sample, channel) is 0 or doubled as a whole, and channels of a sample differ; nn.Dropout mixes both."""
    torch.manual_seed(0)
    x = torch.ones(8, 16, *(5, 6, 4)[:axes])
    maps = layer(0.5)(x).flatten(2)
    assert torch.equal(maps.amin(dim=2), maps.amax(dim=2))
    assert set(maps[:, :, 0].flatten().tolist()) == {0.0, 2.0}
    assert 0 < (maps[0, :, 0] == 0).sum() < 16
    mixed = nn.Dropout(0.5)(x).flatten(2)
    assert (mixed.amin(dim=2) < mixed.amax(dim=2)).float().mean() > 0.9


@pytest.mark.parametrize("p", [0.1, 0.3, 0.5])
def test_alpha_keeps_mean_and_variance(p) -> None:
    """On numbers of mean 0 and variance 1 alpha dropout keeps both; dropout's variance is 1 / (1 - p)."""
    torch.manual_seed(0)
    x = torch.randn(400_000, dtype=torch.float64)
    out = nn.AlphaDropout(p)(x)
    assert out.mean().item() == pytest.approx(0, abs=0.01)
    assert out.var().item() == pytest.approx(1, abs=0.01)
    assert nn.Dropout(p)(x).var().item() == pytest.approx(1 / (1 - p), rel=0.02)


def test_only_some_functions_drop_by_default() -> None:
    """F.dropout and its forms for channels drop unless told otherwise; the two forms of alpha dropout do not."""
    x = torch.ones(8, 16, 4, 4)
    dropping = {"dropout": x, "dropout1d": x[..., 0], "dropout2d": x, "dropout3d": x[..., None]}
    for name, given in dropping.items():
        assert not torch.equal(getattr(F, name)(given, 0.5), given)
        assert torch.equal(getattr(F, name)(given, 0.5, training=False), given)
    for name in ("alpha_dropout", "feature_alpha_dropout"):
        assert torch.equal(getattr(F, name)(x, 0.5), x)
        assert not torch.equal(getattr(F, name)(x, 0.5, training=True), x)


class Functional(nn.Module):
    """A linear layer behind a dropout that does not get the mode."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(F.dropout(x, 0.5))


def test_function_ignores_eval() -> None:
    """After eval() F.dropout without training= still drops; with training=self.training, or as a layer, it does not."""
    x = torch.randn(16, 8)
    model = Functional().eval()
    assert not torch.equal(model(x), model(x))
    layer = make_mlp([8, 8, 4]).eval()
    assert torch.equal(layer(x), layer(x))
    assert torch.equal(F.dropout(x, 0.5, training=layer.training), x)


def test_norm_keeps_a_variance_too_large() -> None:
    """Behind dropout of 0.5 a BN stores twice the variance that it meets in eval mode; in front, the right one.

    With a mean of 1 in place of 0 it stores (1 + 1) / 0.5 - 1 = 3 times the variance.
    """
    torch.manual_seed(0)
    x = torch.randn(20_000, 4)
    for order, expected in (
        ([nn.Dropout(0.5), nn.BatchNorm1d(4, momentum=1.0)], 2.0),
        ([nn.BatchNorm1d(4, momentum=1.0), nn.Dropout(0.5)], 1.0),
    ):
        model = nn.Sequential(*order)
        model(x)
        (norm,) = [module for module in model if isinstance(module, nn.BatchNorm1d)]
        assert norm.running_var is not None
        torch.testing.assert_close(norm.running_var, expected * x.var(dim=0), rtol=0.05, atol=0)
        out = nn.Sequential(*order).eval()(x)
        torch.testing.assert_close(out.var(dim=0), torch.full((4,), 1 / expected), rtol=0.05, atol=0)
    norm = nn.BatchNorm1d(4, momentum=1.0)
    norm(nn.Dropout(0.5)(x + 1))
    torch.testing.assert_close(norm.running_var, 3 * x.var(dim=0), rtol=0.05, atol=0)


def test_two_dimensions_on_three() -> None:
    """Dropout2d warns on (batch, channel, length) and drops whole channels; Dropout1d does so without a warning."""
    torch.manual_seed(0)
    with pytest.warns(UserWarning, match="Received a 3D input to dropout2d"):
        out = nn.Dropout2d(0.5)(torch.ones(8, 16, 5))
    assert torch.equal(out.amin(dim=2), out.amax(dim=2))
    with pytest.warns(UserWarning, match="Received a 2-D input to dropout2d"):
        nn.Dropout2d(0.5)(torch.ones(16, 5))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for shape in ((8, 16, 5), (16, 5)):  # the second is read as (channel, length)
            out = nn.Dropout1d(0.5)(torch.ones(shape))
            assert torch.equal(out.amin(dim=-1), out.amax(dim=-1))
            assert 0 < out.mean() < 2


@pytest.mark.parametrize("layer", [nn.LSTM, nn.GRU, nn.RNN])
def test_one_recurrent_layer_drops_nothing(layer) -> None:
    """dropout= of a recurrent network with one layer warns and does nothing; with two it drops between them."""
    x = torch.randn(4, 6, 8)
    with pytest.warns(UserWarning, match="non-zero dropout expects num_layers greater than 1"):
        one = layer(8, 8, dropout=0.5)
    assert torch.equal(one(x)[0], one(x)[0])
    two = layer(8, 8, num_layers=2, dropout=0.5)
    assert not torch.equal(two(x)[0], two(x)[0])


def test_rate_is_the_share_that_is_dropped() -> None:
    """p=0.9 drops 90% in each of the six layers; p outside of 0 to 1 is refused by each with torch's words."""
    torch.manual_seed(0)
    for layer, _, _, axes in LAYERS:
        x = 100 + torch.arange(float(40 * 50)).reshape(40, 50, *(1, 1, 1)[:axes])
        out = layer(0.9)(x)
        dropped = (out == out.min()).float().mean().item()
        assert dropped == pytest.approx(0.9, abs=0.03)
        with pytest.raises(ValueError, match=r"dropout probability has to be between 0 and 1, but got 1\.5"):
            layer(1.5)


def test_set_dropout() -> None:
    """It reaches each of the six classes at any depth, counts them, changes nothing else and refuses other numbers."""
    numbers = [nn.BatchNorm1d(4), nn.LSTM(4, 4, num_layers=2, dropout=0.7), nn.MultiheadAttention(4, 2, dropout=0.7)]
    layers = nn.ModuleList([*(c() for c in DROPOUTS), *numbers])
    model = nn.Sequential(make_mlp([8, 8, 8, 4]), nn.ModuleDict({"a": layers}))
    before = copy.deepcopy(model.state_dict())
    assert "1.a.6.running_var" in before
    assert set_dropout(model, 0.25) == 2 + 6
    assert {m.p for m in model.modules() if isinstance(m, DROPOUTS)} == {0.25}
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert [module.dropout for module in numbers[1:]] == [0.7, 0.7]  # numbers, not layers: they stay
    with pytest.raises(ValueError, match="p must be between 0 and 1, got -1"):
        set_dropout(model, -1)


def test_places_of_dropout() -> None:
    """A dropout follows each hidden activation and nothing follows the outputs, for three depths."""
    for sizes in ([8, 4], [8, 16, 4], [8, 16, 16, 4]):
        names = [type(module).__name__ for module in make_mlp(sizes)]
        assert names == ["Linear", "ReLU", "Dropout"] * (len(sizes) - 2) + ["Linear"]


def means(evidence, situation: str, part: str = "test") -> list[float]:
    """Mean accuracy over the seeds at each rate."""
    return [sum(seeds) / len(seeds) for seeds in evidence()[situation][part]]


def test_helps_against_wrong_labels(evidence) -> None:
    """With wrong labels 0.5 gains over three points in the mean of four seeds, and fewer training labels are fitted.

    At a third of the learning rate no dropout is over two points better than here, and 0.5 gains less than a point.
    """
    none, _, half = means(evidence, NOISY)
    assert half > none + 0.03
    assert means(evidence, NOISY, "train")[2] < means(evidence, NOISY, "train")[0] - 0.05
    data = load_digits()
    x, y = torch.tensor(data.data, dtype=torch.float32) / 16, torch.tensor(data.target)
    with learning_rate_times(1 / 3):
        slow_none, slow_half = (torch.tensor(train(p, *SITUATIONS[NOISY], x, y)[1]).mean().item() for p in (0.0, 0.5))
    assert slow_none > none + 0.02
    assert slow_half < slow_none + 0.01


def test_gains_nothing_on_right_labels(evidence) -> None:
    """With right labels 0.2 changes the mean by less than two points; 0.5 lowers it, by less than four."""
    none, fifth, half = means(evidence, CLEAN)
    assert abs(fifth - none) < 0.02
    assert none > half > none - 0.04


def test_hurts_a_small_network(evidence) -> None:
    """With 12 hidden units p=0.2 costs over 4 points in the mean and p=0.5 over 20; with 0.5 each seed loses."""
    none, fifth, half = means(evidence, SMALL)
    assert none - fifth > 0.04
    assert none - half > 0.2
    first, _, third = evidence()[SMALL]["test"]
    assert all(a > c for a, c in zip(first, third, strict=True))


def test_training_loss_is_measured_with_dropout() -> None:
    """The loss in training mode is above that of the same network on the same data in evaluation mode, at each p."""
    torch.manual_seed(0)
    x = torch.randn(200, 8)
    y = x[:, :4].argmax(dim=1)
    model = make_mlp([8, 64, 4], p=0.2)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2, fused=True)
    for _ in range(60):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optimizer.step()
    for p in (0.2, 0.5, 0.8):
        set_dropout(model, p)
        in_training = F.cross_entropy(model.train()(x.repeat(10, 1)), y.repeat(10))  # ten masks for each sample
        assert in_training > F.cross_entropy(model.eval()(x), y)
