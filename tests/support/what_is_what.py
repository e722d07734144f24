"""What the code of an entry does, in the words of the table of what is what: values averaged over, and both modes.

The test of that table asks here for every entry that a row links to, and an entry without an answer fails it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from snippets.normalization.adaptive_batch_normalization.use import adapt_bn
from snippets.normalization.adaptive_instance_normalization.use import adain
from snippets.normalization.batch_instance_normalization.use import BatchInstanceNorm
from snippets.normalization.batch_renormalization.use import BatchRenorm2d
from snippets.normalization.conditional_normalization.use import ConditionalNorm
from snippets.normalization.cutmix.use import cutmix
from snippets.normalization.cutout_random_erasing.use import random_erasing
from snippets.normalization.deepnorm.use import DeepNormLayer
from snippets.normalization.dropblock.use import DropBlock2d
from snippets.normalization.dropout.use import make_mlp
from snippets.normalization.dynamic_tanh.use import DynamicTanh
from snippets.normalization.early_stopping.use import EarlyStopping
from snippets.normalization.evonorm.use import EvoNorm2dS0
from snippets.normalization.filter_response_normalization.use import FilterResponseNormTlu
from snippets.normalization.frozen_batch_normalization.use import train_with_frozen_norms
from snippets.normalization.ghost_batch_normalization.use import GhostBatchNorm2d
from snippets.normalization.global_response_normalization.use import GlobalResponseNorm
from snippets.normalization.group_normalization.use import group_norm
from snippets.normalization.input_standardization.use import Standardize
from snippets.normalization.instance_normalization.use import Block as InstanceBlock
from snippets.normalization.l1_regularization.use import shrink_
from snippets.normalization.l2_regularization.use import sgd_with_decay
from snippets.normalization.label_smoothing.use import make_losses
from snippets.normalization.layer_normalization.use import LayerNorm2d
from snippets.normalization.local_response_normalization.use import alexnet_norm
from snippets.normalization.min_max_scaling.use import MinMax
from snippets.normalization.mixup.use import mixup
from snippets.normalization.pixel_normalization.use import PixelNorm
from snippets.normalization.pre_ln_vs_post_ln.use import make_encoder
from snippets.normalization.precise_batch_normalization.use import recompute_bn
from snippets.normalization.qk_normalization.use import Attention
from snippets.normalization.scale_norm.use import ScaleNorm
from snippets.normalization.spade.use import SPADE
from snippets.normalization.spectral_normalization.use import normalize_spectra_
from snippets.normalization.stochastic_depth.use import DropPath
from snippets.normalization.switchable_normalization.use import SwitchNorm
from snippets.normalization.sync_batch_normalization.use import synchronized
from snippets.normalization.target_normalization.use import StandardizedRegressor
from snippets.normalization.weight_normalization.use import normalize_weights_
from snippets.normalization.weight_standardization.use import standardize_weights_
from snippets.normalization.whitening.use import fit_whitening

WIDTH = 8
SAME, DIFFERENT, TRAINING, EVALUATION = "the same", "different", "in training only", "in evaluation only"


def images(seed: int = 0) -> Tensor:
    """(sample, channel, height, width) in float64, neither centred nor of variance 1."""
    return 2 * torch.randn(4, WIDTH, 5, 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) + 1


class Call(nn.Module):
    """A function or a layer as a module of one input."""

    def __init__(self, function: Callable[[Tensor], Tensor], layer: nn.Module | None = None) -> None:
        super().__init__()
        self.function, self.layer = function, layer

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x) if self.layer is None else self.layer(x)


class Beside(nn.Module):
    """A layer whose second input stays the same."""

    def __init__(self, layer: nn.Module, second: Tensor) -> None:
        super().__init__()
        self.layer, self.second = layer, second

    def forward(self, x: Tensor) -> Tensor:
        out = self.layer(x, self.second)
        assert isinstance(out, Tensor)
        return out


class ChannelsLast(nn.Module):
    """A layer on the last dimension, for images with the channels second."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        out = self.layer(x.movedim(1, -1)).movedim(-1, 1)
        assert isinstance(out, Tensor)
        return out


