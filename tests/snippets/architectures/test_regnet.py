"""RegNet: equal to torchvision, its sizes for random settings, counts, and the claims of its page."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from snippets.architectures.regnet.from_scratch import VARIANTS, Block, RegNet, stage_sizes
from snippets.architectures.regnet.use import Block as SmallBlock
from snippets.architectures.regnet.use import regnet_for_small_images
from snippets.architectures.regnet.use import stage_sizes as small_sizes
from snippets.experiment import Stages
from tests.support import oracles  # noqa: F401 - before torchvision
from tests.support.networks import filled, numbers, parameters_of, same_logits

NAMES = {name: name.lower().replace("-", "_").replace(".", "_") for name in VARIANTS}


def small() -> tuple[nn.Module, Tensor]:
    """Five blocks with gates, in three stages, and 32 by 32 pixels."""
    return RegNet(5, 16, 12.0, 2.0, 8, gated=True, classes=10), torch.randn(2, 3, 32, 32)


@pytest.mark.parametrize("variant", ["X-400MF", "Y-400MF"])
def test_equals_torchvision(variant: str) -> None:
    """Logits in both modes and running statistics, with torchvision's weights, with and without gates."""
    from torchvision import models

    def theirs() -> nn.Module:
        with torch.device("cpu"):  # it computes its widths with tensors
            return getattr(models, f"regnet_{NAMES[variant]}")()

    same_logits(lambda: RegNet(*VARIANTS[variant]), theirs, shape=(2, 3, 64, 64))


def test_parameters() -> None:
    """The five variants have as many parameters as torchvision's; timm's regnety_032 and regnetx_032 as well."""
    import timm
    from torchvision import models

    counts = {name: parameters_of(lambda name=name: RegNet(*VARIANTS[name])) for name in VARIANTS}
    assert len(counts) == 5
    for name, count in counts.items():
        weights = getattr(models, f"RegNet_{NAMES[name].upper()}_Weights").IMAGENET1K_V1
        assert count == weights.meta["num_params"]
    assert counts["Y-3.2GF"] == parameters_of(lambda: timm.create_model("regnety_032"))
    assert counts["X-3.2GF"] == parameters_of(lambda: timm.create_model("regnetx_032"))


def test_sizes_are_torchvisions() -> None:
    """Widths and depths of the stages are torchvision's, for the five variants and 200 random settings."""
    from torchvision.models.regnet import BlockParams

    draw = random.Random(0)
    settings = [variant[:5] for variant in VARIANTS.values()]
    for _ in range(200):
        first = 8 * draw.randint(2, 30)
        group = draw.choice([8, 16, 24, 40, 48, 64])
        settings.append((draw.randint(8, 28), first, draw.uniform(8, 120), draw.uniform(1.8, 3.0), group))
    compared = 0
    for blocks, first, slope, step, group in settings:
        theirs = BlockParams.from_init_params(depth=blocks, w_0=first, w_a=slope, w_m=step, group_width=group)
        assert stage_sizes(blocks, first, slope, step, group) == list(zip(theirs.widths, theirs.depths, strict=True))
        compared += 1
    assert compared == 205


def test_stages_of_y_3_2gf() -> None:
    """21 blocks fall into stages of 72, 216, 576 and 1,512 channels with 2, 5, 13 and 1 blocks."""
    assert stage_sizes(*VARIANTS["Y-3.2GF"][:5]) == [(72, 2), (216, 5), (576, 13), (1512, 1)]


def test_multiply_adds(evidence: Any) -> None:
    """The sum is what torchvision publishes: 3.18 billion, as the name says."""
    from torchvision import models

    published = models.RegNet_Y_3_2GF_Weights.IMAGENET1K_V1.meta["_ops"]
    assert evidence()["multiply_adds"] / 1e9 == pytest.approx(published, abs=0.001)
    assert evidence()["multiply_adds"] / 1e9 == pytest.approx(3.2, abs=0.05)


