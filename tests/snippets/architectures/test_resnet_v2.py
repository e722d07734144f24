"""ResNetV2: equal to timm, counts, the path that nothing touches, and the claims of its page."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from snippets.architectures.resnet.from_scratch import ResNet
from snippets.architectures.resnet_v2.from_scratch import LAYERS, PreActBlock, ResNetV2
from snippets.architectures.resnet_v2.use import PreActBasic, preact_resnet
from tests.support import oracles  # noqa: F401 - before torchvision
from tests.support.networks import parameters_of, same_logits


def small() -> tuple[nn.Module, Tensor]:
    """ResNetV2-50 of a sixteenth of the width."""
    return ResNetV2(50, classes=10, width=4), torch.randn(2, 3, 32, 32)


def timms(depth: int) -> nn.Module:
    import timm

    return timm.create_model(f"resnetv2_{depth}")


def test_equals_timm() -> None:
    """Logits in both modes and running statistics of ResNetV2-50; timm's last layer, a 1 x 1 convolution, as ours."""

    def reference() -> nn.Module:
        model = timms(50)
        model.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2048, 1000))
        return model

    same_logits(ResNetV2, reference, shape=(2, 3, 64, 64))


def test_parameters() -> None:
    """As many as timm's; with 50 layers 25,549,352, which is 7,680 fewer than ResNet-50 has."""
    assert parameters_of(ResNetV2) == 25_549_352 == parameters_of(lambda: timms(50))
    assert parameters_of(lambda: ResNetV2(101)) == parameters_of(lambda: timms(101))
    assert parameters_of(lambda: ResNetV2(152)) == parameters_of(lambda: timms(152))
    assert parameters_of(lambda: ResNet(50)) - parameters_of(ResNetV2) == 7_680
    assert list(LAYERS) == [50, 101, 152]


def test_same_cost(evidence) -> None:
    """Multiply-adds of each stage and of all are those of ResNet-50 in torchvision's form."""
    from torchvision.models import ResNet50_Weights

    from snippets.experiment import stages

    with torch.device("meta"):
        first = stages(ResNet(50))
    for stage, row in first.items():
        assert evidence()["stages"][stage]["multiply_adds"] == row["multiply_adds"]
    assert evidence()["multiply_adds"] / 1e9 == pytest.approx(ResNet50_Weights.IMAGENET1K_V1.meta["_ops"], abs=0.001)


@pytest.mark.parametrize("make", [lambda: PreActBasic(8, 8), lambda: PreActBlock(8, 2)])
def test_output_is_a_sum(make) -> None:
    """Ten blocks return their first input plus the sum of all branches, to rounding."""
    torch.manual_seed(0)
    blocks = [make().double() for _ in range(10)]
    x = first = torch.randn(4, 8, 5, 5, dtype=torch.float64)
    branches = []
    for block in blocks:
        branches.append(block.branch(block.before(x)))
        x = block(x)
    torch.testing.assert_close(x, first + sum(branches), rtol=0, atol=1e-12)
    assert x.min() < 0


def test_identity_path(evidence) -> None:
    """Of each block's input everything reaches the end in ResNetV2; in ResNet about 10% of the first block's."""
    ours, original = (torch.tensor(evidence("gradient")[name]) for name in ("ResNetV2", "ResNet"))
    assert torch.equal(ours, torch.ones_like(ours))
    assert original[:, 0].mean().item() == pytest.approx(0.1, abs=0.02)
    assert original[:, 0].max() < 0.15
    assert (original.mean(dim=0).diff() > 0).all()


def test_last_normalization_is_needed() -> None:
    """At the start the sum of 54 blocks is 1.8 to 2.5 times that of 9; after the last norm both are alike."""
    for seed in range(3):
        torch.manual_seed(seed)
        x = torch.randn(8, 3, 32, 32)
        with torch.no_grad():
            deep, shallow = (preact_resnet(10, depth)[:-5](x).std().item() for depth in (110, 20))
            after, other = (preact_resnet(10, depth)[:-4](x).std().item() for depth in (110, 20))
        assert 1.8 * shallow < deep < 2.5 * shallow
        assert after == pytest.approx(other, rel=0.02)


def test_two_projections() -> None:
    """The projection of x and the projection of its activation have one shape and give other outputs."""
    torch.manual_seed(0)
    block, x = PreActBasic(4, 8, stride=2), torch.randn(2, 4, 6, 6)
    other = block.project(x) + block.branch(block.before(x))
    assert other.shape == block(x).shape
    assert (other - block(x)).abs().max() > 0.1
    assert (block.project(block.before(x)) + block.branch(block.before(x)) - block(x)).abs().max() < 1e-5


def test_inplace_relu_on_the_sum() -> None:
    """An in-place ReLU on the sum itself changes what the shortcut adds, without an error."""
    x = torch.randn(2, 4, 5, 5)
    block = PreActBasic(4, 4)
    expected = block(x)
    block.before = nn.Sequential(nn.ReLU(inplace=True))
    changed = x.clone()
    block(changed)
    assert (changed - x).abs().max() > 0.1
    block.before = nn.Sequential(nn.BatchNorm2d(4), nn.ReLU(inplace=True))
    torch.testing.assert_close(block(x), expected)
