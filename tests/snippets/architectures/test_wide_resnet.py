"""Wide ResNet: equal to torchvision's and timm's, counts of the paper, and the claims of its page."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from snippets.architectures.wide_resnet.from_scratch import WideResNet
from snippets.architectures.wide_resnet.use import WideBasic, wide_resnet
from snippets.experiment import stages
from tests.support import oracles  # noqa: F401 - before torchvision
from tests.support.networks import parameters_of, same_logits


def small() -> tuple[nn.Module, Tensor]:
    """WRN-50-2 of an eighth of the width."""
    return WideResNet(50, classes=10, width=8), torch.randn(2, 3, 32, 32)


def test_equals_torchvision() -> None:
    """Logits in both modes and running statistics of WRN-50-2, on one image: it has 69 million weights."""
    from torchvision import models

    same_logits(WideResNet, models.wide_resnet50_2, shape=(1, 3, 64, 64))


def test_factor_one_is_resnet() -> None:
    """With factor 1 it is torchvision's ResNet-50."""
    from torchvision import models

    same_logits(lambda: WideResNet(factor=1), models.resnet50, shape=(1, 3, 64, 64))


def timms(depth: int, factor: int) -> nn.Module:
    """timm's pre-activation network of basic blocks, with stem and head of a network for small images."""
    from timm.layers import BatchNormAct2d, create_conv2d
    from timm.models.resnetv2 import ResNetV2

    channels = tuple(16 * factor << stage for stage in range(3))
    model = ResNetV2(
        [(depth - 4) // 6] * 3,
        channels,
        stem_chs=16,
        basic=True,
        bottle_ratio=1.0,
        conv_layer=create_conv2d,
        norm_layer=BatchNormAct2d,
    )
    model.stem = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
    model.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels[-1], 10))
    return model


def test_equals_timms_blocks() -> None:
    """WRN-16-2 and WRN-22-1 equal a network of timm's blocks, in both modes."""
    for depth, factor in ((16, 2), (22, 1)):
        same_logits(lambda d=depth, f=factor: wide_resnet(10, d, f), lambda d=depth, f=factor: timms(d, f))


def test_parameters() -> None:
    """WRN-50-2 and WRN-101-2 have as many as torchvision's, WRN-28-10 has 36.5 million for 10 classes."""
    from torchvision import models

    for depth, count in ((50, 68_883_240), (101, 126_886_696)):
        assert parameters_of(lambda depth=depth: WideResNet(depth)) == count
        assert getattr(models, f"Wide_ResNet{depth}_2_Weights").IMAGENET1K_V1.meta["num_params"] == count
    assert parameters_of(lambda: wide_resnet(10)) == 36_479_194 == parameters_of(lambda: timms(28, 10))


def test_width_is_quadratic() -> None:
    """Twice the factor gives 3.9 to 4.1 times the parameters from 2 on; twice the blocks give 2.0 to 2.3 times."""

    def count(depth: int, factor: int) -> int:
        return parameters_of(lambda: wide_resnet(10, depth, factor))

    for factor in (2, 4, 8):
        assert 3.9 < count(28, 2 * factor) / count(28, factor) < 4.1
        assert 2.0 < count(52, factor) / count(28, factor) < 2.3  # 8 blocks a stage in place of 4


def test_cost(evidence) -> None:
    """2.7 times the parameters and 2.8 times the multiply-adds of ResNet-50, the same maps and the same field."""
    with torch.device("meta"):
        thin = stages(WideResNet(factor=1))
    wide = evidence()
    assert wide["parameters"] / 25_557_032 == pytest.approx(2.7, abs=0.05)
    assert wide["multiply_adds"] / sum(row["multiply_adds"] for row in thin.values()) == pytest.approx(2.8, abs=0.05)
    for stage, row in thin.items():
        assert wide["stages"][stage]["shape"] == row["shape"]
        assert wide["stages"][stage]["field"] == row["field"]


def test_multiply_adds_are_torchvisions(evidence) -> None:
    """The table's sum is what torchvision publishes."""
    from torchvision.models import Wide_ResNet50_2_Weights

    published = Wide_ResNet50_2_Weights.IMAGENET1K_V1.meta["_ops"]
    assert evidence()["multiply_adds"] / 1e9 == pytest.approx(published, abs=0.001)


def test_dropout_is_in_the_branch() -> None:
    """Dropout changes the branch in training and nothing in evaluation; the shortcut is never dropped."""
    torch.manual_seed(0)
    block, x = WideBasic(8, 8, p=0.5), torch.randn(4, 8, 6, 6)
    assert not torch.equal(block(x), block(x))
    block.eval()
    assert torch.equal(block(x), block(x))
    nn.init.zeros_(block.branch[-1].weight)
    assert torch.equal(block.train()(x), x)
    assert [type(m).__name__ for m in block.branch].index("Dropout") == 3


@pytest.mark.parametrize("depth", [4, 18, 20, 27, 50, 110])
def test_other_depths_are_refused(depth: int) -> None:
    """Depths that are not 6n + 4 raise ValueError; 10, 16, 22, 28 and 40 do not."""
    with pytest.raises(ValueError, match="depth must be 6n \\+ 4"):
        wide_resnet(10, depth, 1)
    for good in (10, 16, 22, 28, 40):
        with torch.device("meta"):
            assert sum(isinstance(m, WideBasic) for m in wide_resnet(10, good, 1)) == (good - 4) // 2
