"""ResNeXt: equal to torchvision, equal to a sum of 32 paths, counts, and the claims of its page."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from snippets.architectures.resnext.from_scratch import GroupedBlock, ResNeXt, conv_norm
from snippets.architectures.resnext.use import ResNeXtBlock, resnext29
from snippets.experiment import stages
from tests.support import oracles  # noqa: F401 - before torchvision
from tests.support.networks import filled, parameters_of, same_logits


def small() -> tuple[nn.Module, Tensor]:
    """ResNeXt-50 with 4 groups of 2 channels."""
    return ResNeXt(50, groups=4, base=2, classes=10, width=8), torch.randn(2, 3, 32, 32)


def test_equals_torchvision() -> None:
    """Logits in both modes and running statistics of ResNeXt-50 32x4d; 1x64d is ResNet-50."""
    from torchvision import models

    same_logits(ResNeXt, models.resnext50_32x4d, shape=(2, 3, 64, 64))
    same_logits(lambda: ResNeXt(50, 1, 64), models.resnet50, shape=(1, 3, 64, 64))


def test_parameters() -> None:
    """As many as torchvision's three networks."""
    from torchvision import models

    expected = {(50, 32, 4): 25_028_904, (101, 32, 8): 88_791_336, (101, 64, 4): 83_455_272}
    for (depth, groups, base), count in expected.items():
        assert parameters_of(lambda d=depth, g=groups, b=base: ResNeXt(d, g, b)) == count
        weights = getattr(models, f"ResNeXt{depth}_{groups}X{base}D_Weights")
        assert next(iter(weights)).meta["num_params"] == count


@pytest.mark.parametrize(("groups", "base"), [(32, 4), (8, 14), (1, 64)])
def test_sum_of_paths(groups: int, base: int) -> None:
    """Before its last normalization a branch is the sum of as many bottlenecks of `base` channels as it has groups."""
    inner = groups * base
    block = filled(lambda: GroupedBlock(64, inner, 64, 1, groups)).double().eval()
    first, norm1, _, second, norm2, _, third, _ = block.branch
    x = torch.randn(2, 64, 6, 6, dtype=torch.float64)
    total = torch.zeros(2, 64, 6, 6, dtype=torch.float64)
    for part in torch.arange(inner).split(base):
        y = x
        for conv, norm, padding in ((first, norm1, 0), (second, norm2, 1)):
            y = F.conv2d(y, conv.weight[part], padding=padding)  # the weights of one group see its inputs only
            statistics = (norm.running_mean[part], norm.running_var[part], norm.weight[part], norm.bias[part])
            y = F.batch_norm(y, *statistics, eps=norm.eps).relu()
        total += F.conv2d(y, third.weight[:, part])
    torch.testing.assert_close(block.branch[:-1](x), total)


@pytest.mark.parametrize(
    ("channels", "base", "groups"), [(256, 4, 32), (256, 64, 1), (128, 14, 8), (64, 2, 16), (32, 8, 2)]
)
def test_weights_of_a_block(channels: int, base: int, groups: int) -> None:
    """C * (N d + 9 d^2 + N d) weights, for N channels outside, C groups of d channels."""
    block = GroupedBlock(channels, base * groups, channels, 1, groups)
    weights = sum(m.weight.numel() for m in block.modules() if isinstance(m, nn.Conv2d))
    assert weights == groups * (2 * channels * base + 9 * base**2)
    if (channels, base, groups) == (256, 4, 32):
        assert weights == 70_144
    if (channels, base, groups) == (256, 64, 1):
        assert weights == 69_632


def test_same_cost_at_other_cardinality(evidence) -> None:
    """The five forms have parameters within 2.5% of each other, and multiply-adds within 4.5%."""
    forms = [(1, 64), (2, 40), (4, 24), (8, 14), (32, 4)]
    counts = [parameters_of(lambda g=groups, b=base: ResNeXt(50, g, b)) for groups, base in forms]
    assert max(counts) / min(counts) < 1.025
    costs = []
    for groups, base in forms:
        with torch.device("meta"):
            model = ResNeXt(50, groups, base)
        costs.append(sum(row["multiply_adds"] for row in stages(model).values()))
    assert max(costs) / min(costs) < 1.045
    assert costs[-1] == evidence()["multiply_adds"]


def test_torchvisions_weights() -> None:
    """First weights: 76.1% and 77.6%; second ones: 80.9% and 81.2%, a smaller gap."""
    from torchvision import models

    def top1(network: str, version: str) -> float:
        return getattr(models, f"{network}_Weights")[version].meta["_metrics"]["ImageNet-1K"]["acc@1"]

    first, second = (
        [top1(network, f"IMAGENET1K_V{version}") for network in ("ResNet50", "ResNeXt50_32X4D")] for version in (1, 2)
    )
    assert first == pytest.approx([76.1, 77.6], abs=0.05)
    assert second == pytest.approx([80.9, 81.2], abs=0.05)
    assert 0 < second[1] - second[0] < first[1] - first[0]


def test_multiply_adds_are_torchvisions(evidence) -> None:
    """The table's sum is what torchvision publishes."""
    from torchvision.models import ResNeXt50_32X4D_Weights

    published = ResNeXt50_32X4D_Weights.IMAGENET1K_V1.meta["_ops"]
    assert evidence()["multiply_adds"] / 1e9 == pytest.approx(published, abs=0.001)


def test_fan_out_forgets_groups() -> None:
    """With fan_out the outputs of a convolution in 32 groups have 1/32 of the variance that one group has."""
    torch.manual_seed(0)
    x = torch.randn(64, 128, 8, 8).relu() * 2**0.5  # mean square 1
    variance = {}
    for groups in (1, 32):
        conv = conv_norm(128, 128, 3, 1, groups)[0]
        variance[groups] = conv(x)[..., 1:-1, 1:-1].square().mean().item()
    assert variance[1] == pytest.approx(2, rel=0.1)
    assert variance[32] == pytest.approx(2 / 32, rel=0.15)
    own = ResNeXtBlock(128, 4, 32, 128).branch[3]  # use.py takes fan_in
    assert own(x)[..., 1:-1, 1:-1].square().mean().item() == pytest.approx(2, rel=0.15)


def test_groups_must_divide() -> None:
    """Channels that the groups do not divide are refused with that message."""
    with pytest.raises(ValueError, match="in_channels must be divisible by groups"):
        nn.Conv2d(100, 128, 3, groups=32)
    with pytest.raises(ValueError, match="out_channels must be divisible by groups"):
        nn.Conv2d(128, 100, 3, groups=32)
    assert resnext29(10, groups=3, base=5, width=4)(torch.rand(2, 3, 16, 16)).shape == (2, 10)
