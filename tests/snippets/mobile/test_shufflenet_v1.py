"""ShuffleNet v1: equal to dense layers with zeros, the authors' counts, and the claims of its page."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from snippets.experiment import stages
from snippets.mobile.shufflenet_v1.from_scratch import FIRST, ShuffleNetV1, Unit
from snippets.mobile.shufflenet_v1.use import GroupedBlock
from tests.support.counting import multiply_adds

PUBLISHED = {  # groups, width, channels of the first convolution: multiply-adds and parameters in millions
    (3, 0.5, 12): (38, 0.7),
    (3, 1.0, 24): (138, 1.9),
    (3, 1.5, 24): (292, 3.4),
    (3, 2.0, 48): (524, 5.4),
    (8, 0.5, 16): (40, 1.0),
    (8, 1.0, 24): (138, 2.4),
    (8, 1.5, 24): (290, 4.3),
    (8, 2.0, 48): (522, 6.5),
}


def small() -> tuple[nn.Module, Tensor]:
    """A tenth of the width."""
    return ShuffleNetV1(3, width=0.1, classes=10, channels=12), torch.randn(2, 3, 32, 32)


def test_counts(evidence: Any) -> None:
    """All eight forms: multiply-adds to a million, parameters to 0.06 million as in the authors' table."""
    for (groups, width, channels), (millions, parameters) in PUBLISHED.items():
        with torch.device("meta"):
            model = ShuffleNetV1(groups, width, channels=channels)
        total = sum(row["multiply_adds"] for row in stages(model).values())
        assert total / 1e6 == pytest.approx(millions, abs=1)
        assert sum(p.numel() for p in model.parameters()) / 1e6 == pytest.approx(parameters, abs=0.06)
    assert evidence()["parameters"] == 1_864_728
    assert round(evidence()["multiply_adds"] / 1e6) == 137


def dense(layer: nn.Conv2d) -> Tensor:
    """The weight of an ordinary 1×1 convolution that equals a grouped one: blocks on the diagonal, zeros elsewhere."""
    return torch.block_diag(*layer.weight[:, :, 0, 0].chunk(layer.groups))


def by_hand(unit: Unit, x: Tensor) -> Tensor:
    """A unit in eval mode with matrices in place of grouped convolutions, and a permutation written out."""
    layers = list(unit.branch)

    def norm(at: int, y: Tensor) -> Tensor:
        layer = layers[at]
        scale = layer.weight / (layer.running_var + layer.eps).sqrt()
        return y * scale[:, None, None] + (layer.bias - layer.running_mean * scale)[:, None, None]

    groups = layers[6].groups  # of the convolution: the shuffle itself is under test
    y = norm(1, torch.einsum("oc,bchw->bohw", dense(layers[0]), x)).relu()
    each = y.shape[1] // groups
    y = y[:, [group * each + place for place in range(each) for group in range(groups)]]
    y = norm(5, F.conv2d(y, layers[4].weight, stride=unit.stride, padding=1, groups=y.shape[1]))
    y = norm(7, torch.einsum("oc,bchw->bohw", dense(layers[6]), y))
    return (x + y).relu() if unit.stride == 1 else torch.cat([F.avg_pool2d(x, 3, 2, 1), y], dim=1).relu()


@pytest.mark.parametrize("groups", [2, 3, 4, 8])
@pytest.mark.parametrize("stride", [1, 2])
def test_equals_matrices(groups: int, stride: int) -> None:
    """The unit equals one of dense matrices with zeros and a written-out permutation, in float64."""
    torch.manual_seed(0)
    channels = 8 * groups
    unit = Unit(channels, channels * stride * stride, groups, stride).double()
    x = torch.randn(4, channels, 6, 6, dtype=torch.float64)
    unit(x)  # running statistics that are not 0 and 1
    torch.testing.assert_close(unit.eval()(x), by_hand(unit, x), rtol=1e-10, atol=1e-12)


