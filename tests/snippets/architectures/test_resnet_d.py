"""ResNet-D: equal to timm, its counts beside ResNet-50's, what its shortcut sees, and the claims of its page."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from snippets.architectures.resnet.from_scratch import ResNet
from snippets.architectures.resnet_d.from_scratch import LAYERS, Bottleneck, ResNetD
from snippets.architectures.resnet_d.use import Block, average_shortcut, deep_stem, resnet_18_d
from snippets.experiment import stages
from tests.support import oracles  # noqa: F401 - before timm
from tests.support.networks import parameters_of, same_logits


def small() -> tuple[nn.Module, Tensor]:
    """26 layers of an eighth of the width."""
    return ResNetD(26, classes=10, width=8), torch.randn(2, 3, 32, 32)


@pytest.mark.parametrize(("depth", "size"), [(26, 61), (50, 64)])
def test_equals_timm(depth: int, size: int) -> None:
    """Logits in both modes and running statistics, with timm's weights, at an even and an odd size."""
    import timm

    same_logits(lambda: ResNetD(depth), lambda: timm.create_model(f"resnet{depth}d"), shape=(2, 3, size, size))


def test_parameters(evidence: Any) -> None:
    """The four depths have as many parameters as timm's; 50 layers as many as the experiment counts."""
    import timm

    for depth in LAYERS:
        ours = parameters_of(lambda depth=depth: ResNetD(depth))
        assert ours == parameters_of(lambda depth=depth: timm.create_model(f"resnet{depth}d"))
    assert list(LAYERS) == [26, 50, 101, 152]
    assert evidence()["parameters"] == parameters_of(ResNetD) == 25_576_264


def test_cost_beside_resnet_50(evidence: Any) -> None:
    """19,232 parameters (0.08%) and 0.24 billion multiply-adds (6%) more than ResNet-50, all of it in the stem."""
    with torch.device("meta"):
        plain = stages(ResNet(50))
    rows, total = evidence()["stages"], evidence()
    for key, more, share in (("parameters", 19_232, 0.0008), ("multiply_adds", 239_640_576, 0.06)):
        before = sum(row[key] for row in plain.values())
        assert total[key] - before == more == rows["stem"][key] - plain["stem"][key]
        assert more / before == pytest.approx(share, rel=0.08)
        assert all(rows[name][key] == plain[name][key] for name in rows if name != "stem")
    assert rows["stem"]["shape"] == plain["stem"]["shape"] == [64, 56, 56]


def test_stem_sees_more(evidence: Any) -> None:
    """After the pooling a place depends on 15 by 15 pixels, ResNet-50's on 11 by 11; measured by gradients, too."""
    with torch.device("meta"):
        plain = stages(ResNet(50))["stem"]["field"]
    assert (evidence()["stages"]["stem"]["field"], plain) == (15, 11)
    for model, field in ((ResNetD(26, width=8), 15), (ResNet(50, width=8), 11)):
        stem = nn.Sequential(*[nn.AvgPool2d(3, 2, 1) if isinstance(m, nn.MaxPool2d) else m for m in model.stem]).eval()
        x = torch.randn(4, 3, 64, 64, requires_grad=True)
        stem(x)[:, :, 8, 8].sum().backward()
        assert x.grad is not None
        rows = (x.grad.abs().sum(dim=(0, 1, 3)) > 0).nonzero()
        assert rows.max() - rows.min() + 1 == field


def test_pixels_seen(evidence: Any) -> None:
    """Branch and shortcut: 25% and 25% in the paper's ResNet, 100% and 25% in torchvision's, 100% and 100% here."""
    expected = {"A, the paper's": (0.25, 0.25), "B, torchvision's": (1, 0.25), "D": (1, 1)}
    assert {name: tuple(row.values()) for name, row in evidence()["seen"].items()} == expected


def test_mean_and_convolution_change_places() -> None:
    """The shortcut is a 2x2 convolution with stride 2 whose four weights are a fourth of the 1x1 kernel's each."""
    torch.manual_seed(0)
    block = Bottleneck(6, 4, 2).double()
    conv = block.shortcut[1]
    x = torch.randn(2, 6, 8, 10, dtype=torch.float64)
    weight = (conv.weight / 4).expand(-1, -1, 2, 2)
    torch.testing.assert_close(conv(block.shortcut[0](x)), nn.functional.conv2d(x, weight, stride=2))


