"""ShuffleNet V2: equal to torchvision, its counts, and the claims of its page."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch
from torch import Tensor, fx, nn

from snippets.experiment import stages
from snippets.mobile.shufflenet_v2.evidence_traffic import traffic
from snippets.mobile.shufflenet_v2.from_scratch import CHANNELS, ShuffleNetV2, Unit
from snippets.mobile.shufflenet_v2.use import ShuffleUnit, small_network
from tests.support import oracles  # noqa: F401 - before torchvision
from tests.support.counting import blocks_of, multiply_adds
from tests.support.networks import parameters_of, same_logits

NAMES = {0.5: "x0_5", 1.0: "x1_0", 1.5: "x1_5", 2.0: "x2_0"}


def small() -> tuple[nn.Module, Tensor]:
    """A tenth of the width."""
    return ShuffleNetV2((12, 24, 48, 64), classes=10), torch.randn(2, 3, 32, 32)


@pytest.mark.parametrize("width", [0.5, 1.0])
def test_equals_torchvision(width: float) -> None:
    """Logits in both modes, and the running statistics, with torchvision's weights."""
    from torchvision import models

    same_logits(lambda: ShuffleNetV2(CHANNELS[width]), getattr(models, f"shufflenet_v2_{NAMES[width]}"))


def test_counts(evidence: Any) -> None:
    """Parameters and multiply-adds of the four widths are torchvision's; 145 million at width 1."""
    from torchvision import models

    for width, name in NAMES.items():
        meta = getattr(models, f"ShuffleNet_V2_{name.upper()}_Weights").IMAGENET1K_V1.meta
        with torch.device("meta"):
            model = ShuffleNetV2(CHANNELS[width])
        assert parameters_of(lambda width=width: ShuffleNetV2(CHANNELS[width])) == meta["num_params"]
        total = sum(row["multiply_adds"] for row in stages(model).values())
        assert total / 1e9 == pytest.approx(meta["_ops"], abs=0.0006)
    assert evidence()["parameters"] == 2_278_604
    assert round(evidence()["multiply_adds"] / 1e6) == 145


def cost(channels: int, out: int, stride: int, h: int, w: int) -> float:
    """The page's formulas, of a unit with stride 1 and of one with stride 2."""
    if stride == 1:
        return h * w * channels / 2 * (channels + 9)
    return h * w / 4 * (9 * channels + 9 * out / 2 + 5 * channels * out / 2 + out**2 / 4)


def test_cost_of_a_unit() -> None:
    """Both formulas for 20 random units of each stride; and for each unit of the four widths, 224 by 224."""
    chance = random.Random(0)
    for _ in range(20):
        channels, out = 2 * chance.randint(1, 40), 2 * chance.randint(1, 40)
        h, w = 2 * chance.randint(1, 10), 2 * chance.randint(1, 10)
        with torch.device("meta"):
            same, halving = Unit(channels, channels, 1), Unit(channels, out, 2)
        assert multiply_adds(same, channels, h, w) == cost(channels, channels, 1, h, w)
        assert multiply_adds(halving, channels, h, w) == cost(channels, out, 2, h, w)
    for wide in CHANNELS.values():
        with torch.device("meta"):
            blocks = iter(blocks_of(ShuffleNetV2(wide), Unit, 3, 224, 224))
        for out, units in zip(wide, (4, 8, 4), strict=False):
            for place in range(units):
                _, (channels, h, w), found = next(blocks)
                assert found == cost(channels, out, 1 if place else 2, h, w)
        assert next(blocks, None) is None


@pytest.mark.parametrize("make", [lambda: Unit(16, 16, 1), lambda: ShuffleUnit(16)])
def test_half_passes(make: Any) -> None:
    """The first half of the channels is found unchanged at every second place of the output, in both modes."""
    torch.manual_seed(0)
    unit, x = make(), torch.randn(3, 16, 6, 6)
    for training in (True, False):
        out = unit.train(training)(x)
        assert torch.equal(out[:, ::2], x[:, :8])
        assert not torch.isclose(out[:, 1::2], x[:, 8:]).all(dim=(0, 2, 3)).any()


def test_units_agree() -> None:
    """The unit to copy computes what the unit from scratch does."""
    torch.manual_seed(0)
    ours, theirs, x = ShuffleUnit(16), Unit(16, 16, 1), torch.randn(2, 16, 6, 6)
    ours.load_state_dict(dict(zip(ours.state_dict(), theirs.state_dict().values(), strict=True)))
    assert torch.equal(ours(x), theirs(x))