def test_cost_of_a_unit() -> None:
    """hw (2 c m / g + 9 m) multiply-adds for 60 random units; a bottleneck of a ResNet has hw (2 c m + 9 m m)."""
    chance = random.Random(0)
    for _ in range(60):
        groups, h, w = chance.choice([1, 2, 3, 4, 8]), chance.randint(2, 14), chance.randint(2, 14)
        channels = 4 * groups * chance.randint(1, 8)
        m = channels // 4
        with torch.device("meta"):
            unit = multiply_adds(Unit(channels, channels, groups, 1), channels, h, w)
            layers = [nn.Conv2d(channels, m, 1), nn.Conv2d(m, m, 3, 1, 1), nn.Conv2d(m, channels, 1)]
            bottleneck = multiply_adds(nn.Sequential(*layers), channels, h, w)
        assert unit * groups == h * w * (2 * channels * m + 9 * m * groups)
        assert bottleneck == h * w * (2 * channels * m + 9 * m * m)


def reach(shuffled: bool, channels: int = 48, groups: int = 3) -> list[set[int]]:
    """The input channels on which each output channel depends after three units, by gradients."""
    torch.manual_seed(0)
    units = [Unit(channels, channels, groups, 1).eval() for _ in range(3)]
    for unit in units:
        unit.branch[2] = unit.relu = nn.Identity()  # a ReLU could hide a channel by chance
        if not shuffled:
            unit.branch[3] = nn.Identity()
    x = torch.randn(1, channels, 5, 5, requires_grad=True)
    out = nn.Sequential(*units)(x)
    found = [torch.autograd.grad(out[0, i].sum(), x, retain_graph=True)[0][0] for i in range(channels)]
    return [set(grad.abs().amax(dim=(1, 2)).nonzero().flatten().tolist()) for grad in found]


def test_shuffle_joins_groups() -> None:
    """Without the shuffle each output depends on the third of the inputs that is its group's; with it on all."""
    assert reach(shuffled=False) == [set(range(i // 16 * 16, i // 16 * 16 + 16)) for i in range(48)]
    assert reach(shuffled=True) == [set(range(48))] * 48


def test_more_channels_at_the_same_cost() -> None:
    """8 groups have 1.6 times the channels of 3 groups, with equal multiply-adds to 1% and 31% more parameters."""
    assert FIRST[8] / FIRST[3] == pytest.approx(1.6)
    found = {}
    for groups in FIRST:
        with torch.device("meta"):
            model = ShuffleNetV1(groups)
        found[groups] = (
            sum(row["multiply_adds"] for row in stages(model).values()),
            sum(p.numel() for p in model.parameters()),
        )
    assert found[8][0] / found[3][0] == pytest.approx(1, abs=0.01)
    assert found[8][1] / found[3][1] == pytest.approx(1.31, abs=0.01)


def test_shuffle_the_other_way_round() -> None:
    """torch's shuffle with g groups is undone by one with c / g groups; both give each group of the next layer an
    equal share of every group, to one channel, and they differ unless c is the square of g."""
    for groups in (2, 3, 4, 8):
        for each in (groups, 2 * groups, 5 * groups, 20, groups + 1):
            x = torch.arange(groups * each, dtype=torch.float32)[None, :, None, None]
            there, back = nn.ChannelShuffle(groups), nn.ChannelShuffle(each)
            assert torch.equal(back(there(x)), x)
            assert torch.equal(there(x), back(x)) == (groups == each)
            for shuffle in (there, back):
                source = shuffle(x).flatten().div(each, rounding_mode="floor").reshape(groups, each)
                for part in source:
                    counts = part.long().bincount(minlength=groups)
                    assert set(counts.tolist()) <= {each // groups, -(-each // groups)}


def test_block_refuses() -> None:
    """A number of channels that 4 * groups does not divide is refused by name; the output keeps the input's shape."""
    for channels in (100, 6, 18):  # 3 divides two of them, but not a quarter of them
        with pytest.raises(ValueError, match=f"channels must be a multiple of 12, got {channels}"):
            GroupedBlock(channels, 3)
    for groups in (1, 2, 3, 5):
        x = torch.rand(2, 4 * groups * 3, 5, 5)
        assert GroupedBlock(x.shape[1], groups)(x).shape == x.shape
