"""MobileNetV2: equal to torchvision, counts of torchvision and timm, and the claims of its page."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from snippets.experiment import stages
from snippets.mobile.mobilenet_v2.from_scratch import InvertedResidual, MobileNetV2
from snippets.mobile.mobilenet_v2.use import InvertedResidual as Block
from snippets.mobile.mobilenet_v2.use import mobilenet_for_small_images
from tests.support import oracles  # noqa: F401 - before torchvision
from tests.support.counting import by_kind
from tests.support.networks import parameters_of, same_logits


def small() -> tuple[nn.Module, Tensor]:
    """The narrowest of the published widths."""
    return MobileNetV2(width=0.1, classes=10, dropout=0.0), torch.randn(2, 3, 32, 32)


@pytest.mark.parametrize("width", [0.5, 1.0])
def test_equals_torchvision(width: float) -> None:
    """Logits in both modes, and the running statistics, with torchvision's weights."""
    from torchvision import models

    same_logits(lambda: MobileNetV2(width), lambda: models.mobilenet_v2(width_mult=width))


def test_block_of_the_code_equals_the_networks() -> None:
    """The block to copy computes what the block from scratch does, with and without shortcut and stride."""
    torch.manual_seed(0)
    x = torch.randn(2, 8, 6, 6)
    for out, stride in ((8, 1), (16, 1), (8, 2)):
        ours, theirs = Block(8, out, stride), InvertedResidual(8, out, stride, 6)
        ours.load_state_dict(theirs.state_dict())
        assert torch.equal(ours(x), theirs(x))


def test_parameters() -> None:
    """As many as torchvision at six widths, and as timm's networks of five."""
    import timm
    from torchvision import models

    for width in (0.35, 0.5, 0.75, 1.0, 1.4, 2.0):
        count = parameters_of(lambda width=width: MobileNetV2(width))
        assert count == parameters_of(lambda width=width: models.mobilenet_v2(width_mult=width))
    assert parameters_of(MobileNetV2) == models.MobileNet_V2_Weights.IMAGENET1K_V1.meta["num_params"] == 3_504_872
    for width in (0.35, 0.5, 0.75, 1.0, 1.4):
        name = f"mobilenetv2_{round(100 * width):03}"
        assert parameters_of(lambda name=name: timm.create_model(name)) == parameters_of(
            lambda width=width: MobileNetV2(width)
        )


def test_widths() -> None:
    """Below 1 the last convolution keeps 1,280 channels, above it grows; all numbers of channels are multiples of 8."""
    for width in (0.1, 0.35, 0.5, 0.75, 1.0, 1.4):
        with torch.device("meta"):
            model = MobileNetV2(width)
        channels = [m.out_channels for m in model.modules() if isinstance(m, nn.Conv2d)]
        assert channels[-1] == (1280 if width <= 1 else 1792)
        assert all(c % 8 == 0 for c in channels)


def test_multiply_adds(evidence: Any) -> None:
    """301 million by the table, by a second count and by torchvision; 37% of the parameters in the last layer."""
    from torchvision import models

    with torch.device("meta"):
        model = MobileNetV2()
        rows = stages(model)
        counts = by_kind(model, 3, 224, 224)
    total = evidence()["multiply_adds"]
    assert sum(counts.values()) == total == sum(row["multiply_adds"] for row in rows.values())
    assert total / 1e9 == pytest.approx(models.MobileNet_V2_Weights.IMAGENET1K_V1.meta["_ops"], abs=0.0005)
    assert evidence()["stages"]["head"]["parameters"] / evidence()["parameters"] == pytest.approx(0.37, abs=0.005)


def test_where_the_work_is() -> None:
    """Pointwise convolutions have 89% of the multiply-adds, the depthwise ones 7%."""
    with torch.device("meta"):
        counts = by_kind(MobileNetV2(), 3, 224, 224)
    total = sum(counts.values())
    assert counts["pointwise"] / total == pytest.approx(0.89, abs=0.005)
    assert counts["depthwise"] / total == pytest.approx(0.07, abs=0.005)