@pytest.mark.parametrize("size", [7, 8, 9, 14, 15])
def test_odd_sizes(size: int) -> None:
    """A mean without ceil_mode raises that error at odd sizes and none at even ones; the block takes both."""
    torch.manual_seed(0)
    block = Bottleneck(8, 4, 2).eval()
    x = torch.randn(2, 8, size, size)
    assert block(x).shape[2:] == ((size + 1) // 2,) * 2
    block.shortcut[0] = nn.AvgPool2d(2, 2)
    if size % 2:
        said = rf"The size of tensor a \({size // 2}\) must match the size of tensor b \({size // 2 + 1}\)"
        with pytest.raises(RuntimeError, match=said):
            block(x)
    else:
        block(x)


def test_padding_is_not_counted() -> None:
    """The last window averages pixels of the map alone: a constant stays, whatever count_include_pad, unless padded."""
    torch.manual_seed(0)
    for size in (7, 8, 9):
        pool, counting = Bottleneck(4, 2, 2).shortcut[0], nn.AvgPool2d(2, 2, ceil_mode=True, count_include_pad=True)
        y = pool(torch.full((1, 4, size, size), 3.0))
        assert y.shape[2:] == ((size + 1) // 2,) * 2
        assert (y == 3).all()
        x = torch.randn(1, 4, size, size)
        assert torch.equal(pool(x), counting(x))
        if size % 2:
            torch.testing.assert_close(pool(x)[..., -1, -1], x[..., -1, -1])
    padded = nn.AvgPool2d(2, 2, padding=1, ceil_mode=True, count_include_pad=True)
    assert padded(torch.full((1, 4, 7, 7), 3.0)).min() < 3  # with padding it would count


def test_half_a_pixel_apart() -> None:
    """The shortcut's window has its centre half a pixel below and right of the branch's, in ResNet it has not."""
    torch.manual_seed(0)
    centres = {}
    for name, block in (("D", Bottleneck(4, 4, 2)), ("B", ResNet(50, width=4).stage2[0])):
        for part in ("branch", "shortcut"):
            x = torch.ones(1, 4 if name == "D" else 16, 12, 12, requires_grad=True)
            module = nn.Sequential(*(m for m in getattr(block, part) if not isinstance(m, nn.ReLU))).eval()
            module(x)[0, :, 3, 3].sum().backward()
            assert x.grad is not None
            rows = (x.grad.abs().sum(dim=(0, 1, 3)) > 0).nonzero().float()
            centres[name, part] = rows.mean().item()
    assert centres["D", "shortcut"] - centres["D", "branch"] == 0.5
    assert centres["B", "shortcut"] == centres["B", "branch"]


def test_weights_of_resnet_do_not_fit() -> None:
    """torchvision's ResNet-50 is refused; names of stem and shortcuts are missing, and strict=False fails, too."""
    import timm
    from torchvision import models

    with torch.device("meta"):
        state, model = models.resnet50().state_dict(), timm.create_model("resnet50d")
    with pytest.raises(RuntimeError, match="Missing key"), warnings.catch_warnings(action="ignore"):
        model.load_state_dict(state)
    said = "size mismatch for layer1.0.downsample.1.weight"
    with pytest.raises(RuntimeError, match=said), warnings.catch_warnings(action="ignore"):
        model.load_state_dict(state, strict=False)
    missing = {name for name in model.state_dict() if name not in state and "tracked" not in name}
    assert {name.partition(".")[0] for name in missing} == {"conv1", "layer1", "layer2", "layer3", "layer4"}
    assert all(name.startswith("conv1") or "downsample" in name for name in missing)


def test_parts_of_use_are_those_from_scratch() -> None:
    """Stem and shortcut of use.py compute what those from scratch do, and the last normalizations start at 0."""
    torch.manual_seed(0)
    ours, stem = ResNetD(26, width=8), deep_stem(8)
    stem.load_state_dict(ours.stem.state_dict())
    x = torch.randn(2, 3, 32, 32)
    torch.testing.assert_close(stem.eval()(x), ours.eval().stem(x))
    for channels, out, stride in ((16, 16, 1), (16, 32, 1), (16, 32, 2)):
        theirs = Bottleneck(channels, out // 4, stride).shortcut
        mine = average_shortcut(channels, out, stride)
        mine.load_state_dict(theirs.state_dict())
        y = torch.randn(2, channels, 7, 8)
        torch.testing.assert_close(mine.eval()(y), theirs.eval()(y))
    for module in resnet_18_d(3, width=8):
        if isinstance(module, Block):
            assert (module.branch[-1].weight == 0).all()
