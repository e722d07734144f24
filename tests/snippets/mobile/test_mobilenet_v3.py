"""MobileNetV3: equal to torchvision, counts of torchvision and timm, and the claims of its page."""

from __future__ import annotations

import copy
import random
from typing import Any

import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.swa_utils import update_bn

from snippets.experiment import stages
from snippets.mobile.mobilenet_v3.from_scratch import BLOCKS, InvertedResidual, MobileNetV3, Squeeze, rounded
from snippets.mobile.mobilenet_v3.use import MobileBlock, new_head
from tests.support import oracles  # noqa: F401 - before torchvision
from tests.support.counting import blocks_of, multiply_adds
from tests.support.networks import filled, parameters_of, same_logits


def small() -> tuple[nn.Module, Tensor]:
    """The small form, at a tenth of its width."""
    return MobileNetV3("small", width=0.1, classes=10, dropout=0.0), torch.randn(2, 3, 32, 32)


@pytest.mark.parametrize("size", ["large", "small"])
def test_equals_torchvision(size: str) -> None:
    """Logits in both modes, and the running statistics, with torchvision's weights."""
    from torchvision import models

    same_logits(lambda: MobileNetV3(size), lambda: getattr(models, f"mobilenet_v3_{size}")())


def test_block_of_the_code_equals_the_networks() -> None:
    """The block to copy computes what the block from scratch does, with and without shortcut and stride."""
    torch.manual_seed(0)
    x = torch.randn(2, 16, 6, 6)
    for out, stride in ((16, 1), (24, 1), (16, 2)):
        ours, theirs = MobileBlock(16, 64, out, 5, stride), InvertedResidual(16, 5, 64, out, True, True, stride)
        ours.load_state_dict(dict(zip(ours.state_dict(), theirs.state_dict().values(), strict=True)))
        torch.testing.assert_close(ours(x), theirs(x))


def test_parameters() -> None:
    """As many as torchvision's and timm's, both sizes; among them the weights that timm took from the authors.
    With 1,280 hidden channels in place of 1,024, Small would have the 2.9 million of the authors' table."""
    import timm
    from torchvision import models

    for size, count in {"large": 5_483_032, "small": 2_542_856}.items():
        weights = getattr(models, f"MobileNet_V3_{size.title()}_Weights").IMAGENET1K_V1
        assert parameters_of(lambda size=size: MobileNetV3(size)) == count == weights.meta["num_params"]
        for name in (f"mobilenetv3_{size}_100", f"tf_mobilenetv3_{size}_100"):
            assert parameters_of(lambda name=name: timm.create_model(name)) == count
        for width in (0.5, 0.75, 1.25):
            theirs = getattr(models, f"mobilenet_v3_{size}")
            assert parameters_of(lambda size=size, width=width: MobileNetV3(size, width)) == parameters_of(
                lambda theirs=theirs, width=width: theirs(width_mult=width)
            )

    with torch.device("meta"):
        for linear in (MobileNetV3("small").head[2], timm.create_model("tf_mobilenetv3_small_100").conv_head):
            assert linear.weight.shape[:2] == (1024, 576)
    more = 256 * (576 + 1 + 1000)  # weights and bias of the hidden layer, weights of the last
    assert round((2_542_856 + more) / 1e6, 1) == 2.9


def rows_of(size: str) -> dict[str, dict[str, Any]]:
    with torch.device("meta"):
        return stages(MobileNetV3(size))


def test_multiply_adds(evidence: Any) -> None:
    """217 million for Large, 57 million for Small, as torchvision says."""
    from torchvision import models

    totals = {size: sum(row["multiply_adds"] for row in rows_of(size).values()) for size in ("large", "small")}
    assert totals["large"] == evidence()["multiply_adds"]
    assert {size: round(total / 1e6) for size, total in totals.items()} == {"large": 217, "small": 57}
    for size, total in totals.items():
        weights = getattr(models, f"MobileNet_V3_{size.title()}_Weights").IMAGENET1K_V1
        assert total / 1e9 == pytest.approx(weights.meta["_ops"], abs=0.0006)


def test_hard_swish(evidence: Any) -> None:
    """x ReLU6(x + 3) / 6: 0 up to -3, x from 3 on, least -0.375 at -1.5, at most 0.15 from swish; slope 0 below -3."""
    x = torch.linspace(-20, 20, 4001, dtype=torch.float64).requires_grad_()
    y = nn.Hardswish()(x)
    torch.testing.assert_close(y, x * F.relu6(x + 3) / 6)
    assert (y[x <= -3] == 0).all()
    torch.testing.assert_close(y[x >= 3], x[x >= 3])
    assert y.min().item() == pytest.approx(-0.375, abs=1e-6)
    assert x[y.argmin()].item() == pytest.approx(-1.5, abs=0.01)
    slope = torch.autograd.grad(y.sum(), x)[0]
    assert (slope[x < -3] == 0).all()
    found = evidence("activations")
    assert found["gap"] == pytest.approx((y - F.silu(x)).abs().max().item(), abs=1e-3)
    assert 0.14 < found["gap"] < 0.15
    assert found["least"] == pytest.approx(-0.375, abs=1e-6)


