"""FasterNet: equal to timm, counts of timm and of the authors, what the partial convolution does, its page's claims."""

from __future__ import annotations

import re
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from snippets.experiment import stages
from snippets.mobile.fasternet import use
from snippets.mobile.fasternet.evidence import cost, mixers
from snippets.mobile.fasternet.from_scratch import SIZES, Block, FasterNet, PartialConv
from tests.support import oracles  # noqa: F401 - before timm
from tests.support.networks import parameters_of, same_logits


def small() -> tuple[nn.Module, Tensor]:
    """The smallest size at a fifth of its width."""
    return FasterNet("t0", classes=10, channels=8, hidden=32), torch.randn(2, 3, 64, 64)


def of_timm(name: str) -> str:
    """timm's name of a parameter or buffer of ours."""
    name = name.replace("stem.0", "patch_embed.proj").replace("stem.1", "patch_embed.norm")
    name = re.sub(r"merge(\d)\.0", r"stages.\1.downsample.reduction", name)
    name = re.sub(r"merge(\d)\.1", r"stages.\1.downsample.norm", name)
    name = re.sub(r"stage(\d)\.", lambda match: f"stages.{int(match[1]) - 1}.blocks.", name)
    name = name.replace("mix.conv", "spatial_mixing.partial_conv3")
    return name.replace("head.1", "conv_head").replace("head.4", "classifier")


@pytest.mark.parametrize("size", ["t0", "t2", "s"])
def test_equals_timm(size: str) -> None:
    """Logits in both modes, and running statistics, with timm's weights, for T0, T2 and S; no stochastic depth."""
    import timm

    same_logits(lambda: FasterNet(size), lambda: timm.create_model(f"fasternet_{size}", drop_path_rate=0.0), of_timm)


def test_parameters() -> None:
    """As many as timm's, for all six sizes."""
    import timm

    published = {"t0": 3_905_500, "t1": 7_595_368, "t2": 14_982_888, "s": 31_181_032, "m": 53_521_464, "l": 93_465_192}
    assert set(published) == set(SIZES)
    for size, count in published.items():
        assert parameters_of(lambda size=size: FasterNet(size)) == count
        assert parameters_of(lambda size=size: timm.create_model(f"fasternet_{size}")) == count


def test_multiply_adds(evidence: Any) -> None:
    """0.34, 0.85, 1.90, 4.55, 8.72 and 15.49 billion for T0 to L, as in the authors' table; T0 is the evidence's."""
    counted = {}
    for size in SIZES:
        with torch.device("meta"):
            model = FasterNet(size)
        counted[size] = sum(row["multiply_adds"] for row in stages(model).values())
    assert [round(n / 1e9, 2) for n in counted.values()] == [0.34, 0.85, 1.90, 4.55, 8.72, 15.49]
    assert counted["t0"] == evidence()["multiply_adds"]


