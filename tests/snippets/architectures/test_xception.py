"""Xception: equal to timm's, counts of the paper, and the claims of its page."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any, Literal

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from snippets.architectures.xception.from_scratch import Block, Xception, separable
from snippets.architectures.xception.use import SeparableBlock, xception_for_small_images
from tests.support import oracles  # noqa: F401 - before torchvision
from tests.support.networks import numbers, parameters_of, same_logits


def small() -> tuple[nn.Module, Tensor]:
    """An eighth of the width, one middle block, and 32 by 32 pixels."""
    return Xception(width=4, middle=1, classes=10), torch.randn(3, 3, 32, 32)


def test_equals_timm() -> None:
    """Logits in both modes and running statistics, with timm's weights."""
    import timm

    same_logits(Xception, lambda: timm.create_model("legacy_xception"), shape=(2, 3, 64, 64))


def test_parameters(evidence: Any) -> None:
    """22,855,952, as in the paper's table 3, in timm and in the experiment."""
    import timm

    assert parameters_of(Xception) == 22_855_952 == evidence()["parameters"]
    assert parameters_of(lambda: timm.create_model("legacy_xception")) == 22_855_952


def made() -> Xception:
    with torch.device("meta"):
        return Xception()


def test_layers() -> None:
    """36 convolutional layers, a separable one counted once, in 14 blocks; shortcuts are not counted."""
    model = made()
    names = [name for name, layer in model.named_modules() if isinstance(layer, nn.Conv2d) and "shortcut" not in name]
    pairs = sum(model.get_submodule(name).groups > 1 for name in names)
    assert len(names) - pairs == 36
    blocks = [layer for layer in model.modules() if isinstance(layer, Block)]
    assert len(blocks) + 2 == 14  # the stem, and the last two separable convolutions


@pytest.mark.parametrize(("groups", "millions"), [(1, 5.3), (4, 1.7), (728, 0.54), (8, None), (91, None)])
def test_weights_by_groups(groups: int, millions: float | None) -> None:
    """n² (1 + 9 / g) weights: 5.3, 1.7 and 0.54 million for 728 channels in 1, 4 and 728 groups."""
    with torch.device("meta"):
        pair = nn.Conv2d(728, 728, 1, bias=False), nn.Conv2d(728, 728, 3, padding=1, groups=groups, bias=False)
    count = sum(layer.weight.numel() for layer in pair)
    assert count == 728**2 * (1 + 9 / groups)
    if millions:
        assert count / 1e6 == pytest.approx(millions, abs=0.05 if millions > 1 else 0.005)


def test_pair_is_one_convolution() -> None:
    """Depthwise and 1x1 are one dense convolution with the products of their weights, for each pair of the network."""
    torch.manual_seed(0)
    model = Xception(width=2, middle=1, classes=4).double()
    layers = [m for m in model.modules() if isinstance(m, nn.Conv2d | nn.ReLU | nn.BatchNorm2d)]
    pairs = [(one, two) for one, two in pairwise(layers) if isinstance(one, nn.Conv2d) and one.groups > 1]
    assert len(pairs) == 34 - 7 * 3  # seven middle blocks fewer
    for depthwise, pointwise in pairs:
        assert isinstance(pointwise, nn.Conv2d)
        assert pointwise.kernel_size == (1, 1)
        x = torch.randn(2, depthwise.in_channels, 7, 7, dtype=torch.float64)
        dense = pointwise.weight * depthwise.weight[:, 0]  # (out, in, 1, 1) * (in, 3, 3)
        torch.testing.assert_close(pointwise(depthwise(x)), F.conv2d(x, dense, padding=1))


