"""EfficientNetV2: equal to torchvision, counts of torchvision and timm, and the claims of its page."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from snippets.architectures.efficientnet_v2.from_scratch import VARIANTS, Block, EfficientNetV2
from snippets.architectures.efficientnet_v2.use import FusedMBConv, fused_network, grown
from snippets.experiment import Stages
from tests.support import oracles  # noqa: F401 - before torchvision
from tests.support.networks import filled, numbers, parameters_of, same_logits, take_weights


def small() -> tuple[nn.Module, Tensor]:
    """Both kinds of blocks with and without a shortcut, 8 to 16 channels, and 32 by 32 pixels."""
    stages = [(True, 1, 1, 8, 1), (True, 4, 2, 12, 2), (False, 4, 2, 16, 2)]
    return EfficientNetV2(stages, classes=10, head=32), torch.randn(2, 3, 32, 32)


def test_equals_torchvision(monkeypatch: pytest.MonkeyPatch) -> None:
    """S: logits in both modes and running statistics, with torchvision's weights."""
    from torchvision import models

    for name in ("kaiming_normal_", "kaiming_uniform_"):  # the weights are filled below
        monkeypatch.setattr(nn.init, name, lambda tensor, *_, **__: tensor)

    same_logits(EfficientNetV2, models.efficientnet_v2_s, shape=(2, 3, 64, 64))


def test_parameters(monkeypatch: pytest.MonkeyPatch, evidence: Any) -> None:
    """S, M and L have as many parameters as torchvision's and timm's; S as many as the experiment counts."""
    import timm
    from torchvision import models

    for name in ("kaiming_normal_", "kaiming_uniform_"):  # what fills the weights takes most of the time
        monkeypatch.setattr(nn.init, name, lambda tensor, *_, **__: tensor)
    expected = {"S": 21_458_488, "M": 54_139_356, "L": 118_515_272}
    assert expected.keys() == VARIANTS.keys()
    for name, count in expected.items():
        assert parameters_of(lambda name=name: EfficientNetV2(*VARIANTS[name])) == count
        assert getattr(models, f"EfficientNet_V2_{name}_Weights").IMAGENET1K_V1.meta["num_params"] == count
        assert parameters_of(lambda name=name: timm.create_model(f"tf_efficientnetv2_{name.lower()}")) == count
    assert evidence()["parameters"] == expected["S"]


def test_settings_are_torchvisions() -> None:
    """Dropout, drop path, eps and momentum of S are torchvision's."""
    from torchvision import models
    from torchvision.ops import StochasticDepth

    with torch.device("meta"):
        theirs, model = models.efficientnet_v2_s(), EfficientNetV2()
    drops = [block.drop_path.p for block in model.modules() if isinstance(block, Block)]
    assert drops == pytest.approx([m.p for m in theirs.modules() if isinstance(m, StochasticDepth)])
    assert theirs.classifier[0].p == model.head[-2].p == 0.2
    for network in (theirs, model):
        assert {(m.eps, m.momentum) for m in network.modules() if isinstance(m, nn.BatchNorm2d)} == {(1e-3, 0.1)}


def test_drops_branches() -> None:
    """In training a share of the samples passes a block unchanged, and the others' branch is enlarged for it."""
    torch.manual_seed(0)
    block = Block(True, 4, 4, 1, 2, drop=0.5).train()
    x = torch.randn(64, 4, 5, 5)
    y = block(x) - x
    branch = block.branch(x)
    skipped = y.flatten(1).abs().amax(dim=1) == 0
    assert 16 < skipped.sum() < 48
    torch.testing.assert_close(y[~skipped], 2 * branch[~skipped], rtol=1e-4, atol=1e-4)


def test_multiply_adds(evidence: Any) -> None:
    """The sum at 384 pixels is torchvision's."""
    from torchvision import models

    published = models.EfficientNet_V2_S_Weights.IMAGENET1K_V1.meta["_ops"]
    assert evidence()["multiply_adds"] / 1e9 == pytest.approx(published, abs=0.001)


@pytest.mark.parametrize(("channels", "ratio"), [(48, 4.57), (64, 4.67), (256, 4.91)])
def test_cost_of_a_block(channels: int, ratio: float) -> None:
    """Both formulas are what the layers add up to, the gate not counted; their ratio is 10 c / (2 c + 9)."""
    assert 10 * channels / (2 * channels + 9) == pytest.approx(ratio, abs=0.005)
    size, counts = 12, {}
    for fused in (True, False):
        with torch.device("meta"):
            block = Block(fused, channels, channels, 1, 4)
        convolutions = [m for m in block.branch if isinstance(m, nn.Conv2d)]
        counts[fused] = sum(m.weight.numel() for m in convolutions)
        counter = Stages(nn.Sequential(*convolutions))
        counter.run(torch.empty(1, channels, size, size, device="meta"))
        assert sum(row["multiply_adds"] for row in counter.rows.values()) == counts[fused] * size**2
    assert counts[True] == 4 * channels * (9 * channels + channels)
    assert counts[False] == 4 * channels * (channels + 9 + channels)
    assert counts[True] / counts[False] == pytest.approx(ratio, abs=0.005)


