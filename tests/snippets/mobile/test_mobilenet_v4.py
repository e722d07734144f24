"""MobileNetV4: equal to timm, its counts, and the claims of its page."""

from __future__ import annotations

import random
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from snippets.experiment import stages
from snippets.mobile.mobilenet_v4.from_scratch import Bottleneck, MobileNetV4
from snippets.mobile.mobilenet_v4.use import FORMS, UniversalBottleneck, small_network
from tests.support import oracles  # noqa: F401 - before timm
from tests.support.counting import by_torch
from tests.support.networks import parameters_of, same_logits

PARAMETERS = {"small": 3_774_024, "medium": 9_715_512}


def small() -> tuple[nn.Module, Tensor]:
    """Conv-Small, at a quarter of its width."""
    return MobileNetV4("small", width=0.25, classes=10, dropout=0.0), torch.randn(2, 3, 32, 32)


@pytest.mark.parametrize("size", list(PARAMETERS))
def test_equals_timm(size: str) -> None:
    """Logits in both modes, and the running statistics, with timm's weights."""
    import timm

    same_logits(partial(MobileNetV4, size), partial(timm.create_model, f"mobilenetv4_conv_{size}", drop_rate=0.3))


def test_parameters() -> None:
    """As many as timm's, both sizes."""
    import timm

    for size, count in PARAMETERS.items():
        assert parameters_of(partial(MobileNetV4, size)) == count
        assert parameters_of(partial(timm.create_model, f"mobilenetv4_conv_{size}")) == count


def test_block_of_the_code_equals_the_networks() -> None:
    """The block to copy computes what the block from scratch does, in each form, with and without shortcut."""
    torch.manual_seed(0)
    x = torch.randn(2, 8, 6, 6)
    for start, middle in FORMS.values():
        for out, stride in ((8, 1), (12, 1), (12, 2)):
            if stride == 2 and not middle:
                continue  # the network from scratch puts a stride in the middle only
            ours, theirs = (
                UniversalBottleneck(8, out, start, middle, 4, stride),
                Bottleneck(8, start, middle, stride, 4, out),
            )
            ours.load_state_dict(theirs.state_dict())
            torch.testing.assert_close(ours(x), theirs(x))


def rows_of(size: str) -> dict[str, dict[str, Any]]:
    with torch.device("meta"):
        return stages(MobileNetV4(size))


def test_multiply_adds(evidence: Any) -> None:
    """186 million for Conv-Small, 828 million for Conv-Medium."""
    totals = {size: sum(row["multiply_adds"] for row in rows_of(size).values()) for size in PARAMETERS}
    assert totals["small"] == evidence()["multiply_adds"]
    assert {size: round(total / 1e6) for size, total in totals.items()} == {"small": 186, "medium": 828}


def test_where_parameters_are(evidence: Any) -> None:
    """What follows the mean in Conv-Small: two thirds of the parameters, 1.3% of the multiply-adds."""
    found = evidence()
    layers = [type(m) for m in MobileNetV4("small", width=0.25).head if isinstance(m, nn.Conv2d | nn.Linear)]
    assert layers == [nn.Conv2d, nn.Linear]
    assert found["stages"]["last"]["shape"][1:] == [1, 1]
    assert found["stages"]["head"]["parameters"] / found["parameters"] == pytest.approx(2 / 3, abs=0.005)
    assert found["stages"]["head"]["multiply_adds"] / found["multiply_adds"] == pytest.approx(0.013, abs=0.0005)


def test_fewer_classes() -> None:
    """Conv-Small with 10 classes has 2.5 million parameters, with 1,000 3.8."""
    counts = {classes: parameters_of(partial(MobileNetV4, classes=classes)) for classes in (10, 1000)}
    assert {classes: round(count / 1e6, 1) for classes, count in counts.items()} == {10: 2.5, 1000: 3.8}


def test_cost_of_a_block() -> None:
    """Multiply-adds of random blocks; at the start a kernel costs 1/e of what it costs in the middle."""
    chance = random.Random(0)
    for _ in range(20):
        channels, out, factor = chance.randint(1, 24), chance.randint(1, 24), chance.randint(1, 6)
        start, middle = chance.choice((0, 3, 5)), chance.choice((0, 3, 5))
        height, width = chance.randint(1, 20), chance.randint(1, 20)
        wide = factor * channels
        said = channels * start**2 + channels * wide + wide * middle**2 + wide * out
        with torch.device("meta"):
            block = UniversalBottleneck(channels, out, start, middle, factor)
        assert by_torch(block, channels, height, width) == height * width * said
    for factor in (2, 3, 4, 6):
        with torch.device("meta"):
            bare = UniversalBottleneck(8, 8, 0, 0, factor)
            pairs = [(UniversalBottleneck(8, 8, k, 0, factor), UniversalBottleneck(8, 8, 0, k, factor)) for k in (3, 5)]
        base = by_torch(bare, 8, 9, 9)
        for first, second in pairs:
            assert factor * (by_torch(first, 8, 9, 9) - base) == by_torch(second, 8, 9, 9) - base > 0