def test_features_are_reused() -> None:
    """One to four units pass a half, a quarter, an eighth and a sixteenth, rounded up."""
    torch.manual_seed(0)
    for channels in (64, 116):
        x = torch.randn(2, channels, 4, 4)
        y = x
        for power in range(1, 5):
            y = Unit(channels, channels, 1)(y)
            same = sum(any(torch.equal(y[:, i], x[:, j]) for j in range(channels)) for i in range(channels))
            assert same == -(-channels // 2**power)


@pytest.mark.parametrize("channels", [16, 116, 232, 256, 258])
def test_without_shuffle(channels: int) -> None:
    """Without the shuffle half of the channels leave eight units as they came; with it, up to 256, the first only."""
    torch.manual_seed(0)
    x = torch.randn(1, channels, 2, 2)
    for shuffled in (True, False):
        units = [Unit(channels, channels, 1).eval() for _ in range(8)]
        if not shuffled:
            for unit in units:
                unit.shuffle = nn.Identity()
        same = (nn.Sequential(*units)(x)[0, :, None] == x[0]).flatten(2).all(dim=2)  # (output, input)
        if shuffled:
            assert same.nonzero()[0].tolist() == [0, 0]
            assert same.sum() == (1 if channels <= 256 else 2)
        else:
            assert same.nonzero().tolist() == [[i, i] for i in range(channels // 2)]


def test_no_additions() -> None:
    """Its graph has no addition; that of MobileNetV2 has ten."""
    from torchvision import models

    def additions(model: nn.Module) -> int:
        return sum("add" in str(node.target) for node in fx.symbolic_trace(model).graph.nodes)

    with torch.device("meta"):
        assert additions(ShuffleNetV2()) == 0
        assert additions(models.mobilenet_v2()) == 10


def test_even_widths_move_least() -> None:
    """hw (c + c') + c c' numbers, at least 2 sqrt(hw B) + B / hw with B multiply-adds, reached at c = c'; 60 layers."""
    chance = random.Random(0)

    def counted(channels: int, out: int, h: int, w: int) -> tuple[int, int]:
        layer = nn.Conv2d(channels, out, 1, bias=False, device="meta")
        x = torch.empty(1, channels, h, w, device="meta")
        y = layer(x)
        return y.numel() * layer.weight[0].numel(), x.numel() + y.numel() + layer.weight.numel()

    for _ in range(60):
        channels, out, h, w = (chance.randint(1, most) for most in (400, 400, 60, 60))
        work, moved = counted(channels, out, h, w)
        assert work == h * w * channels * out
        assert moved == h * w * (channels + out) + channels * out
        assert moved >= 2 * (h * w * work) ** 0.5 + work / (h * w) - 1e-6
        work, moved = counted(channels, channels, h, w)
        assert moved == pytest.approx(2 * (h * w * work) ** 0.5 + work / (h * w))
    work, moved = counted(16, 1024, 28, 28)
    assert traffic(nn.Conv2d(16, 1024, 1, bias=False)) == {"multiply_adds": work, "moved": moved}


def test_traffic(evidence: Any) -> None:
    """16 to 1,024 channels move 3.8 times the numbers of 128 to 128, and 8 groups 4.2 times, at equal multiply-adds."""
    rows = evidence("traffic")
    assert len({row["multiply_adds"] for row in rows.values()}) == 1
    least = rows["128 to 128"]["moved"]
    assert rows["16 to 1024"]["moved"] / least == pytest.approx(3.8, abs=0.05)
    assert rows["128 to 1024, 8 groups"]["moved"] / least == pytest.approx(4.2, abs=0.05)
    assert min(row["moved"] for row in rows.values()) == least


def test_odd_channels() -> None:
    """The unit to copy refuses an odd number by name; the plain one fails with torch's message about channels."""
    with pytest.raises(ValueError, match="channels must be even to be halved, got 15"):
        ShuffleUnit(15)
    with pytest.raises(
        RuntimeError, match=r"Number of channels must be divisible by groups\. Got 15 channels and 2 groups"
    ):
        Unit(15, 15, 1)(torch.randn(2, 15, 4, 4))


def test_small_images() -> None:
    """At 32 x 32 the strides for ImageNet leave one pixel before the mean; the network of use.py 8 x 8."""
    x = torch.rand(2, 3, 32, 32)
    model = ShuffleNetV2((12, 24, 48, 64), classes=10)
    assert nn.Sequential(*list(model.children())[:-1])(x).shape[2:] == (1, 1)
    assert small_network(10, width=16)[:-3](x).shape[2:] == (8, 8)
