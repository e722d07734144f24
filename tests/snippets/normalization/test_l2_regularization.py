"""L2 regularization: step by step against torch, ridge in closed form, and the claims of its page."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from snippets.normalization.l2_regularization.evidence import DECAYS
from snippets.normalization.l2_regularization.from_scratch import penalty, ridge, step_
from snippets.normalization.l2_regularization.use import l2_penalty, sgd_with_decay

FEW, MANY = "150 images, a fifth of the labels random", "1,400 images, labels right"


def weights(seed: int = 0) -> list[nn.Parameter]:
    """Two matrices, the same at each call."""
    generator = torch.Generator().manual_seed(seed)
    return [nn.Parameter(torch.randn(s, dtype=torch.float64, generator=generator)) for s in [(4, 3), (3, 2)]]


def loss_of(given: list[nn.Parameter], step: int) -> Tensor:
    """A loss of a two-layer network on a batch drawn from the step's number."""
    generator = torch.Generator().manual_seed(100 + step)
    x, y = (torch.randn(8, size, dtype=torch.float64, generator=generator) for size in (4, 2))
    return (torch.tanh(x @ given[0]) @ given[1] - y).square().mean()


def trained(make: Callable[[list[nn.Parameter]], torch.optim.Optimizer], decay_in_loss: float = 0.0) -> Tensor:
    """All weights after 60 steps, with or without a penalty in the loss."""
    given = weights()
    optimizer = make(given)
    for step in range(60):
        optimizer.zero_grad()
        (loss_of(given, step) + penalty(given, decay_in_loss)).backward()
        optimizer.step()
    return nn.utils.parameters_to_vector(given).detach()


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("weight_decay", [0.0, 0.01, 0.5])
def test_equals_torch(momentum: float, weight_decay: float) -> None:
    """The step equals torch.optim.SGD's over 60 noisy steps: three momenta, three decays."""
    given = weights()
    velocities = [torch.zeros_like(w) for w in given]
    for step in range(60):
        for w in given:
            w.grad = None
        loss_of(given, step).backward()
        step_(given, velocities, 0.05, momentum, weight_decay)
    theirs = trained(lambda p: torch.optim.SGD(p, lr=0.05, momentum=momentum, weight_decay=weight_decay))
    assert torch.allclose(nn.utils.parameters_to_vector(given), theirs, rtol=1e-12, atol=1e-12)


COUPLED = ["SGD", "Adam", "NAdam", "RAdam", "Adamax", "RMSprop", "Adagrad", "Adadelta"]
DECOUPLED = ["AdamW", "Muon", "Adafactor"]


@pytest.mark.parametrize("name", COUPLED + DECOUPLED)
def test_penalty_in_the_loss(name: str) -> None:
    """weight_decay is the penalty in the loss for eight optimizers of torch, and something else for three."""
    kind = getattr(torch.optim, name)
    setting = trained(lambda p: kind(p, lr=0.01, weight_decay=0.3))
    in_loss = trained(lambda p: kind(p, lr=0.01, weight_decay=0.0), decay_in_loss=0.3)
    without = trained(lambda p: kind(p, lr=0.01, weight_decay=0.0))
    assert (setting - without).abs().max() > 1e-5  # the decay does something
    same = torch.allclose(setting, in_loss, rtol=1e-9, atol=1e-12)
    assert same == (name in COUPLED)


@pytest.mark.parametrize("weight_decay", [0.01, 0.3, 10.0])
def test_ridge_shrinks_each_direction(weight_decay: float) -> None:
    """Each direction of the least-squares solution is multiplied by s^2 / (s^2 + n lambda); also if columns repeat."""
    torch.manual_seed(0)
    x = torch.randn(30, 6, dtype=torch.float64) * torch.tensor([3.0, 2, 1, 1, 0.3, 0.1])
    y = torch.randn(30, dtype=torch.float64)
    _, s, v = torch.linalg.svd(x, full_matrices=False)
    least_squares = v @ torch.linalg.lstsq(x, y).solution  # coefficients along the directions
    shrunk = v @ ridge(x, y, weight_decay)
    assert torch.allclose(shrunk, least_squares * s**2 / (s**2 + 30 * weight_decay), rtol=1e-8)
    w = ridge(x, y, weight_decay).requires_grad_()
    loss = (x @ w - y).square().mean() / 2 + penalty([w], weight_decay)
    assert torch.autograd.grad(loss, w)[0].abs().max() < 1e-12  # the minimum of what the text says
    twice = torch.cat([x, x[:, :1]], dim=1)
    both = ridge(twice, y, weight_decay)
    assert both[0].item() == pytest.approx(both[-1].item())  # two equal inputs share the weight