def test_cost_of_the_squeeze() -> None:
    """In Large, the squeezes hold 28% of the parameters and under 1% of the multiply-adds."""
    with torch.device("meta"):
        model = MobileNetV3()
    inside = sum(p.numel() for m in model.modules() if isinstance(m, Squeeze) for p in m.parameters())
    work = sum(
        layer.weight.numel()
        for m in model.modules()
        if isinstance(m, Squeeze)
        for layer in m.modules()
        if isinstance(layer, nn.Conv2d)  # on one pixel
    )
    assert inside / 5_483_032 == pytest.approx(0.28, abs=0.005)
    assert work / sum(row["multiply_adds"] for row in rows_of("large").values()) < 0.01


def cost(channels: int, kernel: int, wide: int, out: int, squeeze: bool, stride: int, h: int, w: int) -> int:
    """The page's formula; the first convolution is left out where it would not widen."""
    widen = h * w * channels * wide if wide != channels else 0
    after = (h // stride) * (w // stride) * wide * (kernel**2 + out)
    return widen + after + (2 * wide * rounded(wide // 4) if squeeze else 0)


def test_cost_of_a_block() -> None:
    """The formula for 80 random blocks, with and without squeeze, stride and first convolution; and for each block of
    Large and Small on an image of 224 by 224."""
    chance = random.Random(0)
    for _ in range(80):
        channels, out = chance.choice((8, 16, 40)), chance.choice((8, 16, 24, 40))
        wide, kernel = chance.choice((channels, 3 * channels, 6 * channels)), chance.choice((3, 5))
        squeeze, hard, stride = chance.random() < 0.5, chance.random() < 0.5, chance.choice((1, 2))
        h, w = 2 * chance.randint(1, 10), 2 * chance.randint(1, 10)
        with torch.device("meta"):
            block = InvertedResidual(channels, kernel, wide, out, squeeze, hard, stride)
        assert multiply_adds(block, channels, h, w) == cost(channels, kernel, wide, out, squeeze, stride, h, w)
    for size, rows in BLOCKS.items():
        with torch.device("meta"):
            blocks = blocks_of(MobileNetV3(size), InvertedResidual, 3, 224, 224)
        for (_, (channels, h, w), found), row in zip(blocks, [row for stage in rows for row in stage], strict=True):
            kernel, wide, out, squeeze, _, stride = row
            assert found == cost(channels, kernel, wide, out, squeeze, stride, h, w)


def test_squeeze_weights_channels() -> None:
    """Each channel is multiplied by one number of the sample, from 0 to 1; for inputs of four sizes."""
    torch.manual_seed(0)
    for spread in (0.1, 1.0, 10.0, 100.0):
        x = spread * torch.randn(3, 8, 5, 5)
        factors = Squeeze(8, 4)(x) / x
        torch.testing.assert_close(factors, factors[:, :, :1, :1].expand_as(x))
        assert ((factors >= 0) & (factors <= 1 + 1e-6)).all()


@pytest.mark.parametrize(("stage", "sees"), [(2, False), (3, True)])
def test_squeeze_sees_the_whole_image(stage: int, sees: bool) -> None:
    """The corner of stage 2 does not depend on the opposite corner of the image; in stage 3, the first with a squeeze,
    each channel there depends on each pixel, although its convolutions see 99 pixels of 160."""
    torch.manual_seed(0)
    model = filled(MobileNetV3).eval()
    x = torch.randn(1, 3, 160, 160, requires_grad=True)
    out = nn.Sequential(*list(model.children())[: stage + 1])(x)
    for channel in out[0, :, 0, 0]:
        read = torch.autograd.grad(channel, x, retain_graph=True)[0][0].abs().sum(0) > 0
        assert bool(read[-1, -1]) == bool(read.all()) == sees
    squeezed = [any(isinstance(m, Squeeze) for m in part.modules()) for part in model.children()]
    assert squeezed.index(True) == 3  # the stem is 0
    assert rows_of("large")["stage3"]["field"] == 99


def test_head_after_the_mean() -> None:
    """The 1,280 channels are computed once and not at 7 x 7 places: a 49th of the multiply-adds, 1.2 for 60 million."""
    with torch.device("meta"):
        model = MobileNetV3()
    first = next(m for m in model.head if isinstance(m, nn.Linear))
    assert (first.in_features, first.out_features) == (960, 1280)
    assert rows_of("large")["last"]["shape"] == [960, 7, 7]
    assert first.weight.numel() / 1e6 == pytest.approx(1.2, abs=0.05)
    assert 49 * first.weight.numel() / 1e6 == pytest.approx(60, abs=0.5)


def test_padding_of_tensorflow() -> None:
    """TensorFlow's "same" at stride 2 equals torch's padding for odd sizes, and not for even ones, kernels 3 and 5."""
    from timm.layers import Conv2dSame

    torch.manual_seed(0)
    for kernel in (3, 5):
        ours, theirs = nn.Conv2d(3, 4, kernel, 2, kernel // 2), Conv2dSame(3, 4, kernel, 2)
        theirs.load_state_dict(ours.state_dict())
        for size in (7, 8, 15, 16, 224, 225):
            x = torch.randn(1, 3, size, size)
            same = torch.allclose(ours(x), theirs(x), atol=1e-5)
            assert same == (size % 2 == 1)
            even = F.conv2d(F.pad(x, ((kernel - 2) // 2, kernel // 2) * 2), ours.weight, ours.bias, 2)
            if not same:
                torch.testing.assert_close(theirs(x), even)


def test_epsilon() -> None:
    """Every batch normalization of torchvision's has eps 0.001 and momentum 0.01; torch's 0.00001, which timm's has,
    moves the logits."""
    import timm
    from torchvision import models

    model = filled(MobileNetV3).eval()
    with torch.device("meta"):
        theirs = [getattr(models, f"mobilenet_v3_{size}")() for size in ("large", "small")]
        timms = timm.create_model("mobilenetv3_large_100")
    for network in (model, *theirs):
        norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
        assert {(m.eps, m.momentum) for m in norms} == {(1e-3, 0.01)}
    assert {m.eps for m in timms.modules() if isinstance(m, nn.BatchNorm2d)} == {nn.BatchNorm2d(1).eps} == {1e-5}
    other = copy.deepcopy(model)
    for module in other.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = nn.BatchNorm2d(1).eps
    x = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert not torch.allclose(model(x), other(x), rtol=1e-3)


def test_new_head() -> None:
    """Only the last linear layer changes, in device, type and place; a model without one is refused."""
    model = MobileNetV3("small", width=0.25).double()
    before = {name: value for name, value in model.named_parameters() if not name.startswith("head.5")}
    head = new_head(model, 7)
    assert model.head[-1] is head
    assert head.weight.dtype == torch.float64
    after = dict(model.named_parameters())
    assert all(after[name] is value for name, value in before.items())
    assert model(torch.rand(2, 3, 32, 32, dtype=torch.float64)).shape == (2, 7)
    assert new_head(MobileNetV3("small", width=0.25).to("meta"), 7).weight.device == torch.device("meta")
    with pytest.raises(ValueError, match="no linear layer"):
        new_head(nn.Conv2d(3, 3, 1), 7)


def test_short_training_from_scratch() -> None:
    """After 100 steps 0.01 leaves 37% of the first statistics, and eval mode guesses; with 0.1 it does not."""
    norm = MobileBlock(4, 4, 4).branch[1]
    for _ in range(100):
        norm(torch.ones(2, 4, 1, 1))
    assert 1 - norm.running_mean[0].item() == pytest.approx(0.37, abs=0.005)
    digits = load_digits()
    x = (torch.tensor(digits.images, dtype=torch.float32)[:, None] / 16).expand(-1, 3, -1, -1)  # (1797, 3, 8, 8)
    y = torch.tensor(digits.target)

    def trained(momentum: float | None) -> nn.Module:
        torch.manual_seed(0)
        blocks = [MobileBlock(16, 64, 24, stride=2), MobileBlock(24, 96, 24)]
        end = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(24, 10)]
        model = nn.Sequential(nn.Conv2d(3, 16, 3, 1, 1), *blocks, *end)
        for module in model.modules():
            if momentum is not None and isinstance(module, nn.BatchNorm2d):
                module.momentum = momentum
        optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
        for batch in torch.randint(300, (100, 32)):
            optimizer.zero_grad()
            F.cross_entropy(model(x[batch]), y[batch]).backward()
            optimizer.step()
        return model

    def accuracy(model: nn.Module, mode: bool) -> float:
        with torch.no_grad():
            answers = copy.deepcopy(model).train(mode)(x[300:600]).argmax(dim=1)
        return (answers == y[300:600]).float().mean().item()

    slow = trained(None)  # as in the code of the page
    assert accuracy(slow, mode=True) > 0.7
    assert accuracy(slow, mode=False) < 0.2
    assert accuracy(trained(0.1), mode=False) > 0.7
    update_bn(x[:300].split(32), slow)
    assert accuracy(slow, mode=False) > 0.7
