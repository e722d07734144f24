"""Frozen batch normalization: equal to torchvision's and eval mode, what freezing needs, the claims of its page."""

from __future__ import annotations

import copy
from statistics import mean, stdev

import pytest
import torch
from torch import nn
from torchvision.ops import FrozenBatchNorm2d

from snippets.normalization.frozen_batch_normalization.from_scratch import FrozenBatchNorm, freeze
from snippets.normalization.frozen_batch_normalization.use import train_with_frozen_norms

KINDS = {1: nn.BatchNorm1d, 2: nn.BatchNorm2d, 3: nn.BatchNorm3d}


def trained(kind: type = nn.BatchNorm2d, axes: int = 2) -> nn.Module:
    """A layer of 5 channels whose four tensors are no ones and zeros."""
    torch.manual_seed(0)
    layer = kind(5).double()
    for p in layer.parameters():
        nn.init.normal_(p)
    for _ in range(3):
        layer(2 * torch.randn(4, 5, *[3] * axes, dtype=torch.float64) + 1)
    return layer


@pytest.mark.parametrize("axes", KINDS)
def test_equals_torchvision(axes: int) -> None:
    """Output and gradient of the input equal torchvision's and torch's eval mode; states of both load."""
    layer = trained(KINDS[axes], axes).eval()
    ours, theirs = FrozenBatchNorm(5).double(), FrozenBatchNorm2d(5).double()
    ours.load_state_dict(layer.state_dict())
    theirs.load_state_dict(layer.state_dict())  # with num_batches_tracked
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(4, 5, *[3] * axes, dtype=torch.float64)
    sides = []
    for each in (ours.train(), layer, *([theirs] if axes == 2 else [])):
        own = x.clone().requires_grad_()
        out = each(own)
        (out * torch.arange(out.numel()).view(out.shape).sin()).sum().backward()
        sides.append((out, own.grad))
    for side in sides[1:]:
        torch.testing.assert_close(sides[0], side)
    assert not list(ours.parameters())


def test_all_in_a_model_are_replaced() -> None:
    """freeze() replaces nested layers of each kind, keeps their output, and leaves other normalizations alone."""
    model = nn.Sequential(nn.Sequential(trained(), nn.GroupNorm(1, 5)), trained(nn.SyncBatchNorm)).double()
    x = torch.randn(4, 5, 3, 3, dtype=torch.float64)
    expected = model.eval()(x)
    frozen = freeze(model).train()
    torch.testing.assert_close(frozen(x), expected)
    kinds = [type(module) for module in frozen.modules()]
    assert kinds.count(FrozenBatchNorm) == 2
    assert nn.GroupNorm in kinds


def test_train_switches_it_back() -> None:
    """After the function the layers are in eval mode, the rest in train mode; model.train() undoes it."""
    model = nn.Sequential(trained(), nn.Dropout(), nn.Sequential(trained()))
    assert train_with_frozen_norms(model) == 2
    assert [model[0].training, model[1].training, model[2][0].training] == [False, True, False]
    assert not any(p.requires_grad for p in model.parameters())
    model.train()
    assert model[0].training
    assert model[2][0].training
    train_with_frozen_norms(model, train_affine=True)
    assert all(p.requires_grad for p in model.parameters())
    assert not model[0].training


@pytest.mark.parametrize("kind", [*KINDS.values(), nn.SyncBatchNorm])
def test_all_kinds_are_found(kind: type) -> None:
    """BatchNorm1d, 2d, 3d and SyncBatchNorm are found; other normalizations are not."""
    others = nn.Sequential(nn.LayerNorm(5), nn.GroupNorm(1, 5), nn.InstanceNorm2d(5, affine=True))
    model = nn.Sequential(kind(5), others)
    assert train_with_frozen_norms(model) == 1
    assert not model[0].training
    assert all(p.requires_grad for p in others.parameters())


def test_gradient_is_scaled() -> None:
    """Frozen, the gradient is multiplied by s; in train mode, mean and part along the normalized x are removed too."""
    layer = trained()
    x, g = torch.randn(2, 4, 5, 3, 3, dtype=torch.float64)
    grads = {}
    for mode in (False, True):
        own = x.clone().requires_grad_()
        (copy.deepcopy(layer).train(mode)(own) * g).sum().backward()
        grads[mode] = own.grad
    scale = (layer.weight / (layer.running_var + layer.eps).sqrt()).view(1, 5, 1, 1).detach()
    torch.testing.assert_close(grads[False], g * scale)
    normal = (x - x.mean((0, 2, 3), keepdim=True)) / x.std((0, 2, 3), correction=0, keepdim=True)
    for part in (torch.ones_like(x), normal):
        assert (grads[True] * part).sum((0, 2, 3)).abs().max() < 1e-3  # eps beside a variance of 1
        assert (grads[False] * part).sum((0, 2, 3)).abs().min() > 0.01


@pytest.mark.parametrize("freezing", ["requires_grad", "no_grad", "learning rate 0", "eval", "class"])
def test_requires_grad_is_not_enough(freezing: str) -> None:
    """Without a gradient or at a rate of 0 the statistics move; in eval mode and as a frozen layer they do not."""
    layer: nn.Module = trained().requires_grad_(freezing == "learning rate 0")
    if freezing == "eval":
        train_with_frozen_norms(layer)
    elif freezing == "class":
        layer = freeze(layer).train()
    before = copy.deepcopy(layer.state_dict())
    with torch.set_grad_enabled(freezing != "no_grad"):
        out = layer(torch.randn(4, 5, 3, 3, dtype=torch.float64).requires_grad_())
    if freezing == "learning rate 0":
        out.sum().backward()
        torch.optim.SGD(layer.parameters(), lr=0.0, momentum=0.9).step()
    moved = {name for name, value in layer.state_dict().items() if not torch.equal(value, before[name])}
    expected = set() if freezing in ("eval", "class") else {"running_mean", "running_var", "num_batches_tracked"}
    assert moved == expected


def test_small_batches_want_it(evidence) -> None:
    """Batches of 2: frozen, the mean is over 15 points higher, on both; in train mode it is below no fine-tuning's."""
    for rows in evidence().values():
        frozen, train, before = (mean(rows[name][0]) for name in ("frozen", "train mode", "no training"))
        assert frozen > train + 0.15
        assert train < before
        assert stdev(rows["train mode"][0]) > 0.05


def test_new_brightness_does_not(evidence) -> None:
    """Darkened digits in batches of 4 and 16: the mean is higher in train mode."""
    rows = evidence()["darkened"]
    for train, frozen in zip(rows["train mode"][1:], rows["frozen"][1:], strict=True):
        assert mean(train) > mean(frozen)