@pytest.mark.parametrize("weight_decay", [0.01, 0.3, 10.0])
def test_twice_the_samples_shrink_alike(weight_decay: float) -> None:
    """Ridge with each sample given twice has the same weights; the singular values' squares double."""
    torch.manual_seed(0)
    x, y = torch.randn(30, 6, dtype=torch.float64), torch.randn(30, dtype=torch.float64)
    twice = torch.cat([x, x])
    assert torch.allclose(torch.linalg.svdvals(twice).square(), 2 * torch.linalg.svdvals(x).square())
    assert torch.allclose(ridge(twice, torch.cat([y, y]), weight_decay), ridge(x, y, weight_decay))


def test_sum_needs_both_settings() -> None:
    """With the sum over 8 samples, 8 times the decay and an eighth of the learning rate give the steps of the mean."""

    def after(factor: float, decay: float, lr: float) -> Tensor:
        given = weights()
        optimizer = torch.optim.SGD(given, lr=lr, momentum=0.9, weight_decay=decay)
        for step in range(60):
            optimizer.zero_grad()
            (factor * loss_of(given, step)).backward()
            optimizer.step()
        return nn.utils.parameters_to_vector(given).detach()

    mean = after(1, 0.1, 0.05)
    assert torch.allclose(after(8, 0.8, 0.05 / 8), mean, rtol=1e-9)
    assert not torch.allclose(after(8, 0.8, 0.05), mean, rtol=0.01)
    assert not torch.allclose(after(8, 0.1, 0.05 / 8), mean, rtol=0.01)


def left(momentum: float, steps: int, lr: float = 0.01, weight_decay: float = 0.01) -> float:
    """What is left of a weight of 1 without a gradient of the loss."""
    w = nn.Parameter(torch.ones(1, dtype=torch.float64))
    optimizer = torch.optim.SGD([w], lr=lr, momentum=momentum, weight_decay=weight_decay)
    for _ in range(steps):
        w.grad = torch.zeros_like(w)
        optimizer.step()
    return w.item()


def test_momentum_multiplies_the_decay() -> None:
    """Without a gradient a weight shrinks by 1 - lr * decay a step, and ten times as fast with momentum 0.9."""
    plain, heavy = left(0.0, 2000), left(0.9, 2000)
    assert plain == pytest.approx((1 - 1e-4) ** 2000)
    assert math.log(heavy) / math.log(plain) == pytest.approx(10, rel=0.02)  # the first steps are slower


def normalized(kind: str) -> nn.Module:
    """A normalization of 6 outputs, whose eps is too small to matter."""
    layers = {
        "batch": nn.BatchNorm1d(6, eps=1e-12),
        "layer": nn.LayerNorm(6, eps=1e-12),
        "group": nn.GroupNorm(2, 6, eps=1e-12),
    }
    return layers[kind].double()


@pytest.mark.parametrize("factor", [0.5, 2.0, 10.0])
@pytest.mark.parametrize("kind", ["batch", "layer", "group"])
def test_before_a_norm_only_the_rate_changes(kind: str, factor: float) -> None:
    """Before a norm, weights times a give the same output, and a step of SGD turns them 1 / a^2 times as far."""
    torch.manual_seed(0)
    norm = normalized(kind)
    x, y = torch.randn(16, 5, dtype=torch.float64), torch.randn(16, 6, dtype=torch.float64)
    base = torch.randn(6, 5, dtype=torch.float64)

    def output_and_turn(w: Tensor) -> tuple[Tensor, float]:
        w = w.clone().requires_grad_()
        output = norm(x @ w.T)
        (gradient,) = torch.autograd.grad((output - y).square().mean(), w)
        return output.detach(), (0.1 * gradient.norm() / w.norm()).item()  # step of SGD, relative to the weights

    (one, turn), (scaled, turn_scaled) = output_and_turn(base), output_and_turn(factor * base)
    assert torch.allclose(one, scaled, rtol=1e-8, atol=1e-9)
    assert turn_scaled == pytest.approx(turn / factor**2, rel=1e-5)