def test_where_the_cost_is(evidence: Any) -> None:
    """Stages 1 to 3 hold 4% of the parameters and take 54% of the multiply-adds."""
    rows, total = evidence()["stages"], evidence()
    for key, share in (("parameters", 0.04), ("multiply_adds", 0.54)):
        assert sum(rows[f"stage{n}"][key] for n in (1, 2, 3)) / total[key] == pytest.approx(share, abs=0.005)


def test_fusing_costs(evidence: Any) -> None:
    """Stages 2 and 3 fused: 3% and 58% more; all: 3.5 and 2.7 times the published network's, which is row 3."""
    rows, total = evidence()["fused"], evidence()
    assert rows["3"] == {key: total[key] for key in ("parameters", "multiply_adds")}
    for key, more, all_fused in (("parameters", 1.03, 3.5), ("multiply_adds", 1.58, 2.7)):
        assert rows["3"][key] / rows["1"][key] == pytest.approx(more, abs=0.005)
        assert rows["6"][key] / rows["3"][key] == pytest.approx(all_fused, abs=0.05)


def test_whose_weights() -> None:
    """torchvision says of its L that the weights are the original paper's, and of S and M that it trained them."""
    from torchvision import models

    for name, ported in (("S", False), ("M", False), ("L", True)):
        meta = getattr(models, f"EfficientNet_V2_{name}_Weights").IMAGENET1K_V1.meta
        assert ("ported from the original paper" in meta["_docs"]) is ported
        assert ("new training recipe" in meta["_docs"]) is not ported


def test_small_images() -> None:
    """At 32 by 32, S leaves one pixel before the mean, the network of use.py 8 by 8."""
    x = torch.rand(2, 3, 32, 32)
    with torch.device("meta"):
        usual = EfficientNetV2()
    assert nn.Sequential(*list(usual.children())[:-1]).eval()(x.to("meta")).shape[2:] == (1, 1)
    assert fused_network(10, widths=(8, 8, 8))[:-4](x).shape[2:] == (8, 8)


@pytest.mark.parametrize(("channels", "out", "stride"), [(8, 8, 1), (8, 12, 1), (12, 12, 2)])
def test_fused_block_is_the_same_block(channels: int, out: int, stride: int) -> None:
    """The block of use.py computes what the block from scratch does."""
    ours = filled(lambda: FusedMBConv(channels, out, stride))
    theirs = Block(True, channels, out, stride, 4)
    take_weights(theirs, ours)
    x = numbers((2, channels, 8, 8), 1)
    torch.testing.assert_close(ours.eval()(x), theirs.eval()(x))


@pytest.mark.parametrize("stages", [2, 3, 4, 7])
@pytest.mark.parametrize(("first", "last"), [(128, 300), (0.1, 0.3), (15, 5)])
def test_growth(first: float, last: float, stages: int) -> None:
    """Begins and ends as asked, with as many different values as stages, equally far apart and equally long."""
    epochs = 84 * stages
    values = [grown(epoch, epochs, first, last, stages) for epoch in range(epochs)]
    assert (values[0], values[-1]) == (first, pytest.approx(last))
    for stage in range(stages):
        level = first + (last - first) * stage / (stages - 1)
        assert values[84 * stage : 84 * (stage + 1)] == pytest.approx([level] * 84)


def test_input_normalization() -> None:
    """torchvision's L, timm's tf_ S, M and L: mean and deviation 0.5; torchvision's S and M: ImageNet's."""
    import timm
    from torchvision import models

    half, imagenet = ([0.5] * 3, [0.5] * 3), ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    for name, expected in (("S", imagenet), ("M", imagenet), ("L", half)):
        transforms = getattr(models, f"EfficientNet_V2_{name}_Weights").IMAGENET1K_V1.transforms()
        assert (transforms.mean, transforms.std) == expected
    for name in ("tf_efficientnetv2_s", "tf_efficientnetv2_m", "tf_efficientnetv2_l"):
        settings: Any = timm.get_pretrained_cfg(name)
        assert (list(settings.mean), list(settings.std)) == half


def test_eps_of_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    """torchvision's S and timm's tf_ form have an eps of 1e-3, timm's own 1e-5; all have equally many parameters."""
    import timm
    from torchvision import models

    monkeypatch.setattr(nn.init, "kaiming_uniform_", lambda tensor, *_, **__: tensor)
    makes = {
        1e-3: [models.efficientnet_v2_s, lambda: timm.create_model("tf_efficientnetv2_s")],
        1e-5: [lambda: timm.create_model("efficientnetv2_s")],
    }
    counts = set()
    for eps, group in makes.items():
        for make in group:
            with torch.device("meta"):
                model = make()
            assert {m.eps for m in model.modules() if isinstance(m, nn.BatchNorm2d)} == {eps}
            counts.add(sum(p.numel() for p in model.parameters()))
    assert counts == {21_458_488}