class Vectors(nn.Module):
    """A layer of (sample, feature) or (sample, token, feature), for images."""

    def __init__(self, layer: nn.Module, tokens: bool = False) -> None:
        super().__init__()
        self.layer, self.tokens = layer, tokens

    def forward(self, x: Tensor) -> Tensor:
        out = self.layer(x.flatten(2).mT if self.tokens else x.mean((2, 3)))
        assert isinstance(out, Tensor)
        return out


def condition() -> Tensor:
    return F.one_hot(torch.tensor([0, 1, 2, 0]), 3).double()


def label_map() -> Tensor:
    return F.one_hot(torch.arange(80).reshape(4, 5, 4) % 3, 3).permute(0, 3, 1, 2).double()


def conv(change_: Callable[[nn.Module], object]) -> nn.Module:
    """A convolution whose weights are normalized; the layer still uses other weights than its parameters."""
    layer = nn.Conv2d(WIDTH, WIDTH, 3, padding=1).double()
    before = layer.weight.detach().clone()
    change_(layer)
    with torch.no_grad():
        for p in layer.parameters():
            p.mul_(3)  # weight normalization starts with the weights that were there
    assert not torch.equal(layer.weight, before)
    return layer


def targets() -> Tensor:
    return images(1).mean((2, 3))[:, :2]


# The modules of an entry; their other inputs, where they have some, are fixed.
LAYERS: dict[str, list[Callable[[], nn.Module]]] = {
    "input-standardization": [lambda: Standardize.fit(images(1))],
    "min-max-scaling": [lambda: Vectors(MinMax.fit(images(1).mean((2, 3))))],
    "whitening": [lambda: fit_whitening(images(1).repeat(50, 1, 1, 1))],
    "target-normalization": [lambda: Vectors(StandardizedRegressor(nn.Linear(WIDTH, 2), targets()))],
    "l2-normalization": [lambda: Call(F.normalize)],
    "batch-normalization": [lambda: nn.BatchNorm2d(WIDTH)],
    "sync-batch-normalization": [lambda: synchronized(nn.BatchNorm2d(WIDTH))],
    "ghost-batch-normalization": [lambda: GhostBatchNorm2d(WIDTH, ghost_size=2)],
    "batch-renormalization": [lambda: BatchRenorm2d(WIDTH)],
    "layer-normalization": [lambda: LayerNorm2d(WIDTH), lambda: ChannelsLast(nn.LayerNorm(WIDTH))],
    "rms-normalization": [lambda: ChannelsLast(nn.RMSNorm(WIDTH))],
    "scale-norm": [lambda: ChannelsLast(ScaleNorm(WIDTH))],
    "pixel-normalization": [PixelNorm],
    "qk-normalization": [
        lambda: ChannelsLast(Attention(2 * WIDTH, heads=2).q_norm),
        lambda: Vectors(Attention(WIDTH, heads=2), tokens=True),
    ],
    "deepnorm": [
        lambda: ChannelsLast(DeepNormLayer(WIDTH, 2, layers=4).norm1),
        lambda: Vectors(DeepNormLayer(WIDTH, 2, layers=4, dropout=0.0), tokens=True),
    ],
    "pre-ln-vs-post-ln": [
        lambda: ChannelsLast(make_encoder(WIDTH, 2, 1, pre=True).layers[0].norm1),
        lambda: Vectors(make_encoder(WIDTH, 2, 2, pre=True, dropout=0.0), tokens=True),
        lambda: Vectors(make_encoder(WIDTH, 2, 2, pre=False, dropout=0.0), tokens=True),
    ],
    "group-normalization": [lambda: group_norm(WIDTH, groups=2)],
    "evonorm": [lambda: EvoNorm2dS0(WIDTH, groups=2)],
    "instance-normalization": [lambda: nn.InstanceNorm2d(WIDTH), lambda: InstanceBlock(WIDTH)],
    "filter-response-normalization": [lambda: FilterResponseNormTlu(WIDTH)],
    "adaptive-instance-normalization": [lambda: Call(lambda x: adain(x, images(1)))],
    "local-response-normalization": [lambda: alexnet_norm(alpha=0.1)],
    "global-response-normalization": [lambda: ChannelsLast(GlobalResponseNorm(WIDTH))],
    "switchable-normalization": [lambda: SwitchNorm(WIDTH)],
    "batch-instance-normalization": [lambda: BatchInstanceNorm(WIDTH)],
    "conditional-normalization": [
        lambda: Beside(ConditionalNorm(nn.BatchNorm2d(WIDTH, affine=False), WIDTH, 3), condition())
    ],
    "spade": [lambda: Beside(SPADE(nn.BatchNorm2d(WIDTH, affine=False), WIDTH, 3, hidden=4), label_map())],
    "dynamic-tanh": [lambda: ChannelsLast(DynamicTanh(WIDTH))],
    "weight-normalization": [lambda: conv(normalize_weights_)],
    "weight-standardization": [lambda: conv(standardize_weights_)],
    "spectral-normalization": [lambda: conv(normalize_spectra_)],
    "dropout": [lambda: make_mlp([WIDTH, WIDTH, 2])[2]],
    "online-batch-norm-disharmony": [lambda: nn.Dropout(0.5)],
    "dropblock": [lambda: DropBlock2d(0.3, block_size=2)],
    "stochastic-depth": [lambda: DropPath(0.5)],
}