def test_few_wrong_labels(evidence) -> None:
    """With few images and wrong labels a decay of 0.01 is over a point better than none, in the mean of three seeds."""
    means = torch.tensor(evidence()[FEW]["accuracy"]).mean(dim=0)
    assert means[DECAYS.index(0.01)] > means[0] + 0.01


def test_many_right_labels(evidence) -> None:
    """With many right labels no decay gains more than half a point over none, and 0.03 costs over half of one."""
    means = torch.tensor(evidence()[MANY]["accuracy"]).mean(dim=0)
    assert means.max() - means[0] < 0.005
    assert means[0] - means[DECAYS.index(0.03)] > 0.005


def test_too_much(evidence) -> None:
    """A decay of 0.1 costs over ten points in both settings; the norm falls with each larger decay in both."""
    for setting in (FEW, MANY):
        means = torch.tensor(evidence()[setting]["accuracy"]).mean(dim=0)
        assert means[0] - means[-1] > 0.1
        norms = torch.tensor(evidence()[setting]["norm"]).mean(dim=0)
        assert (norms.diff() < 0).all()


def test_keras_counts_twice() -> None:
    """A penalty without the half, as Keras has it, pulls as twice the weight_decay."""
    (w,) = weights()[:1]
    (gradient,) = torch.autograd.grad(0.01 * w.square().sum(), [w])
    assert torch.allclose(gradient, 0.02 * w)
    assert torch.allclose(torch.autograd.grad(penalty([w], 0.02), [w])[0], gradient)


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e3])
def test_norm_without_the_square(size: float) -> None:
    """w.norm() pulls with the same strength whatever the weights' size; the square pulls in proportion to it."""
    w = nn.Parameter(size * weights()[0].detach())
    (of_norm,) = torch.autograd.grad(0.1 * w.norm(), [w])
    (of_square,) = torch.autograd.grad(penalty([w], 0.1), [w])
    assert of_norm.norm().item() == pytest.approx(0.1)
    assert of_square.norm().item() == pytest.approx(0.1 * w.norm().item())


@pytest.mark.parametrize("parts", [2, 4])
def test_accumulation_counts_the_penalty_again(parts: int) -> None:
    """The penalty in each of k micro-batches counts k times; divided by k with the loss, or in the optimizer, once."""

    def gradient(divided: bool) -> Tensor:
        w = weights()[0]
        for _ in range(parts):
            (penalty([w], 0.1) / (parts if divided else 1)).backward()
        assert w.grad is not None
        return w.grad

    assert torch.allclose(gradient(divided=False), parts * 0.1 * weights()[0])
    assert torch.allclose(gradient(divided=True), 0.1 * weights()[0])


def test_log_shows_the_loss_alone() -> None:
    """The loss is the same number at any weight_decay; l2_penalty gives what the decay stands for."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)).double()
    x, y = torch.randn(10, 5, dtype=torch.float64), torch.randint(2, (10,))
    losses, penalties = [], []
    for weight_decay in (0.0, 0.1, 10.0):
        optimizer = sgd_with_decay(model, weight_decay=weight_decay)
        losses.append(nn.functional.cross_entropy(model(x), y).item())
        penalties.append(l2_penalty(optimizer).item())
    assert len(set(losses)) == 1
    squares = sum(p.square().sum().item() for p in model.parameters() if p.dim() > 1)
    assert penalties == pytest.approx([0, 0.05 * squares, 5 * squares])


def test_only_matrices_decay() -> None:
    """A linear layer's and a convolution's weight decay, two norms' vectors do not; a frozen layer is left out."""
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.LayerNorm(4), nn.Linear(4, 2))
    frozen = nn.Linear(2, 2).requires_grad_(False)
    decaying, rest = sgd_with_decay(nn.Sequential(*model, frozen), weight_decay=0.1).param_groups
    assert {id(p) for p in decaying["params"]} == {id(model[0].weight), id(model[4].weight)}
    assert (decaying["weight_decay"], rest["weight_decay"]) == (0.1, 0.0)
    assert len(rest["params"]) == 6
    wide = nn.LayerNorm((4, 2), bias=False)
    assert sgd_with_decay(wide).param_groups[0]["params"] == [wide.weight]  # two dimensions
