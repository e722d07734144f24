"""Gradient accumulation: equal to the large batch where it should be, and the claims of its page."""

from __future__ import annotations

import copy
import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.autograd.graph import saved_tensors_hooks
from torch.nn.utils import parameters_to_vector

from snippets.training.gradient_accumulation.evidence import COUNTS, EPOCHS, MICRO
from snippets.training.gradient_accumulation.from_scratch import accumulated_gradient
from snippets.training.gradient_accumulation.use import train_epoch

X = torch.randn(64, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
Y = torch.arange(64) % 3
SOME = torch.where(
    (torch.arange(64) >= 20) & (torch.arange(64) % 5 > 0), -100, Y
)  # most of the later ones do not count
NONE_IN_ONE = torch.where(torch.arange(64) < 16, -100, Y)  # the first quarter has no target that counts
SUM, MEAN = nn.CrossEntropyLoss(reduction="sum"), nn.CrossEntropyLoss()
TARGETS = {"all count": Y, "few count in later parts": SOME, "a part without targets": NONE_IN_ONE}


def network(norm: type[nn.Module] = nn.LayerNorm) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(8, 16), norm(16), nn.Tanh(), nn.Linear(16, 3)).double()


def weights(model: nn.Module) -> Tensor:
    return parameters_to_vector(model.parameters()).detach()


def pairs(y: Tensor, size: int) -> list[tuple[Tensor, Tensor]]:
    return list(zip(X.split(size), y.split(size), strict=True))


@pytest.mark.parametrize("targets", TARGETS)
@pytest.mark.parametrize("optimizer_class", [torch.optim.SGD, torch.optim.AdamW])
@pytest.mark.parametrize("size", [1, 4, 7, 16])
def test_equals_the_large_batch(size: int, optimizer_class: type, targets: str) -> None:
    """Ten updates from micro-batches are those of the whole batch: equal and unequal parts, targets that do not count.

    A micro-batch of 7 leaves a last one of 1. SGD and AdamW.
    """
    y = TARGETS[targets]
    model, reference = network(), network()
    optimizer, other = optimizer_class(model.parameters(), lr=0.01), optimizer_class(reference.parameters(), lr=0.01)
    for _ in range(10):
        (loss,) = train_epoch(model, SUM, optimizer, pairs(y, size), micro_batches=math.ceil(64 / size))
        other.zero_grad()
        expected = MEAN(reference(X), y)
        expected.backward()
        other.step()
        assert loss == pytest.approx(expected.item(), rel=1e-10)
    assert torch.allclose(weights(model), weights(reference), rtol=1e-7, atol=1e-9)  # Adam divides tiny numbers
    assert (weights(model) - weights(network())).norm() > 0.01


@pytest.mark.parametrize("targets", TARGETS)
@pytest.mark.parametrize("size", [1, 7, 16, 64])
def test_gradient_is_a_weighted_mean(size: int, targets: str) -> None:
    """The parts' gradients, weighted by their counts, give the gradient of the batch to 1e-12 in float64."""
    model, y = network(), TARGETS[targets]
    ours = accumulated_gradient(model, MEAN, pairs(y, size))
    reference = torch.autograd.grad(MEAN(model(X), y), list(model.parameters()))
    assert all(torch.allclose(a, b, atol=1e-12) for a, b in zip(ours, reference, strict=True))
    assert all(p.grad is None for p in model.parameters())
    next(model.parameters()).requires_grad_(False)  # frozen
    rest = accumulated_gradient(model, MEAN, pairs(y, size))
    assert all(torch.equal(a, b) for a, b in zip(rest, ours[1:], strict=True))


