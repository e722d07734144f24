"""gradient-norm-monitoring: equal to torch, closed forms of the ratio, and the claims of its page."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable

import pytest
import torch
from torch import nn

from snippets.diagnostics.gradient_norm_monitoring.from_scratch import total_norm, update_ratio
from snippets.diagnostics.gradient_norm_monitoring.use import gradient_norm, step_with_ratios

OPTIMIZERS: dict[str, Callable[[nn.Module], torch.optim.Optimizer]] = {
    "SGD": lambda model: torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9),
    "Adam": lambda model: torch.optim.Adam(model.parameters(), lr=1e-3),
    "AdamW": lambda model: torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.1),
}


def trained(reduction: str = "mean", n: int = 32) -> nn.Module:
    """A model with gradients of one batch of n; the third layer is frozen."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 5))
    model[2].requires_grad_(False)
    x, y = torch.randn(n, 64), torch.randint(5, (n,))
    nn.functional.cross_entropy(model(x), y, reduction=reduction).backward()
    return model


@pytest.mark.parametrize("p", [1.0, 2.0, 3.0, math.inf])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_equals_torch(p: float, dtype: torch.dtype) -> None:
    """The norm of get_total_norm for p = 1, 2, 3, inf, and what clip_grad_norm_ returns; rounding of sums only."""
    model = trained().to(dtype)
    gradients = [w.grad for w in model.parameters() if w.grad is not None]
    tolerance = 1e-5 if dtype == torch.float32 else 1e-12
    ours = total_norm(gradients, p).item()
    assert ours == pytest.approx(torch.nn.utils.get_total_norm(gradients, p).item(), rel=tolerance)
    assert ours == pytest.approx(torch.nn.utils.clip_grad_norm_(model.parameters(), 1e9, p).item(), rel=tolerance)
    assert ours == pytest.approx(torch.cat([g.flatten() for g in gradients]).norm(p).item(), rel=tolerance)
    assert total_norm([]) == torch.nn.utils.get_total_norm([]) == 0


def test_use_equals_from_scratch() -> None:
    """gradient_norm is the 2-norm of what has a gradient, be it sparse or not."""
    model = trained()
    gradients = [w.grad for w in model.parameters() if w.grad is not None]
    assert gradient_norm(model.parameters()) == pytest.approx(total_norm(gradients).item(), rel=1e-5)
    norms = []
    for sparse in (True, False):
        torch.manual_seed(0)
        embedding = nn.Embedding(10, 4, sparse=sparse)
        embedding(torch.tensor([3, 3, 5])).square().sum().backward()
        norms.append(gradient_norm(embedding.parameters()))
    assert norms[0] == pytest.approx(norms[1])


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_step_is_the_same(name: str) -> None:
    """Weights after step_with_ratios are those after optimizer.step(), and the ratios are those of the weights."""
    model = trained()
    other = trained()
    before = trained()
    ratios = step_with_ratios(model, OPTIMIZERS[name](model))
    OPTIMIZERS[name](other).step()
    for (key, ours), theirs, old in zip(model.named_parameters(), other.parameters(), before.parameters(), strict=True):
        assert torch.equal(ours, theirs)
        assert ratios[key] == pytest.approx(update_ratio(old, ours).item(), rel=1e-5)
    assert ratios["2.weight"] == 0


@pytest.mark.parametrize("lr", [1e-3, 0.1, 2.0])
def test_ratio_of_sgd(lr: float) -> None:
    """Plain SGD: learning rate times norm of the gradient over norm of the weight."""
    model = trained().double()
    expected = {
        key: lr * (w.grad.norm() / w.norm()).item() for key, w in model.named_parameters() if w.grad is not None
    }
    ratios = step_with_ratios(model, torch.optim.SGD(model.parameters(), lr=lr))
    assert {key: ratios[key] for key in expected} == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3])
def test_ratio_of_adam(size: float) -> None:
    """In Adam's first step lr / rms(w), whatever the gradient's size; 0.014 for nn.Linear(64, ...) and lr 0.001."""
    torch.manual_seed(0)
    layer = nn.Linear(64, 256, bias=False)
    layer.weight.grad = size * torch.randn_like(layer.weight).sign()
    expected = 1e-3 / layer.weight.square().mean().sqrt().item()
    ratio = step_with_ratios(layer, torch.optim.Adam(layer.parameters(), lr=1e-3))["weight"]
    assert ratio == pytest.approx(expected, rel=1e-3)  # eps against the smallest gradient: 1e-5; float32
    assert ratio == pytest.approx(0.014, abs=5e-4)
    assert 1e-3 * math.sqrt(3 * 64) == pytest.approx(0.014, abs=5e-4)  # uniform on ±1/sqrt(64)


