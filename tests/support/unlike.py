"""Normalizing layers that are unlike the rest: what theory says of them, and how to make those of another form.

`test_normalizers.py` tries every layer. A class of `snippets/normalization/` that it finds neither by
its form nor here, and that does not stand in `OUTSIDE`, stops it.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from snippets.normalization.adaptive_instance_normalization.from_scratch import AdaptiveInstanceNorm
from snippets.normalization.adaptive_instance_normalization.use import adain
from snippets.normalization.batch_renormalization.use import BatchRenorm2d
from snippets.normalization.conditional_normalization.from_scratch import ConditionalBatchNorm
from snippets.normalization.conditional_normalization.use import ConditionalNorm
from snippets.normalization.deepnorm.from_scratch import DeepNorm
from snippets.normalization.deepnorm.use import DeepNormLayer
from snippets.normalization.dynamic_tanh.use import DynamicTanh
from snippets.normalization.evonorm.use import EvoNorm2dB0, EvoNorm2dS0
from snippets.normalization.filter_response_normalization.use import FilterResponseNormTlu
from snippets.normalization.ghost_batch_normalization.use import GhostBatchNorm2d
from snippets.normalization.global_response_normalization.use import GlobalResponseNorm
from snippets.normalization.instance_normalization.from_scratch import InstanceNorm
from snippets.normalization.l2_normalization.from_scratch import normalize
from snippets.normalization.l2_normalization.use import CosineClassifier
from snippets.normalization.layer_normalization.use import LayerNorm2d
from snippets.normalization.pixel_normalization.use import PixelNorm
from snippets.normalization.qk_normalization.from_scratch import attention, cosine_attention
from snippets.normalization.qk_normalization.use import Attention
from snippets.normalization.scale_norm.use import ScaleNorm
from snippets.normalization.spade.from_scratch import SpatiallyAdaptiveNorm
from snippets.normalization.spade.use import SPADE
from snippets.normalization.spectral_normalization.from_scratch import SpectralNorm
from snippets.normalization.weight_normalization.from_scratch import WeightNorm
from snippets.normalization.weight_standardization.from_scratch import ScaledStandardizedConv2d, StandardizedConv2d
from snippets.normalization.weight_standardization.use import Standardized
from tests.support.normalizers import WIDTH, Make, Normalizer, Theory

NONE, SCALE = frozenset[str](), frozenset({"scale"})
PLAIN, IMAGES = (), ((5, 4),)  # no affine parameters; images only

THEORY = {
    "batch_instance_normalization/from_scratch.BatchInstanceNorm": Theory(),
    "dynamic_tanh/from_scratch.DynamicTanh": Theory(NONE, ""),
    "evonorm/from_scratch.EvoNormS0": Theory(NONE, ""),  # SiLU before the division
    "filter_response_normalization/from_scratch.FilterResponseNorm": Theory(SCALE, "square"),
    "frozen_batch_normalization/from_scratch.FrozenBatchNorm": Theory(NONE, ""),  # a fixed scale and shift
    "global_response_normalization/from_scratch.GlobalResponseNorm": Theory(NONE, ""),  # grows with its input
    "instance_normalization/from_scratch.InstanceNorm": Theory(affine=PLAIN),  # by default, as torch's
    "local_response_normalization/from_scratch.LocalResponseNorm": Theory(NONE, "", PLAIN),  # k is not 0
    "pixel_normalization/from_scratch.PixelNorm": Theory(SCALE, "square", PLAIN),
    "rms_normalization/from_scratch.RMSNorm": Theory(SCALE, "square", ("weight",)),
    "scale_norm/from_scratch.ScaleNorm": Theory(SCALE, "square", PLAIN),
    "switchable_normalization/from_scratch.SwitchNorm": Theory(gives=""),  # no set of elements has mean 0
    "switchable_normalization/use.SwitchNorm": Theory(gives=""),
}

OUTSIDE = {
    "dropblock/use.DropBlock2d": "drops, and normalizes nothing",
    "stochastic_depth/from_scratch.SkippedBlock": "drops, and normalizes nothing",
    "stochastic_depth/use.DropPath": "drops, and normalizes nothing",
    "stochastic_depth/use.Residual": "drops, and normalizes nothing",
    "input_standardization/use.Standardize": "a fixed map: its numbers are measured before",
    "min_max_scaling/use.MinMax": "a fixed map: its numbers are measured before",
    "normalization_vs_standardization_vs_regularization/use.Standardize": "a fixed map",
    "target_normalization/use.StandardizedRegressor": "a fixed map of targets",
    "whitening/use.Whitening": "a fixed map: its numbers are measured before",
    "global_response_normalization/use.Block": "a block around a layer that is tried",
    "instance_normalization/use.Block": "a block around torch's layer",
    "pre_ln_vs_post_ln/from_scratch.EncoderLayer": "a block around torch's layer",
}


class Of(nn.Module):
    """A function of one tensor as a layer; parts of it that have weights are given by name."""

    def __init__(self, function: Callable[..., Tensor], **parts: nn.Module | nn.Parameter | Tensor) -> None:
        super().__init__()
        self.function = function
        for name, part in parts.items():
            if isinstance(part, Tensor) and not isinstance(part, nn.Parameter):
                self.register_buffer(name, part)
            else:
                setattr(self, name, part)
        self.names = list(parts)

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x, *(getattr(self, name) for name in self.names))


def _waves(*shape: int) -> Tensor:
    """Numbers between -1 and 1, made without random numbers."""
    return torch.arange(math.prod(shape)).add(1.0).mul(1.7).sin().view(shape)


def _standard(*shape: int) -> Tensor:
    """A style of mean 0 whose variance and eps are 1 together."""
    wave = torch.linspace(-1, 1, shape[-1]).expand(shape)
    return wave / wave.square().mean().sqrt() * (1 - 1e-5) ** 0.5


def _same_for_all(layer: nn.Module, condition: Tensor) -> nn.Module:
    """A layer of input and condition, with one condition for every sample."""
    return Of(lambda x, layer, c: layer(x, c.expand(len(x), *c.shape[1:])), layer=layer, condition=condition)


def _adain(channels: int) -> nn.Module:
    return Of(lambda x, style: adain(x, style.expand(len(x), -1, -1, -1)), style=_standard(1, channels, 3, 6))


def _conditional(channels: int) -> nn.Module:
    return _same_for_all(ConditionalNorm(nn.BatchNorm2d(channels, affine=False), channels, 4), _waves(1, 4))


def _spade(channels: int) -> nn.Module:
    layer = SPADE(nn.BatchNorm2d(channels, affine=False), channels, labels=3, hidden=4)
    for conv in (layer.to_scale, layer.to_shift):
        for p in conv.parameters():
            nn.init.zeros_(p)  # at first neither scale nor shift
    return _same_for_all(layer, _waves(1, 3, 2, 2))


def _own_spade(channels: int) -> nn.Module:
    layer = SpatiallyAdaptiveNorm(channels, labels=3)
    for p in layer.to_affine.parameters():
        nn.init.zeros_(p)

    def call(x: Tensor, layer: nn.Module, labels: Tensor) -> Tensor:
        fitting = labels.view(1, 3, *[2] * (x.dim() - 2), -1)[..., 0]  # of as many dimensions as x
        y = layer(x, fitting.expand(len(x), *fitting.shape[1:]))
        assert isinstance(y, Tensor)
        return y

    return Of(call, layer=layer, labels=_waves(3, 8))


def _weight_norm(_: int) -> nn.Module:
    """Samples stand for units; their gain is one number, times the root of the elements so that the square is 1."""

    def call(v: Tensor, norm: nn.Module, g: Tensor) -> Tensor:
        gain = (g * v[0].numel() ** 0.5).view([1] * v.dim())
        y = norm(gain, v)
        assert isinstance(y, Tensor)
        return y

    return Of(call, norm=WeightNorm(), g=nn.Parameter(torch.ones(1)))


def _spectral_norm(channels: int) -> nn.Module:
    """Each sample is a weight matrix of its own."""
    norm = SpectralNorm(torch.eye(channels, 4) + _waves(channels, 4), steps=8)
    return Of(lambda x, norm: torch.stack([norm(weight) for weight in x]), norm=norm)


def _convolution(kind: type[StandardizedConv2d], scaled: bool) -> Make:
    """Samples stand for units: the weight that the convolution uses, read off with an image for each element."""

    def call(weight: Tensor, conv: nn.Module) -> Tensor:
        ones = torch.eye(weight[0].numel(), dtype=weight.dtype, device=weight.device).view(-1, *weight.shape[1:])
        y = torch.func.functional_call(conv, {"weight": weight}, (ones,))
        return y.flatten(1).T.reshape(weight.shape) * (weight[0].numel() ** 0.5 if scaled else 1)

    return lambda channels: Of(call, conv=_bare(kind(channels, 1, 1, bias=False)))


def _bare(conv: nn.Module) -> nn.Module:
    """The weight is the input here, so it is no parameter."""
    conv.requires_grad_(False)
    return conv


def _qk(function: Callable[..., Tensor], *more: int) -> Make:
    """The input is query and key; values stay."""

    def call(x: Tensor, values: Tensor, *weights: Tensor) -> Tensor:
        return function(x, x, values[: x.shape[1]], *weights)

    def make(features: int) -> nn.Module:
        gains = {f"gain{i}": nn.Parameter(torch.ones(features if n else 1)) for i, n in enumerate(more)}
        return Of(call, values=_waves(6, features), **gains)

    return make


def _no_cut(channels: int) -> nn.Module:
    layer = FilterResponseNormTlu(channels)
    nn.init.constant_(layer.tau, -100.0)  # below everything: what is tried is the normalization
    return layer


def _channels_last(layer: nn.Module) -> nn.Module:
    return Of(lambda x, layer: layer(x.movedim(1, -1)).movedim(-1, 1), layer=layer)


def _deepnorm_layer(features: int) -> nn.Module:
    layer = DeepNormLayer(features, 2, layers=6, dim_feedforward=16, dropout=0.0)
    return Of(lambda x, layer: layer(0.1 * x), layer=layer)  # so small that attention leaves no token out


def adapted() -> list[Normalizer]:
    """Layers whose making or call differs from the usual form, under the names of their classes or functions."""
    own, channel = frozenset({"channel", "space"}), frozenset({"channel"})
    sequence = frozenset({"position", "channel"})
    unit = {"shares": own, "affine": PLAIN}
    rows: list[tuple[str, Make, Theory]] = [
        ("batch_renormalization/use.BatchRenorm2d", BatchRenorm2d, Theory(spaces=IMAGES)),
        ("conditional_normalization/use.ConditionalNorm", _conditional, Theory(affine=PLAIN, spaces=IMAGES)),
        (
            "conditional_normalization/from_scratch.ConditionalBatchNorm",
            lambda width: _same_for_all(ConditionalBatchNorm(width), _waves(1, 4)),
            Theory(affine=PLAIN),
        ),
        (
            "adaptive_instance_normalization/use.adain",
            _adain,
            Theory(affine=PLAIN, spaces=IMAGES, refuses_one="always"),
        ),
        (
            "adaptive_instance_normalization/from_scratch.AdaptiveInstanceNorm",
            lambda width: _same_for_all(AdaptiveInstanceNorm(width), _standard(1, width, 9)),
            Theory(affine=PLAIN),
        ),
        ("spade/use.SPADE", _spade, Theory(affine=PLAIN, spaces=IMAGES)),
        (
            "spade/from_scratch.SpatiallyAdaptiveNorm",
            _own_spade,
            Theory(affine=PLAIN, shares=frozenset({"space"})),
        ),
        ("evonorm/use.EvoNorm2dS0", lambda width: EvoNorm2dS0(width, groups=2), Theory(NONE, "", spaces=IMAGES)),
        (
            "evonorm/use.EvoNorm2dB0",
            EvoNorm2dB0,
            Theory(SCALE, "", shares=frozenset({"batch", "space"}), spaces=IMAGES),
        ),
        ("filter_response_normalization/use.FilterResponseNormTlu", _no_cut, Theory(SCALE, "square")),
        ("ghost_batch_normalization/use.GhostBatchNorm2d", GhostBatchNorm2d, Theory(spaces=IMAGES)),
        (
            "global_response_normalization/use.GlobalResponseNorm",
            lambda width: _channels_last(GlobalResponseNorm(width)),
            Theory(NONE, "", spaces=IMAGES),
        ),
        (
            "instance_normalization/from_scratch.InstanceNorm-affine",
            lambda width: InstanceNorm(width, affine=True),
            Theory(),
        ),
        (
            "instance_normalization/from_scratch.InstanceNorm-running",
            lambda width: InstanceNorm(width, track_running_stats=True),
            Theory(affine=PLAIN, stored=True),
        ),
        ("layer_normalization/use.LayerNorm2d", LayerNorm2d, Theory()),
        ("pixel_normalization/use.PixelNorm", lambda _: PixelNorm(), Theory(SCALE, "square", PLAIN)),
        (
            "l2_normalization/from_scratch.normalize",
            lambda _: Of(lambda x: normalize(x) * WIDTH**0.5),
            Theory(SCALE, "square", PLAIN, shares=channel),
        ),
        ("weight_normalization/from_scratch.WeightNorm", _weight_norm, Theory(SCALE, "square", zeros=False, **unit)),
        (
            "spectral_normalization/from_scratch.SpectralNorm",
            _spectral_norm,
            Theory(SCALE, "", zeros=False, spaces=((2, 2),), fixed=True, steps=True, **unit),
        ),
        ("weight_standardization/use.Standardized", lambda _: Standardized(), Theory(**unit)),
        (
            "weight_standardization/from_scratch.StandardizedConv2d",
            _convolution(StandardizedConv2d, scaled=False),
            Theory(spaces=IMAGES, **unit),
        ),
        (
            "weight_standardization/from_scratch.ScaledStandardizedConv2d",
            _convolution(ScaledStandardizedConv2d, scaled=True),
            Theory(spaces=IMAGES, **unit),
        ),
    ]
    tokens: list[tuple[str, Make, Theory]] = [
        ("scale_norm/use.ScaleNorm", ScaleNorm, Theory(SCALE, "square", PLAIN)),
        ("dynamic_tanh/use.DynamicTanh", DynamicTanh, Theory(NONE, "")),
        (
            "l2_normalization/use.CosineClassifier",
            lambda width: CosineClassifier(width, width),
            Theory(SCALE, "", PLAIN, shares=channel, widens=True),
        ),
        ("qk_normalization/use.Attention", lambda w: Attention(w, heads=2), Theory(NONE, "", PLAIN, shares=sequence)),
        ("qk_normalization/from_scratch.attention", _qk(attention, 1, 1), Theory(SCALE, "", PLAIN, shares=sequence)),
        (
            "qk_normalization/from_scratch.cosine_attention",
            _qk(cosine_attention, 0),
            Theory(SCALE, "", PLAIN, zeros=False, shares=sequence),
        ),
        (
            "deepnorm/from_scratch.DeepNorm",
            lambda width: DeepNorm(nn.Linear(width, width, bias=False), width, layers=6),
            Theory(SCALE, "variance", shares=channel),
        ),
        (
            "deepnorm/use.DeepNormLayer",
            _deepnorm_layer,
            Theory(NONE, "variance", PLAIN, shares=sequence),
        ),
    ]
    both = [(row, False) for row in rows] + [(row, True) for row in tokens]
    return [
        Normalizer(name, name.partition("/")[0].replace("_", "-"), make, last, theory)
        for (name, make, theory), last in both
    ]
