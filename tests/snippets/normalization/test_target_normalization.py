"""Target normalization: what scale and mean do to a regression, in closed form, and the claims of its page."""

from __future__ import annotations

import copy
import math
from typing import Any

import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional as F

from snippets.normalization.target_normalization.evidence import train
from snippets.normalization.target_normalization.from_scratch import fold_, rescale_, standardize
from snippets.normalization.target_normalization.use import StandardizedRegressor
from tests.support.rates import learning_rate_times

UNITS = [(0.0, 1.0), (10.0, 1.0), (1000.0, 100.0), (-3.0, 1e-4)]


def problem(mean: float = 0.0, std: float = 1.0, targets: int = 2) -> tuple[Tensor, Tensor]:
    """Inputs (200, 5) and targets (200, targets) of a mean and a scale."""
    torch.manual_seed(0)
    x = torch.randn(200, 5, dtype=torch.float64)
    z = torch.tanh(x @ torch.randn(5, targets, dtype=torch.float64)) + 0.1 * torch.randn(200, targets).double()
    return x, mean + std * z


def network(targets: int = 2) -> nn.Sequential:
    """Small and in float64."""
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(5, 16), nn.Tanh(), nn.Linear(16, targets)).double()


@pytest.mark.parametrize(("mean", "std"), UNITS)
def test_training_does_not_see_the_unit(mean: float, std: float) -> None:
    """With standardized targets 50 steps of Adam and of SGD give the same weights in four units, and the same R^2."""
    for optimizer_class in (torch.optim.Adam, torch.optim.SGD):
        found = []
        for unit in ((0.0, 1.0), (mean, std)):
            x, y = problem(*unit)
            model = StandardizedRegressor(network(), y)
            optimizer = optimizer_class(model.parameters(), lr=0.01)
            for _ in range(50):
                optimizer.zero_grad()
                model.loss(x, y).backward()
                optimizer.step()
            error = (model(x) - y).square().mean(dim=0) / y.var(dim=0)
            found.append([*(p.detach() for p in model.network.parameters()), error.detach()])
        for a, b in zip(*found, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize(("mean", "std"), UNITS)
def test_least_squares_does_not_care(mean: float, std: float) -> None:
    """Least squares with an intercept, solved exactly, predicts the same with raw and with standardized targets."""
    x, y = problem(mean, std)
    design = torch.cat([x, torch.ones(200, 1).double()], dim=1)
    z, centre, scale = standardize(y)
    raw = design @ torch.linalg.lstsq(design, y).solution
    undone = design @ torch.linalg.lstsq(design, z).solution * scale + centre
    torch.testing.assert_close(raw, undone, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(("mean", "std"), UNITS)
def test_equals_torch(mean: float, std: float) -> None:
    """Standardizing by hand equals torch's mean and std; folding into the last layer equals undoing it afterwards."""
    x, y = problem(mean, std)
    z, centre, scale = standardize(y)
    torch.testing.assert_close(z, (y - y.mean(dim=0)) / y.std(dim=0), rtol=1e-8, atol=1e-8)
    model = StandardizedRegressor(network(), y)
    expected = model(x)
    fold_(model.network[2], centre, scale)
    torch.testing.assert_close(model.network(x), expected, rtol=1e-9, atol=1e-12)


def test_rescaling_keeps_predictions() -> None:
    """Going over to other statistics keeps predictions in units, through ten random changes in a row."""
    y = problem(1000.0, 100.0)[1]
    layer, hidden = network()[2], torch.randn(20, 16, dtype=torch.float64)
    old = (y.mean(dim=0), y.std(dim=0))
    expected = layer(hidden) * old[1] + old[0]
    for _ in range(10):
        new = (old[0] + 300 * torch.randn(2).double(), old[1] * torch.rand(2).double().mul(5).exp())
        rescale_(layer, old, new)
        torch.testing.assert_close(layer(hidden) * new[1] + new[0], expected, rtol=1e-8, atol=1e-6)
        old = new


@pytest.mark.parametrize(("mean", "std"), UNITS)
def test_errors_in_units(mean: float, std: float) -> None:
    """MSE in units is std^2 times the standardized one, MAE std times; predicting the mean gets 1 (as n - 1 over n)."""
    x, y = problem(mean, std, targets=1)
    model = StandardizedRegressor(network(1), y)
    scale = y.std().item()
    z = (y - y.mean()) / y.std()
    torch.testing.assert_close(F.mse_loss(model(x), y), scale**2 * model.loss(x, y), rtol=1e-6, atol=0)
    absolute = (model.network(x) - z).abs().mean()
    torch.testing.assert_close((model(x) - y).abs().mean(), scale * absolute, rtol=1e-6, atol=0)
    assert z.square().mean().item() == pytest.approx(199 / 200)


def test_large_target_drowns_a_small_one() -> None:
    """Two targets with scales 100 and 1: the raw loss is over 99.9% the first's, the standardized one is shared."""
    x, y = problem()
    y = y * torch.tensor([100.0, 1.0], dtype=torch.float64)
    model = network()
    raw = (model(x) - y).square().mean(dim=0)
    assert (raw[0] / raw.sum()).item() > 0.999
    z, _, _ = standardize(y)
    shared = (model(x) - z).square().mean(dim=0)
    assert 0.3 < (shared[0] / shared.sum()).item() < 0.7


@pytest.mark.parametrize("sigma", [0.3, 1.0])
def test_log_predicts_the_median(sigma: float) -> None:
    """exp of the mean of logs is the median of a log-normal, and short of its mean by exp(sigma^2 / 2)."""
    torch.manual_seed(0)
    y = (2 + sigma * torch.randn(400_000, dtype=torch.float64)).exp()
    back = y.log().mean().exp().item()
    assert back == pytest.approx(y.median().item(), rel=0.01)
    assert y.mean().item() / back == pytest.approx(math.exp(sigma**2 / 2), rel=0.02)


def test_refuses_what_goes_wrong() -> None:
    """A constant target and a shape that would broadcast are refused; statistics travel with the state dict."""
    x, y = problem()
    with pytest.raises(ValueError, match="a target is the same for all samples"):
        StandardizedRegressor(network(), torch.ones(200, 2))
    model = StandardizedRegressor(network(1), y[:, :1])
    with pytest.raises(ValueError, match=r"outputs \(200, 1\) and targets \(200,\) differ in shape"):
        model.loss(x, y[:, 0])
    other = StandardizedRegressor(network(1), 5 * y[:, 1:])
    other.load_state_dict(copy.deepcopy(model.state_dict()))
    assert torch.equal(other(x), model(x))


def scores(evidence: Any, name: str) -> Tensor:
    """Explained variance (units, seeds)."""
    return torch.tensor(evidence()[name])


def test_raw_targets_fail(evidence: Any) -> None:
    """Adam: over 0.97 at mean 0, under 0.1 at mean 10 and below 0 at mean 1,000. Standardized over 0.97 in each unit.

    SGD at mean 1,000 and std 100 is below -9, and standardized as good as with raw targets of mean 0 and std 1.
    """
    raw, standardized = scores(evidence, "Adam, raw"), scores(evidence, "Adam, standardized")
    assert raw[0].min() > 0.97
    assert raw[1].max() < 0.1
    assert raw[1].mean() > -0.2  # the mean of the predictions is off by at most a deviation: 1 of 10
    assert raw[2].max() < 0
    assert standardized.min() > 0.97
    raw, standardized = scores(evidence, "SGD, raw"), scores(evidence, "SGD, standardized")
    assert raw[2].max() < -9
    assert (standardized[0] - raw[0]).abs().max() < 0.02


def test_bias_repairs_the_mean(evidence: Any) -> None:
    """Adam, mean as first bias: as good as standardized at mean 10, and 0.01 to 0.07 short at a scale of 100.

    At ten times the learning rate it is not short there.
    """
    bias, standardized = (scores(evidence, f"Adam, {way}") for way in ("mean as first bias", "standardized"))
    assert (bias[1] - standardized[1]).abs().max() < 0.01
    short = standardized[2] - bias[2]
    assert 0.01 < short.mean() < 0.07
    images = torch.tensor(load_digits().images, dtype=torch.float32) / 16
    height = (images.sum(dim=2) * torch.arange(8.0)).sum(dim=1) / images.sum(dim=(1, 2))
    z = (height - height.mean()) / height.std()
    with learning_rate_times(10):
        biased, scaled = (
            sum(train("Adam", 1000.0, 100.0, way, seed, images.flatten(1), z) for seed in range(2)) / 2
            for way in ("mean as first bias", "standardized")
        )
    assert biased > scaled - 0.01