def test_cost_of_a_block() -> None:
    """The formula for 60 random blocks, of both strides, counted while an input runs through."""
    chance = random.Random(0)
    for _ in range(60):
        c, out, t, s = (chance.choice(options) for options in ([8, 24, 40], [8, 16, 24, 64], [2, 3, 6], [1, 2]))
        h, w = 2 * chance.randint(1, 10), 2 * chance.randint(1, 10)
        with torch.device("meta"):
            counts = by_kind(InvertedResidual(c, out, s, t), c, h, w)
        assert sum(counts.values()) == h * w * t * c * c + (h // s) * (w // s) * t * c * (9 + out)


def test_shortcuts() -> None:
    """10 of the 17 blocks have one."""
    with torch.device("meta"):
        blocks = [m for m in MobileNetV2().modules() if isinstance(m, InvertedResidual)]
    assert len(blocks) == 17
    assert sum(block.shortcut for block in blocks) == 10


def test_narrow_end_is_linear() -> None:
    """The block ends with batch normalization: its outputs are of both signs, in each block of the network."""
    torch.manual_seed(0)
    for block in (m for m in MobileNetV2(0.35).modules() if isinstance(m, InvertedResidual)):
        assert isinstance(block.branch[-1], nn.BatchNorm2d)
        out = block.branch(torch.randn(2, block.branch[0].in_channels, 8, 8))
        assert out.min() < 0 < out.max()


def test_expansion_keeps_information(evidence: Any) -> None:
    """Shares as of a binomial, at least d of t d fair coins; for 24: none at 1, over half at 2, nearly all from 3."""
    found = evidence("relu")
    for channels, shares in found["kept"].items():
        d = int(channels)
        for expansion, share in zip(found["expansions"], shares, strict=True):
            n = int(d * expansion)
            assert share == pytest.approx(sum(math.comb(n, k) for k in range(d, n + 1)) / 2**n, abs=0.08)
    of_24 = dict(zip(found["expansions"], found["kept"]["24"], strict=True))
    assert of_24[1.0] == 0
    assert 0.5 < of_24[2.0] < 0.62
    assert min(of_24[t] for t in (3.0, 4.0, 6.0)) > 0.99


def test_relu6_fits_eight_bits() -> None:
    """Whatever the input, 256 levels from 0 to 6 are at most half of 6/255 away; without the limit it is unbounded."""
    torch.manual_seed(0)
    for spread in (0.1, 1.0, 100.0):
        y = nn.ReLU6()(spread * torch.randn(10_000))
        stored = torch.fake_quantize_per_tensor_affine(y, 6 / 255, 0, 0, 255)
        assert (stored - y).abs().max() <= 0.5 * 6 / 255 + 1e-6
    assert nn.ReLU()(torch.tensor(100.0)) == 100


def test_normalization_folds_away() -> None:
    """Each convolution takes over its batch normalization: equal to 1e-5, and 17,056 channels' factors are gone."""
    from torch.nn.utils.fusion import fuse_conv_bn_eval

    torch.manual_seed(0)
    model, x = MobileNetV2(), torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        model(x)  # running statistics that are not 0 and 1
        expected = model.eval()(x)
        scalings = sum(m.weight.numel() for m in model.modules() if isinstance(m, nn.BatchNorm2d))
        for part in [m for m in model.modules() if isinstance(m, nn.Sequential)]:
            for place in range(len(part) - 1):
                if isinstance(part[place], nn.Conv2d) and isinstance(part[place + 1], nn.BatchNorm2d):
                    part[place] = fuse_conv_bn_eval(part[place], part[place + 1])
                    part[place + 1] = nn.Identity()
        assert not any(isinstance(m, nn.BatchNorm2d) for m in model.modules())
        torch.testing.assert_close(model(x), expected, rtol=0, atol=1e-5 * expected.abs().max().item())
    assert scalings == 17_056
    assert sum(p.numel() for p in model.parameters()) == 3_504_872 - scalings


def test_fan_out_ignores_groups() -> None:
    """torch's fan_out of a depthwise kernel is 9 C; the standard deviation is that of 9 divided by the root of C."""
    torch.manual_seed(0)
    for channels in (64, 256, 960):
        conv = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)
        assert nn.init._calculate_fan_in_and_fan_out(conv.weight) == (9, 9 * channels)
        nn.init.kaiming_normal_(conv.weight, mode="fan_out")
        assert conv.weight.std().item() == pytest.approx(math.sqrt(2 / 9) / math.sqrt(channels), rel=0.15)
        nn.init.kaiming_normal_(conv.weight, mode="fan_in")
        assert conv.weight.std().item() == pytest.approx(math.sqrt(2 / 9), rel=0.15)


def test_small_images() -> None:
    """At 32 x 32 the ImageNet strides leave one pixel before the mean; the network of use.py 4 x 4."""
    x = torch.rand(2, 3, 32, 32)
    usual = MobileNetV2(0.35, classes=10)
    assert nn.Sequential(*list(usual.children())[:-1])(x).shape[2:] == (1, 1)
    assert mobilenet_for_small_images(10)[:-4](x).shape[2:] == (4, 4)