def layers(entry: str) -> list[nn.Module]:
    """The entry's modules in float64, with other weights than fresh ones, which may be 0 and hide something."""
    made = []
    for make in LAYERS.get(entry, []):
        torch.manual_seed(0)
        layer = make().double()
        with torch.no_grad():
            for p in layer.parameters():
                p.add_(0.1 * torch.randn(p.shape, dtype=p.dtype))
        made.append(layer)
    return made


def mode_of(layer: nn.Module) -> str:
    """Whether the layer computes the same in both modes, or in evaluation mode returns its input."""
    x = images()
    torch.manual_seed(0)
    training, evaluation = copy.deepcopy(layer).train()(x), copy.deepcopy(layer).eval()(x)
    if torch.allclose(training, evaluation, rtol=1e-12, atol=1e-12):
        return SAME
    return TRAINING if torch.equal(evaluation, x) else DIFFERENT


@dataclass(frozen=True)
class Reach:
    """Which other elements move an output, in training mode."""

    over: frozenset[str]
    elements: int


def reach(layer: nn.Module) -> Reach:
    """The values that a layer averages over, in the words of the English table."""
    layer.train()
    x = images().requires_grad_()

    def moves(place: tuple[int, ...]) -> Tensor:
        torch.manual_seed(0)
        (gradient,) = torch.autograd.grad(copy.deepcopy(layer)(x)[place], x)
        return gradient.abs() > 1e-12

    at = (1, 3, 2, 2)
    mask = moves(at)
    found = set()
    if mask[[0, 2, 3]].any():
        found.add("batch")
    if mask[1].flatten(1).sum(1).max() > 1:
        found.add("pixels")
    channels = mask[1, :, 2, 2]
    if channels.all():
        found.add("channels")
    elif channels.sum() > 1:  # groups are the same set seen from each member; neighbours move along
        found.add("groups" if torch.equal(moves((1, 2, 2, 2)), mask) else "neighbours")
    return Reach(frozenset(found), int(mask.sum()))


def trained_normalizer() -> nn.Module:
    """Batch normalization that has seen one batch."""
    layer = nn.BatchNorm2d(WIDTH).double()
    layer(images(1))
    return layer


def frozen() -> str:
    """Training as the entry's function has it, against evaluation."""
    model = nn.Sequential(trained_normalizer())
    train_with_frozen_norms(model)
    training = model(images())
    return SAME if torch.equal(training, model.eval()(images())) else DIFFERENT