@pytest.mark.parametrize("channels", [4, 8, 40, 320])
def test_three_quarters_pass(channels: int) -> None:
    """Bit for bit the last three quarters of the channels are the input's; the first quarter is a convolution."""
    torch.manual_seed(0)
    mix, x = PartialConv(channels), torch.randn(2, channels, 9, 7)
    y = mix(x)
    assert torch.equal(y[:, channels // 4 :], x[:, channels // 4 :])
    torch.testing.assert_close(y[:, : channels // 4], F.conv2d(x[:, : channels // 4], mix.conv.weight, padding=1))


def test_sixteenth_of_the_work(evidence: Any) -> None:
    """Multiply-adds: a sixteenth of a whole 3 × 3 convolution's, C / 16 times a depthwise one's, for C of 4 to 640."""
    for channels in (4, 16, 40, 160, 640):
        with torch.device("meta"):
            work = {name: cost(layers, 14)[0] for name, layers in mixers(channels).items()}
        assert 16 * work["partial convolution"] == work["3×3 convolution"]
        assert work["partial convolution"] / work["3×3 depthwise"] == pytest.approx(channels / 16)
    assert evidence()["mixers"]["160"]["partial convolution"][0] == 40 * 40 * 9 * 14 * 14


def test_numbers_moved(evidence: Any) -> None:
    """Against depthwise: a quarter in stage 1, 28% and 47% in stages 2 and 3, and 1.9 times as many in stage 4."""
    ratios = [both["partial convolution"][1] / both["3×3 depthwise"][1] for both in evidence()["mixers"].values()]
    assert [round(ratio, 2) for ratio in ratios] == [0.25, 0.28, 0.47, 1.91]


def test_t_shape() -> None:
    """A partial convolution and a pointwise one are one 3 × 3 kernel; for channels that pass, its middle alone."""
    torch.manual_seed(0)
    for channels, out in ((4, 8), (8, 3), (20, 20)):
        few = channels // 4
        mix, point = PartialConv(channels).double(), nn.Conv2d(channels, out, 1, bias=False).double()
        kernel = F.pad(point.weight, (1, 1, 1, 1)).clone()
        kernel[:, :few] = torch.einsum("om,mcij->ocij", point.weight[:, :few, 0, 0], mix.conv.weight)
        x = torch.randn(2, channels, 8, 9, dtype=torch.float64)
        torch.testing.assert_close(F.conv2d(x, kernel, padding=1), point(mix(x)))
        around = kernel[:, few:].clone()
        around[:, :, 1, 1] = 0
        assert (around == 0).all()


def test_one_normalization_in_a_block() -> None:
    """One normalization and one activation in a block; MobileNetV2's with an expansion has three and two."""
    from torchvision.models.mobilenetv2 import InvertedResidual

    def count(module: nn.Module, *kinds: type[nn.Module]) -> int:
        return sum(isinstance(m, kinds) for m in module.modules())

    for act in (nn.ReLU, nn.GELU):
        block = Block(8, act)
        assert (count(block, nn.BatchNorm2d), count(block, act)) == (1, 1)
    other = InvertedResidual(8, 8, 1, 6)
    assert (count(other, nn.BatchNorm2d), count(other, nn.ReLU6)) == (3, 2)


class InPlace(PartialConv):
    """The way that saves a copy, and writes into the input."""

    def forward(self, x: Tensor) -> Tensor:
        x[:, : self.few] = self.conv(x[:, : self.few])
        return x


def test_in_place_breaks_the_shortcut() -> None:
    """Writing into x changes what the shortcut adds, and in training is refused by autograd's text."""
    torch.manual_seed(0)
    right = Block(8, nn.ReLU).eval()
    wrong = Block(8, nn.ReLU).eval()
    wrong.mix = InPlace(8)
    wrong.load_state_dict(right.state_dict())
    x = torch.randn(2, 8, 6, 6)
    with torch.no_grad():
        torch.testing.assert_close(wrong(x.clone())[:, 2:], right(x)[:, 2:])
        assert not torch.allclose(wrong(x.clone())[:, :2], right(x)[:, :2], atol=1e-2)
    stem = nn.Conv2d(3, 8, 1)
    loss = wrong.train()(stem(torch.randn(2, 3, 6, 6))).square().sum()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_block_of_the_code_equals_the_networks() -> None:
    """The block to copy adds what the network's block adds, in both modes, for three widths."""
    for channels in (4, 8, 40):
        torch.manual_seed(0)
        theirs, ours = Block(channels, nn.ReLU), use.block(channels)
        names = {"0.conv": "mix.conv", "1": "mlp.0", "2": "mlp.1", "4": "mlp.3"}
        state = theirs.state_dict()
        ours.load_state_dict(
            {name: state[f"{names[name.rpartition('.')[0]]}.{name.rpartition('.')[2]}"] for name in ours.state_dict()}
        )
        x = torch.randn(3, channels, 7, 6)
        for training in (False, True):
            torch.testing.assert_close(x + ours.train(training)(x), theirs.train(training)(x))
    assert use.SmallNet(classes=7, channels=8, depth=1)(torch.randn(2, 3, 32, 32)).shape == (2, 7)