def test_shortcut_reads_a_quarter() -> None:
    """The shortcut of a block with stride 2 has a slope to one place of four; the branch to all."""
    torch.manual_seed(0)
    block = Block((4, 6, 6), 2).double().eval()
    x = torch.randn(1, 4, 12, 12, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(block.shortcut(x).sum(), x)
    reached = slope.abs().sum(dim=(0, 1)) > 0
    assert reached[::2, ::2].all()
    assert reached.sum() == 36
    slopes = torch.zeros(12, 12, dtype=torch.float64)
    for _ in range(30):  # a maximum passes its slope to one place only: other inputs, other places
        x = torch.randn(8, 4, 12, 12, dtype=torch.float64, requires_grad=True)
        slopes += torch.autograd.grad(block.branch(x).square().sum(), x)[0].abs().sum(dim=(0, 1))
    assert (slopes > 0).all()


def test_where_the_weights_are(evidence: Any) -> None:
    """The middle flow: 56% of parameters and multiply-adds; 3x3 filters of one channel under 1% of the weights."""
    rows, total = evidence()["stages"], evidence()
    for key in ("parameters", "multiply_adds"):
        assert round(rows["middle"][key] / total[key], 2) == 0.56
    convs = [layer for layer in made().modules() if isinstance(layer, nn.Conv2d)]
    filters = sum(layer.weight.numel() for layer in convs if layer.groups > 1)
    assert 0.005 < filters / sum(layer.weight.numel() for layer in convs) < 0.01
    stem = [layer for layer in made().stem if isinstance(layer, nn.Conv2d)]
    others = [layer for layer in convs if layer.groups == 1 and layer.kernel_size == (3, 3)]
    assert len(stem) == len(others) == 2


def test_compared_with_inception(evidence: Any) -> None:
    """4% fewer parameters than Inception v3 without its auxiliary head, and 1.46 times its multiply-adds."""
    from torchvision import models

    published = models.Inception_V3_Weights.IMAGENET1K_V1.meta["_ops"] * 1e9
    assert evidence()["multiply_adds"] / published == pytest.approx(1.46, abs=0.005)
    with torch.device("meta"):
        theirs = models.inception_v3(init_weights=False, aux_logits=False)
    share = evidence()["parameters"] / sum(p.numel() for p in theirs.parameters())
    assert share == pytest.approx(0.96, abs=0.005)


def test_small_images() -> None:
    """At 32 by 32 the usual network leaves one place before the mean, the one of use.py 8 by 8."""
    x = torch.rand(2, 3, 32, 32)
    usual = Xception(width=4, middle=1)
    assert nn.Sequential(*list(usual.children())[:-1])(x).shape[2:] == (1, 1)
    assert xception_for_small_images(10, width=8, middle=1)[:-5](x).shape[2:] == (8, 8)


@pytest.mark.parametrize(("channels", "out", "stride"), [(4, 6, 2), (6, 6, 1), (4, 6, 1)])
def test_small_block_is_the_same_block(channels: int, out: int, stride: int) -> None:
    """The block of use.py computes what the block from scratch does: outputs, gradients, running statistics."""
    torch.manual_seed(0)
    ours, theirs = SeparableBlock(channels, out, stride).double(), Block((channels, out, out), stride).double()
    for kind in ("branch", "shortcut"):
        theirs.get_submodule(kind).load_state_dict(ours.get_submodule(kind).state_dict())
    x = numbers((3, channels, 9, 9), 1).double()
    torch.testing.assert_close(ours(x), theirs(x))
    for model in (ours, theirs):
        model(x).square().sum().backward()
    for kind in ("branch", "shortcut"):
        pair = zip(ours.get_submodule(kind).parameters(), theirs.get_submodule(kind).parameters(), strict=True)
        for own, other in pair:
            torch.testing.assert_close(own.grad, other.grad)
        for own, other in zip(ours.get_submodule(kind).buffers(), theirs.get_submodule(kind).buffers(), strict=True):
            torch.testing.assert_close(own, other)


def pooled_as_keras(x: Tensor) -> Tensor:
    """Keras' maximum over 3 by 3 places with stride 2 and "same" padding: the larger half stands at the end."""
    size = x.shape[-1]
    missing = max((math.ceil(size / 2) - 1) * 2 + 3 - size, 0)
    before, after = missing // 2, missing - missing // 2
    return F.max_pool2d(F.pad(x, (before, after, before, after), value=-math.inf), 3, 2)


def test_padding_of_keras() -> None:
    """At 299 pixels four maps are pooled, of 147, 74, 37 and 19: torch and Keras agree but for the even one."""
    model, sizes = Xception(width=2, middle=1).eval(), []
    for layer in model.modules():
        if isinstance(layer, nn.MaxPool2d):
            layer.register_forward_hook(lambda _, given, out: sizes.append((given[0].shape[-1], out.shape[-1])))
    with torch.no_grad():
        model(torch.rand(1, 3, 299, 299))
    assert sizes == [(147, 74), (74, 37), (37, 19), (19, 10)]
    for size, smaller in sizes:
        x = numbers((1, 2, size, size), 3)
        ours, keras = nn.MaxPool2d(3, 2, 1)(x), pooled_as_keras(x)
        assert ours.shape == keras.shape == (1, 2, smaller, smaller)
        assert torch.equal(ours, keras) is (size != 74)


def test_scale_of_pixels() -> None:
    """timm's configuration of the weights: mean 0.5 and standard deviation 0.5, so that pixels go from -1 to 1."""
    import timm

    weights = timm.models.get_pretrained_cfg("legacy_xception")
    assert weights.mean == weights.std == (0.5, 0.5, 0.5)


def test_fan_out_is_too_small() -> None:
    """timm's 3x3 filters of the middle flow are sqrt(728) = 27 times smaller than with fan_in; ours are not."""
    import timm

    torch.manual_seed(0)
    theirs = timm.create_model("legacy_xception")
    ratios = []
    for block in range(4, 12):
        for layer in theirs.get_submodule(f"block{block}.rep"):
            if hasattr(layer, "conv1"):
                ratios.append(math.sqrt(2 / 9) / layer.conv1.weight.std().item())
    assert len(ratios) == 24
    assert all(ratio == pytest.approx(27, rel=0.05) for ratio in ratios)
    ours = next(layer for layer in separable(728, 4) if isinstance(layer, nn.Conv2d))
    nn.init.kaiming_normal_(ours.weight, mode="fan_in", nonlinearity="relu")
    assert ours.weight.std().item() == pytest.approx(math.sqrt(2 / 9), rel=0.05)


def loss_of_small_network(mode: Literal["fan_in", "fan_out"], lr: float, seed: int) -> float:
    """Mean training loss of the last 5 of 20 steps of SGD on digits."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    x = torch.tensor(digits.images[:, None], dtype=torch.float32).expand(-1, 3, -1, -1) / 8 - 1
    y = torch.tensor(digits.target)
    torch.manual_seed(seed)
    model = xception_for_small_images(10, width=16, middle=1)
    for parameter in model.parameters():
        if parameter.dim() == 4:
            nn.init.kaiming_normal_(parameter, mode=mode, nonlinearity="relu")
    optimizer, losses = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9), []
    for _ in range(20):
        batch = torch.randint(len(x), (64,))
        loss = F.cross_entropy(model(x[batch]), y[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return sum(losses[-5:]) / 5


@pytest.mark.parametrize("lr", [0.01, 0.045])
def test_fan_out_starts_faster(lr: float) -> None:
    """With each of three seeds fan_out, whose filters are too small, has the lower loss after 20 steps."""
    for seed in range(3):
        assert loss_of_small_network("fan_out", lr, seed) < 0.9 * loss_of_small_network("fan_in", lr, seed)


def test_last_map() -> None:
    """Before the mean: 3 by 3 places at 71 pixels, 2 by 2 at 70 and 39, one at 38."""
    body = nn.Sequential(*list(Xception(width=4, middle=1).children())[:-1]).eval()
    for size, places in ((71, 3), (70, 2), (39, 2), (38, 1)):
        assert body(torch.rand(1, 3, size, size)).shape[2:] == (places, places)


def test_smallest_image() -> None:
    """7 by 7 suffice, in eval mode and with a batch of 2 in train mode; 6 by 6 raise torch's error."""
    model = Xception(width=4, middle=1, classes=3)
    assert model.eval()(torch.rand(1, 3, 7, 7)).shape == (1, 3)
    assert model.train()(torch.rand(2, 3, 7, 7)).shape == (2, 3)
    with pytest.raises(RuntimeError, match="Kernel size can't be greater than actual input size"):
        model.eval()(torch.rand(1, 3, 6, 6))