def statistics_afterwards(change: Callable[[nn.Module], nn.Module]) -> str:
    """What new running averages change."""
    before = nn.Sequential(trained_normalizer())
    after = change(copy.deepcopy(before))
    x = images()
    assert torch.equal(copy.deepcopy(before).train()(x), copy.deepcopy(after).train()(x))
    return EVALUATION if not torch.allclose(before.eval()(x), after.eval()(x)) else SAME


def recomputed(model: nn.Module) -> nn.Module:
    recompute_bn(model, [images(2), images(3)])
    return model


def penalized() -> str:
    """One update with the penalty and one without: other weights, and no layer that evaluation would meet."""
    model = nn.Linear(WIDTH, 2)
    models = [copy.deepcopy(model) for _ in range(2)]
    x = torch.ones(3, WIDTH)
    for each, decay in zip(models, (0.0, 0.1), strict=True):
        optimizer = sgd_with_decay(each, weight_decay=decay)
        each(x).sum().backward()
        optimizer.step()
    assert not torch.equal(models[0].weight, models[1].weight)
    assert [type(m) for m in models[1].modules()] == [nn.Linear]
    return TRAINING


def shrunk() -> str:
    weight = torch.randn(5, 5)
    before = weight.clone()
    shrink_([weight], 0.1)
    assert not torch.equal(weight, before)
    return TRAINING


def smoothed() -> str:
    """The entry's two losses: the one for evaluation is cross entropy."""
    train_loss, test_loss = make_losses(0.1)
    logits, y = torch.randn(6, 4), torch.randint(4, (6,))
    assert torch.equal(test_loss(logits, y), F.cross_entropy(logits, y))
    assert not torch.equal(train_loss(logits, y), test_loss(logits, y))
    return TRAINING


def mixed(function: Callable[..., tuple[Tensor, Tensor]]) -> str:
    """A function that the training loop calls: it changes inputs and labels."""
    x, y = images().float(), torch.arange(4)
    draws = []
    for seed in range(10):  # a draw may leave all as it is: an empty box, each image with itself
        torch.manual_seed(seed)
        draws.append(function(x, y, classes=4, alpha=1.0))
    assert not all(torch.equal(inputs, x) for inputs, _ in draws)
    assert not all(torch.equal(labels, F.one_hot(y, 4).to(labels.dtype)) for _, labels in draws)
    return TRAINING


def erased() -> str:
    assert not torch.equal(random_erasing(images(), probability=1.0), images())
    return TRAINING


def stopped() -> str:
    """The weights of the best epoch come back; no layer is added."""
    model = nn.Linear(2, 2)
    best = model.weight.detach().clone()
    stopping = EarlyStopping(model, patience=1)
    assert not stopping(1.0)
    nn.init.zeros_(model.weight)
    assert stopping(2.0)
    stopping.restore()
    assert torch.equal(model.weight, best)
    return TRAINING


# Entries whose code is no layer: what calling it changes.
OTHERS: dict[str, Callable[[], str]] = {
    "frozen-batch-normalization": frozen,
    "precise-batch-normalization": lambda: statistics_afterwards(recomputed),
    "adaptive-batch-normalization": lambda: statistics_afterwards(lambda model: adapt_bn(model, [images(2)])),
    "l2-regularization": penalized,
    "l1-regularization": shrunk,
    "label-smoothing": smoothed,
    "mixup": lambda: mixed(mixup),
    "cutmix": lambda: mixed(cutmix),
    "cutout-random-erasing": erased,
    "early-stopping": stopped,
}


def modes(entry: str) -> set[str]:
    """What the two modes do, for everything of the entry that was tried; none where nothing was."""
    torch.manual_seed(0)
    answers: set[Any] = {mode_of(layer) for layer in layers(entry)}
    return answers | ({OTHERS[entry]()} if entry in OTHERS else set())
