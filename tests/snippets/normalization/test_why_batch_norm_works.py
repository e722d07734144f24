"""Why batch normalization works: what follows from scale invariance, in closed form, and the claims of the page."""

from __future__ import annotations

import copy
import math
from typing import Any

import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional as F

from snippets.normalization.why_batch_norm_works import evidence as evidence_module
from snippets.normalization.why_batch_norm_works.evidence import RATES
from snippets.normalization.why_batch_norm_works.use import weights_without_scale

DEFAULT, KAIMING, NORM, NOISE = "torch's default", "Kaiming", "batch norm", "batch norm, then noise"


def normalized(axes: int) -> tuple[nn.Sequential, Tensor, Tensor]:
    """A linear layer or convolution, its normalization with next to no eps, a ReLU, a head; a batch and its labels."""
    torch.manual_seed(0)
    layer = [nn.Linear, nn.Conv1d, nn.Conv2d][axes]
    first = layer(5, 6, *(3,) * min(axes, 1))
    norm = [nn.BatchNorm1d, nn.BatchNorm1d, nn.BatchNorm2d][axes](6, eps=1e-14)
    model = nn.Sequential(first, norm, nn.ReLU(), nn.Flatten(), nn.LazyLinear(3)).double()
    x = torch.randn(32, 5, *(4,) * axes, dtype=torch.float64)
    model(x)
    return model, x, torch.randint(3, (32,))


def gradient(model: nn.Sequential, x: Tensor, y: Tensor) -> Tensor:
    """Of the cross-entropy, with respect to the first weight."""
    (grad,) = torch.autograd.grad(F.cross_entropy(model(x), y), [model[0].weight])
    return grad


