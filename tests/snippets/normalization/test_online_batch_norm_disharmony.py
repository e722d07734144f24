"""Dropout and batch normalization: the shift in closed form, the diagnosis, and the claims of the page."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from snippets.normalization.online_batch_norm_disharmony.evidence import PLACES as SETTINGS
from snippets.normalization.online_batch_norm_disharmony.evidence import SEEDS, train
from snippets.normalization.online_batch_norm_disharmony.from_scratch import sum_shift, unit_shift
from snippets.normalization.online_batch_norm_disharmony.use import variance_shift
from tests.support import oracles  # noqa: F401 - before torchvision
from tests.support.rates import learning_rate_times

RATES = [0.1, 0.5, 0.8]
NONE, LAST = "none", "behind the last ReLU, 0.5"
PLACES = [f"{place}, {p}" for place in ("in front of each norm", "behind each ReLU") for p in ("0.3", "0.5")]


@pytest.mark.parametrize("p", RATES)
@pytest.mark.parametrize(("mean", "std"), [(0.0, 1.0), (1.0, 2.0), (3.0, 0.5)])
def test_unit(mean: float, std: float, p: float) -> None:
    """The closed form is what 200,000 draws through nn.Dropout and nn.BatchNorm1d give, in both modes.

    With mean 0 it is 1 - p, and any other mean makes it smaller.
    """
    torch.manual_seed(0)
    x = mean + std * torch.randn(200_000, 1, dtype=torch.float64)
    norm = nn.BatchNorm1d(1, momentum=1.0, affine=False).double()
    norm(nn.Dropout(p)(x))
    assert norm.running_var is not None
    expected = unit_shift(mean, std, p)
    assert (x.var() / norm.running_var).item() == pytest.approx(expected, rel=0.05)
    assert norm.eval()(x).var().item() == pytest.approx(expected, rel=0.05)
    assert unit_shift(0.0, std, p) == pytest.approx(1 - p)
    assert mean == 0 or expected < 1 - p


def moments(width: int, common: float) -> tuple[Tensor, Tensor]:
    """Mean 1 and a covariance with variance 1 and ``common`` between any two."""
    covariance = common * torch.ones(width, width) + (1 - common) * torch.eye(width)
    return torch.ones(width).double(), covariance.double()


@pytest.mark.parametrize("p", RATES)
@pytest.mark.parametrize("common", [0.0, 0.3])
def test_linear_layer_in_between(common: float, p: float) -> None:
    """The closed form of a weighted sum is what 60,000 draws give; below 1 for every weight that was tried."""
    torch.manual_seed(0)
    mean, covariance = moments(6, common)
    x = mean + torch.randn(60_000, 6, dtype=torch.float64) @ torch.linalg.cholesky(covariance).T
    dropped = nn.Dropout(p)(x)
    for weight in torch.randn(5, 6, dtype=torch.float64):
        expected = sum_shift(weight, mean, covariance, p).item()
        assert ((x @ weight).var() / (dropped @ weight).var()).item() == pytest.approx(expected, rel=0.05)
        assert expected < 1


def test_wide_layers_shift_less() -> None:
    """Correlated inputs with a mean weight: the ratio rises with 16, 64, 256 and 1,024 inputs, from 0.81 to over 0.99.

    Uncorrelated inputs with weights of random sign: it stays near 0.33 at each width.
    """
    torch.manual_seed(0)
    ratios, others = [], []
    for width in (16, 64, 256, 1024):
        mean, covariance = moments(width, 0.5)
        ratios.append(sum_shift(torch.full((width,), 1 / width).double(), mean, covariance, 0.5).item())
        mean, covariance = moments(width, 0.0)
        others.append(sum_shift(torch.randn(width, dtype=torch.float64), mean, covariance, 0.5).item())
    assert ratios == sorted(ratios)
    assert ratios[0] == pytest.approx(0.81, abs=0.005)
    assert ratios[-1] > 0.99
    assert others == pytest.approx([1 / 3] * 4, abs=0.02)


def block(place: str, p: float = 0.5) -> nn.Sequential:
    """Two layers with dropout in front of the first norm, between ReLU and the next layer, or behind the last norm."""
    torch.manual_seed(0)
    drop = {name: [nn.Dropout(p)] if name == place else [] for name in ("front", "between", "last")}
    first = [nn.Linear(32, 64), *drop["front"], nn.BatchNorm1d(64), nn.ReLU(), *drop["between"]]
    return nn.Sequential(*first, nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU(), *drop["last"], nn.Linear(64, 5))


def test_order_that_is_free() -> None:
    """Only behind the last normalization nothing shifts; in front of a norm by 2, behind a ReLU the next by 2.5."""
    x = torch.randn(512, 32)
    front, between, last = (list(variance_shift(block(place), x).values()) for place in ("front", "between", "last"))
    assert front[0] == pytest.approx(2.0, abs=0.1)
    assert between[0] == pytest.approx(1.0, abs=1e-5)
    assert between[1] == pytest.approx(2.5, abs=0.1)
    assert last == pytest.approx([1.0, 1.0], abs=1e-5)


class Residual(nn.Module):
    """A block of two linear layers with batch normalization, whose branch torchvision's stochastic depth drops."""

    def __init__(self, p: float) -> None:
        super().__init__()
        from torchvision.ops import StochasticDepth

        first = [nn.Linear(64, 64), nn.BatchNorm1d(64), nn.ReLU()]
        self.branch = nn.Sequential(*first, nn.Linear(64, 64), nn.BatchNorm1d(64), StochasticDepth(p, "row"))

    def forward(self, x: Tensor) -> Tensor:
        """(batch, 64)."""
        return torch.relu(x + self.branch(x))