@pytest.mark.parametrize("n", [16, 64])
def test_sum_multiplies_the_norm(n: int) -> None:
    """A summed loss has n times the norm of a mean, and Adam's ratio stays."""
    mean, total = trained("mean", n), trained("sum", n)
    assert gradient_norm(total.parameters()) == pytest.approx(n * gradient_norm(mean.parameters()), rel=1e-4)
    ratios = [step_with_ratios(m, torch.optim.Adam(m.parameters()))["4.weight"] for m in (mean, total)]
    assert ratios[0] == pytest.approx(ratios[1], rel=1e-3)


def test_best_ratio(evidence) -> None:
    """The ratio grows with the learning rate for both; the best learning rate of each has 0.01 to 0.3."""
    assert set(evidence()) == {"SGD", "Adam"}
    for rows in evidence().values():
        assert len(rows["lr"]) == 6
        assert all(a < b for a, b in itertools.pairwise(rows["ratio"]))
        best = rows["accuracy"].index(max(rows["accuracy"]))
        assert 0.01 < rows["ratio"][best] < 0.3
        for ratio, accuracy in zip(rows["ratio"], rows["accuracy"], strict=True):
            assert accuracy < 0.25 or 1e-3 < ratio < 0.9
            assert accuracy > 0.9 or not 0.02 < ratio < 0.25


def test_one_ratio_two_results(evidence) -> None:
    """At ratios that differ by less than 0.02, near 0.3, Adam is above 0.9 and SGD below 0.25."""
    at = {name: min(range(6), key=lambda i: abs(rows["ratio"][i] - 0.3)) for name, rows in evidence().items()}
    ratios = {name: rows["ratio"][at[name]] for name, rows in evidence().items()}
    assert ratios["Adam"] == pytest.approx(ratios["SGD"], abs=0.02) == pytest.approx(0.3, abs=0.02)
    assert evidence()["Adam"]["accuracy"][at["Adam"]] > 0.9
    assert evidence()["SGD"]["accuracy"][at["SGD"]] < 0.25


def test_norm_says_less(evidence) -> None:
    """From the lowest learning rate to one 100 times higher the norm changes by less than 5%."""
    for rows in evidence().values():
        assert rows["lr"][2] / rows["lr"][0] == pytest.approx(100)
        assert rows["norm"][2] == pytest.approx(rows["norm"][0], rel=0.05)


def test_clip_returns_the_norm_before() -> None:
    """clip_grad_norm_ returns the norm before; measured afterwards it is the limit."""
    model = trained("sum")
    before = gradient_norm(model.parameters())
    assert before > 2
    assert torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0).item() == pytest.approx(before, rel=1e-5)
    assert gradient_norm(model.parameters()) == pytest.approx(1.0, rel=1e-4)


def test_unscale_first() -> None:
    """GradScaler's scale starts at 65,536 and multiplies the norm; unscale_ undoes it."""
    model = trained()
    right = gradient_norm(model.parameters())
    scaler = torch.amp.GradScaler("cpu")
    assert scaler.get_scale() == 65536
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for p in model.parameters():
        p.grad = None if p.grad is None else scaler.scale(p.grad)
    assert gradient_norm(model.parameters()) == pytest.approx(65536 * right, rel=1e-4)
    scaler.unscale_(optimizer)
    assert gradient_norm(model.parameters()) == pytest.approx(right, rel=1e-4)


def test_zeros_are_left_out() -> None:
    """A parameter that is all 0 before the step has no ratio; one with a single other number has."""
    model = trained()
    with torch.no_grad():
        model[0].bias.zero_()
        model[4].bias.zero_()[0] = 1.0
    ratios = step_with_ratios(model, torch.optim.Adam(model.parameters()))
    assert "0.bias" not in ratios
    assert {"0.weight", "4.weight", "4.bias"} <= set(ratios)
    assert all(math.isfinite(ratio) for ratio in ratios.values())