def test_third_stage(evidence: Any) -> None:
    """The third stage takes 65% of the multiply-adds and holds 63% of the parameters."""
    row, total = evidence()["stages"]["stage3"], evidence()
    assert row["multiply_adds"] / total["multiply_adds"] == pytest.approx(0.65, abs=0.005)
    assert row["parameters"] / total["parameters"] == pytest.approx(0.63, abs=0.005)


@pytest.mark.parametrize(("width", "group"), [(72, 24), (216, 24), (576, 24), (64, 64), (48, 8)])
def test_cost_of_a_block(width: int, group: int) -> None:
    """w (2 w + 9 g) multiply-adds a pixel, for a block that keeps the map's size and has no gate."""
    size = 14
    with torch.device("meta"):
        counter = Stages(Block(width, width, 1, group, gated=False))
    counter.run(torch.empty(1, width, size, size, device="meta"))
    counted = sum(row["multiply_adds"] for row in counter.rows.values())
    assert counted == size**2 * width * (2 * width + 9 * group)


def test_gate_counts_the_input() -> None:
    """The gate's hidden channels are a quarter of the block's input; timm's RegNetY-3.2GF has as many."""
    import timm

    with torch.device("meta"):
        ours, theirs = RegNet(*VARIANTS["Y-3.2GF"]), timm.create_model("regnety_032")
    mine = [gate.gate[1].out_channels for gate in ours.modules() if type(gate).__name__ == "SqueezeExcite"]
    assert mine == [module.fc1.out_channels for module in theirs.modules() if type(module).__name__ == "SEModule"]
    assert mine[:3] == [8, 18, 18]  # 32, 72 and 72 channels come in
    assert mine[7:9] == [54, 144]  # the first block of stage 3 has 216 channels in and 576 out


def test_initialization_ignores_groups() -> None:
    """Kernels of grouped convolutions have std sqrt(2 / (9 w)), as torchvision's; by their groups it would be more."""
    from torchvision import models

    torch.manual_seed(0)
    ours, theirs = RegNet(*VARIANTS["X-400MF"]), models.regnet_x_400mf()
    for model in (ours, theirs):
        grouped = [m for m in model.modules() if isinstance(m, nn.Conv2d) and m.groups > 1]
        assert len(grouped) == 22
        for conv in grouped:
            expected = (2 / (9 * conv.out_channels)) ** 0.5
            assert conv.weight.std().item() == pytest.approx(expected, rel=0.1)
            assert expected < 0.95 * (2 / (9 * conv.out_channels / conv.groups)) ** 0.5


def test_width_must_fit_the_groups() -> None:
    """A width that is no multiple of the group's raises torch's error; both stage_sizes give widths that fit."""
    with pytest.raises(ValueError, match="in_channels must be divisible by groups"):
        nn.Conv2d(80, 80, 3, groups=80 // 24)
    for blocks, first, slope, step, group, _ in VARIANTS.values():
        for sizes in (stage_sizes, small_sizes):
            found = sizes(blocks, first, slope, step, group)
            assert all(width % min(group, width) == 0 for width, _ in found)
            assert sum(count for _, count in found) == blocks


def test_small_images() -> None:
    """At 32 by 32 RegNetY-400MF leaves one pixel before the mean, the network of use.py 8 by 8."""
    x = torch.rand(2, 3, 32, 32)
    usual = RegNet(*VARIANTS["Y-400MF"])
    assert nn.Sequential(*list(usual.children())[:-1])(x).shape[2:] == (1, 1)
    assert regnet_for_small_images(10)[:-3](x).shape[2:] == (8, 8)


@pytest.mark.parametrize(("channels", "width", "stride"), [(32, 32, 1), (32, 64, 2), (32, 48, 1)])
def test_small_block_is_the_same_block(channels: int, width: int, stride: int) -> None:
    """The block of use.py computes what the block from scratch does without a gate."""
    ours = filled(lambda: Block(channels, width, stride, 16, gated=False))
    theirs = SmallBlock(channels, width, stride, 16)
    theirs.load_state_dict(ours.state_dict())
    x = numbers((2, channels, 8, 8), 1)
    torch.testing.assert_close(theirs.eval()(x), ours.eval()(x))
