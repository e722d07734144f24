"""Inception v4 and Inception-ResNet-v2: equal to timm, counts, and the claims of their page."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from snippets.architectures.inception_v3 import from_scratch as third
from snippets.architectures.inception_v4.from_scratch import InceptionResNetV2, InceptionV4, pooled
from snippets.architectures.inception_v4.use import ScaledInception, block35, small_network
from tests.support import oracles  # noqa: F401 - before timm
from tests.support.networks import filled, numbers, parameters_of, same_logits, take_weights


def small() -> tuple[nn.Module, Tensor]:
    """The residual form: all of Inception v4 would take images of at least 75 pixels and more than 20 ms."""
    return small_network(10, width=16, blocks=1), torch.randn(2, 3, 16, 16)


def timms(name: str) -> nn.Module:
    import timm

    model: nn.Module = timm.create_model(name)
    return model


@pytest.mark.parametrize(("ours", "name"), [(InceptionV4, "inception_v4"), (InceptionResNetV2, "inception_resnet_v2")])
def test_equals_timm(ours: Any, name: str) -> None:
    """Of both: logits in both modes, dropout drawn alike, and running statistics."""
    import timm

    same_logits(ours, lambda: timm.create_model(name, drop_rate=0.2), shape=(2, 3, 75, 75))


def test_parameters() -> None:
    """42,679,816 and 55,843,464 as in timm."""
    assert parameters_of(InceptionV4) == parameters_of(lambda: timms("inception_v4")) == 42_679_816
    assert parameters_of(InceptionResNetV2) == parameters_of(lambda: timms("inception_resnet_v2")) == 55_843_464


def test_blocks_of_inception_resnet() -> None:
    """Outputs of the three kinds, the last with and without ReLU, in both modes; timm's 40 have the page's scales."""
    import timm  # noqa: F401 - the package exports a function of the module's name

    timms_own = importlib.import_module("timm.models.inception_resnet_v2")
    blocks: list[tuple[ScaledInception, nn.Module]] = [
        (block35(), timms_own.Block35(0.17)),
        (ScaledInception(1088, [[(1, 192)], [(1, 128), ((1, 7), 160), ((7, 1), 192)]], 0.1), timms_own.Block17(0.1)),
    ]
    for act in (True, False):
        own = ScaledInception(2080, [[(1, 192)], [(1, 192), ((1, 3), 224), ((3, 1), 256)]], 0.2, act)
        blocks.append((own, timms_own.Block8(0.2, no_relu=not act)))
    for own, theirs in blocks:
        for module in theirs.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eps = 1e-3  # as in timm's network; its blocks alone have torch's
        take_weights(own, theirs)
        x = numbers((2, own.project.out_channels, 9, 9), 1)
        for training in (True, False):
            torch.testing.assert_close(own.train(training)(x), theirs.train(training)(x))
    with torch.device("meta"):
        found = [getattr(m, "scale", None) for m in timms("inception_resnet_v2").modules()]
    scales = [scale for scale in found if isinstance(scale, float)]
    assert scales == 10 * [0.17] + 20 * [0.1] + 9 * [0.2] + [1.0]


def test_multiply_adds(evidence: Any) -> None:
    """12.3 billion, of which the seven blocks on maps of 17 by 17 do 48%."""
    found = evidence()
    assert found["multiply_adds"] / 1e9 == pytest.approx(12.3, abs=0.05)
    blocks = found["stages"]["blocks17"]
    assert blocks["shape"] == [1024, 17, 17]
    assert blocks["multiply_adds"] / found["multiply_adds"] == pytest.approx(0.48, abs=0.005)
    with torch.device("meta"):
        blocks17 = InceptionV4().blocks17
    assert isinstance(blocks17, nn.Sequential)
    assert len(blocks17) == 7


def test_growth(evidence: Any) -> None:
    """After 39 blocks, means of two seeds: 2.5 to 4.5 times at scale 1, 1.2 to 1.6 at 0.3, under 10% more at 0.1."""
    means = {scale: sum(sizes) / len(sizes) for scale, sizes in evidence("growth").items()}
    assert 2.5 < means["1"] < 4.5
    assert 1.2 < means["0.3"] < 1.6
    assert 1 < means["0.1"] < 1.1


def test_smallest_image() -> None:
    """75 by 75 pass, 74 by 74 raise the error."""
    with torch.device("meta"):
        model = InceptionV4().eval()
    assert model(torch.empty(1, 3, 75, 75, device="meta")).shape == (1, 1000)
    with pytest.raises(RuntimeError, match="Kernel size can't be greater than actual input size"):
        model(torch.empty(1, 3, 74, 74, device="meta"))


def test_padding_of_the_mean() -> None:
    """The mean before the 1 x 1 convolution: of 4 in the corner; torch's default and Inception v3 divide by 9.

    torchvision's Inception v3 calls it with torch's default: its network equals the guide's Inception v3.
    """
    x = numbers((1, 2, 5, 5), 1)
    ours, theirs = pooled(2, 4)[0](x), third.pooled(2, 4)[0](x)
    corner = x[..., :2, :2].sum(dim=(2, 3))
    torch.testing.assert_close(ours[..., 0, 0], corner / 4)
    torch.testing.assert_close(theirs[..., 0, 0], corner / 9)
    torch.testing.assert_close(theirs, F.avg_pool2d(x, 3, 1, 1))
    torch.testing.assert_close(ours[..., 1:-1, 1:-1], theirs[..., 1:-1, 1:-1])
    model = filled(lambda: pooled(2, 4)).eval()
    assert model(x).shape == (1, 4, 5, 5)