@pytest.mark.parametrize(("p", "low", "high"), [(0.1, 1.05, 1.2), (0.5, 2.0, 2.5)])
def test_stochastic_depth_shifts_too(p: float, low: float, high: float) -> None:
    """Variance in front of each norm of six blocks over that with every branch kept: up to 1.2 and over 2."""
    torch.manual_seed(0)
    model, x = nn.Sequential(*(Residual(p) for _ in range(6))).train(), torch.randn(2048, 64)
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm1d)]
    seen: list[float] = []
    for norm in norms:
        norm.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].var(dim=0).mean().item()))
    with torch.no_grad():
        for _ in range(8):
            model(x)
        for block_ in model:
            block_.branch[-1].eval()
        model(x)
    *noisy, still = torch.tensor(seen).view(9, len(norms))
    assert low < (torch.stack(noisy).mean(dim=0) / still).max() < high


def test_diagnosis_changes_nothing() -> None:
    """Weights, buffers, modes, hooks and random state stay; convolutions work; without dropout every ratio is 1."""
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Dropout2d(0.3), nn.BatchNorm2d(8), nn.ReLU()).eval()
    before, state, x = copy.deepcopy(model.state_dict()), torch.get_rng_state(), torch.randn(64, 3, 8, 8)
    state = torch.get_rng_state()
    (ratio,) = variance_shift(model, x).values()
    assert ratio == pytest.approx(1 / 0.7, rel=0.15)
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not any(module.training or module._forward_pre_hooks for module in model.modules())
    assert list(variance_shift(block("none"), torch.randn(64, 32)).values()) == pytest.approx([1.0, 1.0], abs=1e-5)


def losses(evidence: Any, name: str) -> Tensor:
    """Test loss (seeds, 2): with statistics of training, and with those computed without dropout."""
    return torch.tensor(evidence()[name])[:, [0, 2]]


def test_last_place_is_harmless(evidence: Any) -> None:
    """Behind the last ReLU the mean loss is within 0.06 of none; in each of the other four places it is above none.

    At three times the learning rate it is above none, too.
    """
    none = losses(evidence, NONE)[:, 0].mean()
    assert (losses(evidence, LAST)[:, 0].mean() - none).abs() < 0.06
    for place in PLACES:
        assert losses(evidence, place)[:, 0].mean() > none
    data = load_digits()
    x, y = torch.tensor(data.data, dtype=torch.float32) / 16, torch.tensor(data.target)
    with learning_rate_times(3):
        fast = {name: [train(*SETTINGS[name], seed, x, y)[0] for seed in range(SEEDS)] for name in (NONE, LAST)}
    assert sum(fast[LAST]) > sum(fast[NONE])


def test_new_statistics_cure_the_shift(evidence: Any) -> None:
    """In front of each norm new statistics lower the mean loss by over a tenth, at both rates.

    What is left is still above none: too much dropout, not the shift.
    """
    none = losses(evidence, NONE)[:, 0].mean()
    for p in ("0.3", "0.5"):
        old, new = losses(evidence, f"in front of each norm, {p}").mean(dim=0)
        assert none < new < 0.9 * old


def test_behind_relu_shifts_less(evidence: Any) -> None:
    """Behind each ReLU new statistics lower the mean loss by under a quarter, and by less in the mean of both rates."""
    left = {}
    for place in ("in front of each norm", "behind each ReLU"):
        means = [losses(evidence, f"{place}, {p}").mean(dim=0) for p in ("0.3", "0.5")]
        left[place] = [(new / old).item() for old, new in means]
    assert min(left["behind each ReLU"]) > 0.75
    assert sum(left["behind each ReLU"]) > sum(left["in front of each norm"])