@pytest.mark.parametrize("factor", [0.1, 3.0, 100.0])
@pytest.mark.parametrize("axes", [0, 1, 2])
def test_scale_does_not_count(axes: int, factor: float) -> None:
    """f(a w) = f(w), and the gradient at a w is 1 / a times that at w: linear layers, 1-D and 2-D convolutions."""
    model, x, y = normalized(axes)
    out, grad = model(x), gradient(model, x, y)
    with torch.no_grad():
        model[0].weight.mul_(factor)
    torch.testing.assert_close(model(x), out, rtol=1e-8, atol=1e-8)
    torch.testing.assert_close(gradient(model, x, y), grad / factor, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("axes", [0, 1, 2])
def test_gradient_is_orthogonal(axes: int) -> None:
    """For each unit the gradient is orthogonal to its weights, so a step of SGD makes them longer, by Pythagoras."""
    model, x, y = normalized(axes)
    weight, grad = model[0].weight.detach().flatten(1), gradient(model, x, y).flatten(1)
    assert ((weight * grad).sum(dim=1) / (weight.norm(dim=1) * grad.norm(dim=1))).abs().max() < 1e-8
    after = weight - 0.5 * grad
    expected = weight.square().sum(dim=1) + 0.25 * grad.square().sum(dim=1)
    torch.testing.assert_close(after.square().sum(dim=1), expected, rtol=1e-10, atol=0)


@pytest.mark.parametrize("factor", [0.5, 4.0])
def test_effective_learning_rate(factor: float) -> None:
    """Weights a times as long with a learning rate a^2 times as large: the same network after each of 20 steps.

    All other parameters train, too, at the same learning rate in both.
    """
    model, x, y = normalized(0)
    other = copy.deepcopy(model)
    with torch.no_grad():
        other[0].weight.mul_(factor)
    for _ in range(20):
        for m, lr in ((model, 0.1), (other, 0.1 * factor**2)):
            m.zero_grad()
            F.cross_entropy(m(x), y).backward()
            with torch.no_grad():
                for name, parameter in m.named_parameters():
                    parameter.sub_((lr if name == "0.weight" else 0.1) * parameter.grad)
        torch.testing.assert_close(other(x), model(x), rtol=1e-7, atol=1e-7)
    torch.testing.assert_close(other[0].weight, factor * model[0].weight, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("optimizer_class", [torch.optim.SGD, torch.optim.AdamW])
def test_decay_alone_changes_no_output(optimizer_class: type) -> None:
    """100 steps of decay without gradient take over a tenth off the weights and leave the outputs as they are."""
    model, x, _ = normalized(2)
    out, norm = model(x), model[0].weight.norm().item()
    optimizer = optimizer_class([model[0].weight], lr=0.02, weight_decay=0.1)
    for _ in range(100):
        model[0].weight.grad = torch.zeros_like(model[0].weight)
        optimizer.step()
    assert model[0].weight.norm().item() < 0.9 * norm
    torch.testing.assert_close(model(x), out, rtol=1e-8, atol=1e-8)


def test_bias_in_front_does_nothing() -> None:
    """A bias in front of the normalization changes no output in training mode and gets no gradient, in three layers."""
    for axes in (0, 1, 2):
        model, x, y = normalized(axes)
        out = model(x)
        with torch.no_grad():
            model[0].bias.add_(5 * torch.randn(6, dtype=torch.float64))
        torch.testing.assert_close(model(x), out, rtol=1e-8, atol=1e-8)
        F.cross_entropy(model(x), y).backward()
        assert model[0].bias.grad is not None
        assert model[0].bias.grad.abs().max() < 1e-10
        assert model[0].weight.grad.abs().max() > 1e-3


def test_tool_finds_them() -> None:
    """Weights in front of a batch norm, or of a layer norm without bias, are found, others not; the model stays."""
    torch.manual_seed(0)
    for norm, bias, is_found in [
        (nn.BatchNorm1d, True, True),
        (nn.LayerNorm, False, True),
        (nn.LayerNorm, True, False),
    ]:
        first = [nn.Linear(8, 16, bias=bias), norm(16), nn.ReLU()]
        model = nn.Sequential(*first, nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 3)).eval()
        before, x = copy.deepcopy(model.state_dict()), torch.randn(64, 8)
        found = weights_without_scale(model, x)
        assert list(found) == (["0.weight"] if is_found else [])
        expected = 1 / model[0].weight.square().sum(dim=1).mean().item()
        assert not found or found["0.weight"] == pytest.approx(expected, rel=1e-5)
        assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
        assert not model.training


def losses(evidence: Any, kind: str) -> Tensor:
    """Training loss (rates, seeds)."""
    return torch.tensor(evidence()[kind])[:, :, 0]


def moved(evidence: Any, kind: str) -> Tensor:
    """How far the last layer's mean input moves in a step (rates, seeds)."""
    return torch.tensor(evidence()[kind])[:, :, 1]


def test_noise_still_trains(evidence: Any) -> None:
    """With noise inputs move more than without normalization, at 0.01 and 0.1, and over 10 times as far as with.

    Its mean loss is below both networks without normalization at each of the three rates.
    """
    for other in (DEFAULT, KAIMING):
        assert (moved(evidence, NOISE)[:2] > moved(evidence, other)[:2]).all()
        assert (losses(evidence, NOISE).mean(dim=1) < losses(evidence, other).mean(dim=1)).all()
    assert (moved(evidence, NOISE) > 10 * moved(evidence, NORM)).all()


def test_range_of_rates(evidence: Any) -> None:
    """Mean losses. Batch normalization: under 0.5 at 0.1 and 1. Kaiming: between 0.5 and 2 at 0.1, above 1.8 elsewhere.

    torch's default initialization stays above 1.8 at each of the three.
    """
    assert RATES == [0.01, 0.1, 1.0]
    assert losses(evidence, NORM)[1:].mean(dim=1).max() < 0.5
    kaiming = losses(evidence, KAIMING).mean(dim=1)
    assert 0.5 < kaiming[1] < 2
    assert kaiming[[0, 2]].min() > 1.8
    assert losses(evidence, DEFAULT).mean(dim=1).min() > 1.8


@pytest.mark.parametrize("seed", range(2))
def test_long_weights_learn_slowly(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hidden weights ten times as long: the loss at 0.1 is over five times as high, below guessing, and low at 1."""
    digits = load_digits()
    x, y = torch.tensor(digits.data, dtype=torch.float32) / 16, torch.tensor(digits.target)
    usual, _ = evidence_module.train(NORM, 0.1, seed, x, y)
    original = evidence_module.network

    def longer(kind: str) -> nn.Sequential:
        """The same network, its hidden weights times ten."""
        model = original(kind)
        with torch.no_grad():
            for layer in model[:-1]:
                if isinstance(layer, nn.Linear):
                    layer.weight.mul_(10)
        return model

    monkeypatch.setattr(evidence_module, "network", longer)
    slow, _ = evidence_module.train(NORM, 0.1, seed, x, y)
    fast, _ = evidence_module.train(NORM, 1.0, seed, x, y)
    assert 5 * usual < slow < 0.8 * math.log(10)
    assert fast < 0.5


def test_noise_costs(evidence: Any) -> None:
    """The noise is not free: at each rate the mean loss is above that of batch normalization alone."""
    assert (losses(evidence, NOISE).mean(dim=1) > losses(evidence, NORM).mean(dim=1)).all()