@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("factor", [2, 3, 4, 6])
def test_start_runs_before_the_stride(kernel: int, factor: int) -> None:
    """With both kernels and stride 2, the convolution at the start does 4/e of the middle one's multiply-adds."""
    with torch.device("meta"):
        block = UniversalBottleneck(8, 8, kernel, kernel, factor, stride=2)
    convs = [m for m in block.branch if isinstance(m, nn.Conv2d)]
    assert [conv.stride for conv in convs] == [(1, 1), (1, 1), (2, 2), (1, 1)]
    first, middle = by_torch(convs[0], 8, 16, 12), by_torch(convs[2], factor * 8, 16, 12)
    assert factor * first == 4 * middle > 0


def test_multiply_adds_of_older_networks(evidence: Any) -> None:
    """MobileNetV3-Large, MobileNetV1 and EfficientNet-B0: 1.2, 3.1 and 2.1 times Conv-Small's, at 224 by 224."""
    import timm

    for name, times in (("mobilenetv3_large_100", 1.2), ("mobilenetv1_100", 3.1), ("efficientnet_b0", 2.1)):
        with torch.device("meta"):
            found = by_torch(timm.create_model(name), 3, 224, 224)
        assert round(found / evidence()["multiply_adds"], 1) == times


@pytest.mark.parametrize("start", [0, 3, 5])
@pytest.mark.parametrize("middle", [0, 3, 5])
def test_what_a_block_sees(start: int, middle: int) -> None:
    """k1 + k2 - 1 pixels with both, the one's kernel with one, a single pixel with none; by gradients."""
    block = UniversalBottleneck(2, 2, start, middle).eval()
    for parameter in block.parameters():
        nn.init.constant_(parameter, 0.1)  # positive: no ReLU is off
    x = torch.ones(1, 2, 15, 15, requires_grad=True)
    (grad,) = torch.autograd.grad(block(x)[0, :, 7, 7].sum(), x)
    seen = grad[0].abs().sum(0) > 0
    assert int(seen.any(0).sum()) == int(seen.any(1).sum()) == (start or 1) + (middle or 1) - 1
    assert int(seen.sum()) == int(seen.any(0).sum()) ** 2


def test_simple_layers() -> None:
    """Both sizes: convolutions, batch normalization, ReLU, dropout, and one mean and one linear layer; no other."""
    for size in PARAMETERS:
        with torch.device("meta"):
            leaves = [type(m) for m in MobileNetV4(size).modules() if not list(m.children())]
        known = {nn.Conv2d, nn.BatchNorm2d, nn.ReLU, nn.AdaptiveAvgPool2d, nn.Flatten, nn.Dropout, nn.Linear}
        assert set(leaves) == known
        assert leaves.count(nn.AdaptiveAvgPool2d) == leaves.count(nn.Linear) == 1


def test_batch_of_one() -> None:
    """In train mode one image is refused whatever its size; two pass, and so does one in eval mode."""
    model = MobileNetV4(width=0.25)
    for size in (64, 96, 160):
        with pytest.raises(ValueError, match="Expected more than 1 value per channel when training"):
            model.train()(torch.rand(1, 3, size, size))
        assert model(torch.rand(2, 3, size, size)).shape == (2, 1000)
        assert model.eval()(torch.rand(1, 3, size, size)).shape == (1, 1000)


def test_small_images() -> None:
    """From 32 x 32 the network for ImageNet leaves one pixel before the mean, the one in the code 8 x 8."""
    body = nn.Sequential(*list(MobileNetV4(width=0.25).eval().children())[:-2])
    assert body(torch.rand(1, 3, 32, 32)).shape[2:] == (1, 1)
    assert small_network(10).eval()[:-3](torch.rand(1, 3, 32, 32)).shape[2:] == (8, 8)


def test_stride_needs_a_kernel() -> None:
    """The feed-forward form refuses a stride; the other forms halve the map."""
    for start, middle in FORMS.values():
        if start or middle:
            assert UniversalBottleneck(4, 4, start, middle, stride=2)(torch.rand(2, 4, 8, 8)).shape == (2, 4, 4, 4)
        else:
            with pytest.raises(ValueError, match="a block without a depthwise convolution cannot have a stride"):
                UniversalBottleneck(4, 4, start, middle, stride=2)