def undivided(optimizer_class: type, k: int, **settings: Any) -> tuple[Tensor, Tensor]:
    """How far weights go in five updates from k micro-batches: divided by k, and not divided."""
    moved = []
    for divisor in (k, 1):
        model = network()
        start = weights(model)
        optimizer = optimizer_class(model.parameters(), lr=1e-4, **settings)
        for _ in range(5):
            optimizer.zero_grad()
            for x, y in pairs(Y, 64 // k):
                (MEAN(model(x), y) / divisor).backward()
            optimizer.step()
        moved.append(weights(model) - start)
    return moved[0], moved[1]


@pytest.mark.parametrize("k", [2, 4, 8])
def test_undivided(k: int) -> None:
    """Without the division SGD's steps are k times too long; Adam's and AdamW's stay as they are."""
    right, wrong = undivided(torch.optim.SGD, k)
    assert (wrong.norm() / right.norm()).item() == pytest.approx(k, rel=0.01)
    for adam in (torch.optim.Adam, torch.optim.AdamW):
        right, wrong = undivided(adam, k)
        assert ((wrong - right).norm() / right.norm()).item() < 1e-3


def test_batch_norm_is_not_the_same() -> None:
    """With batch normalization the gradient of four parts is another one; in eval mode or with group norm it is not."""

    def apart(model: nn.Module) -> float:
        whole = torch.cat([g.flatten() for g in torch.autograd.grad(MEAN(model(X), Y), list(model.parameters()))])
        parts = torch.cat([g.flatten() for g in accumulated_gradient(model, MEAN, pairs(Y, 16))])
        return ((whole - parts).norm() / whole.norm()).item()

    assert apart(network(nn.BatchNorm1d)) > 0.1
    assert apart(network(nn.BatchNorm1d).eval()) < 1e-12
    torch.manual_seed(0)
    grouped = nn.Sequential(nn.Linear(8, 16), nn.GroupNorm(4, 16), nn.Tanh(), nn.Linear(16, 3)).double()
    assert apart(grouped) < 1e-12


@pytest.mark.parametrize(("micro_batches", "updates"), [(1, 20), (4, 5), (8, 3), (20, 1), (50, 1)])
def test_last_window(micro_batches: int, updates: int) -> None:
    """20 micro-batches, 8 to an update, make three updates; the last takes 4 and is divided by its own count."""
    x = torch.randn(320, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    y = torch.arange(320) % 3
    model, reference = network(), network()
    optimizer, other = (torch.optim.SGD(m.parameters(), lr=0.1) for m in (model, reference))
    loader = list(zip(x.split(16), y.split(16), strict=True))
    assert len(train_epoch(model, SUM, optimizer, loader, micro_batches)) == updates
    large = 16 * micro_batches
    for part_x, part_y in zip(x.split(large), y.split(large), strict=True):
        other.zero_grad()
        MEAN(reference(part_x), part_y).backward()
        other.step()
    assert torch.allclose(weights(model), weights(reference), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("k", [2, 4, 8])
def test_memory_is_of_one_micro_batch(k: int) -> None:
    """For its backward pass a micro-batch keeps one k-th of the activations' bytes that the whole batch keeps."""

    def kept(x: Tensor, y: Tensor) -> int:
        model, sizes = network(), {}
        own = {p.data_ptr() for p in model.parameters()}

        def keep(tensor: Tensor) -> Tensor:
            if tensor.dim() == 2 and len(tensor) == len(x) and tensor.data_ptr() not in own:
                sizes[tensor.data_ptr()] = tensor.numel() * tensor.element_size()
            return tensor

        with saved_tensors_hooks(keep, lambda t: t):
            loss = MEAN(model(x), y)
        loss.backward()
        return sum(sizes.values())

    assert kept(X[: 64 // k], Y[: 64 // k]) / kept(X, Y) == pytest.approx(1 / k, rel=0.05)


def test_clipped_once() -> None:
    """Clipped after each of four micro-batches, the gradient is another one than clipped once at the end."""

    def gradient(each: bool) -> Tensor:
        model = copy.deepcopy(network())
        for x, y in pairs(Y, 16):
            (MEAN(model(x), y) / 4).backward()
            if each:
                nn.utils.clip_grad_norm_(model.parameters(), 0.01)
        nn.utils.clip_grad_norm_(model.parameters(), 0.01)
        return torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None])

    once, often = gradient(each=False), gradient(each=True)
    assert once.norm().item() == pytest.approx(0.01, rel=1e-3)
    assert ((often - once).norm() / once.norm()).item() > 0.1


def test_distances_on_digits(evidence) -> None:
    """Which way of adding gives the gradient of the large batch, and how far off the others are."""
    by_count, divided, not_divided = evidence()["distance"].values()
    assert max(by_count[:2]) < 1e-5
    assert divided[0] < 1e-5
    assert divided[1] > 0.2
    assert not_divided[0] == pytest.approx(3.0, abs=0.005)
    assert not_divided[1] > 3.1
    assert [by_count[2], divided[2]] == pytest.approx([0.24, 0.24], abs=0.04)


def test_fewer_updates_cost(evidence) -> None:
    """The loss rises with k at either learning rate, and at k = 64 it is above 1.8 with the larger rate, too."""
    same, scaled = evidence()["loss"]["same learning rate"], evidence()["loss"]["learning rate times k"]
    assert same == sorted(same)
    assert scaled == sorted(scaled)
    assert same[0] == scaled[0] < 0.6
    assert same[-1] > 2.2
    assert scaled[1] < 0.6 * same[1]
    assert scaled[-1] > 1.8
    assert [EPOCHS * math.ceil(1797 / (MICRO * k)) for k in COUNTS] == [450, 114, 30, 8]
