"""MobileNet v1: equal to timm, the authors' counts, and the claims of its page."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from snippets.experiment import stages
from snippets.mobile.mobilenet_v1.from_scratch import MobileNetV1, Separable
from snippets.mobile.mobilenet_v1.use import separable, separate
from tests.support import oracles  # noqa: F401 - before torchvision
from tests.support.counting import by_kind, multiply_adds
from tests.support.networks import parameters_of, same_logits


def small() -> tuple[nn.Module, Tensor]:
    """A sixteenth of the width."""
    return MobileNetV1(width=1 / 16, classes=10), torch.randn(2, 3, 32, 32)


def test_equals_timm() -> None:
    """Logits in both modes, and the running statistics, with timm's weights."""
    import timm

    same_logits(MobileNetV1, lambda: timm.create_model("mobilenetv1_100"))


def rows_of(width: float = 1.0, size: int = 224) -> dict[str, dict[str, Any]]:
    with torch.device("meta"):
        return stages(MobileNetV1(width), size)


def test_counts(evidence: Any) -> None:
    """Multiply-adds as in the authors' table for three widths and four sizes but one; parameters of timm's network."""
    import timm

    assert parameters_of(MobileNetV1) == 4_231_976 == evidence()["parameters"]
    assert parameters_of(lambda: timm.create_model("mobilenetv1_100")) == 4_231_976
    published = {1.0: (569, 418, 291, 186), 0.5: (150, 110, 77, 49), 0.25: (41, 34, 21, 14)}
    for width, row in published.items():
        for size, stated in zip((224, 192, 160, 128), row, strict=True):
            millions = 30 if (width, size) == (0.25, 192) else stated
            found = sum(row["multiply_adds"] for row in rows_of(width, size).values()) / 1e6
            assert found == pytest.approx(millions, abs=0.505)  # the table rounds 149.495 up
    assert evidence()["multiply_adds"] == sum(row["multiply_adds"] for row in rows_of().values())


def test_cost_ratio() -> None:
    """1 / out + 1 / 9 of the multiply-adds of a 3 x 3 convolution, for 60 random layers."""
    chance = random.Random(0)
    for _ in range(60):
        channels, out = chance.randint(2, 96), chance.randint(2, 96)
        stride, h, w = chance.choice([1, 2]), chance.randint(3, 30), chance.randint(3, 30)
        with torch.device("meta"):
            cheap = multiply_adds(Separable(channels, out, stride), channels, h, w)
            full = multiply_adds(nn.Conv2d(channels, out, 3, stride, 1), channels, h, w)
        assert cheap / full == pytest.approx(1 / out + 1 / 9, rel=1e-12)


def test_where_the_work_is() -> None:
    """95% of the multiply-adds and 74% of the parameters are of 1 x 1 convolutions; the depthwise ones do 3%."""
    with torch.device("meta"):
        model = MobileNetV1()
        counts = by_kind(model, 3, 224, 224)
    total = sum(row["multiply_adds"] for row in rows_of().values())
    assert counts["pointwise"] / total == pytest.approx(0.95, abs=0.005)
    assert counts["depthwise"] / total == pytest.approx(0.03, abs=0.005)
    inside = sum(m.weight.numel() for m in model.modules() if isinstance(m, nn.Conv2d) and m.kernel_size == (1, 1))
    assert inside / 4_231_976 == pytest.approx(0.74, abs=0.005)


def test_full_convolutions() -> None:
    """With 3 x 3 convolutions in place of each pair: 8.6 times the multiply-adds and 6.9 times the parameters."""
    with torch.device("meta"):
        model = MobileNetV1()
        for stage in [m for m in model.children() if any(isinstance(b, Separable) for b in m)]:
            for place, block in enumerate(stage):
                first, last = block[0], block[3]
                full = nn.Conv2d(first.in_channels, last.out_channels, 3, first.stride, 1, bias=False)
                stage[place] = nn.Sequential(full, nn.BatchNorm2d(last.out_channels), nn.ReLU6())
        counts = by_kind(model, 3, 224, 224)
    total = sum(counts.values()) + 1_024_000
    assert total / sum(row["multiply_adds"] for row in rows_of().values()) == pytest.approx(8.6, abs=0.05)
    assert sum(p.numel() for p in model.parameters()) / 4_231_976 == pytest.approx(6.9, abs=0.05)


def test_width_and_size() -> None:
    """Half the width, and half the height and width of the image, each leave 26% of the multiply-adds."""
    whole = sum(row["multiply_adds"] for row in rows_of().values())
    assert sum(row["multiply_adds"] for row in rows_of(0.5).values()) / whole == pytest.approx(0.26, abs=0.005)
    assert sum(row["multiply_adds"] for row in rows_of(1.0, 112).values()) / whole == pytest.approx(0.26, abs=0.005)


def test_separate() -> None:
    """Output shapes stay for 40 random convolutions; groups, stem and 1 x 1 kernels are left, or refused by name."""
    chance = random.Random(0)
    torch.manual_seed(0)
    for _ in range(40):
        channels, out = chance.randint(4, 9), chance.randint(1, 9)
        kernel = (chance.randint(1, 4), chance.randint(2, 5))
        stride, dilation = chance.randint(1, 3), chance.randint(1, 2)
        odd = all(side % 2 for side in kernel)  # torch warns of "same" for even kernels
        padding = chance.choice([0, 1, 2, 3, (2, 1), "same" if stride == 1 and odd else "valid"])
        layer = nn.Conv2d(channels, out, kernel, stride, padding, dilation, bias=chance.random() < 0.5).double()
        model, x = nn.Sequential(layer), torch.randn(2, channels, 12, 13, dtype=torch.float64)
        shape = model(x).shape
        assert separate(model) == 1
        assert model(x).shape == shape
        assert model(x).dtype == torch.float64
    left = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(8, 8, 1), nn.Conv2d(8, 8, 3, groups=2), nn.Linear(3, 3))
    assert separate(left) == 0
    for refused in (nn.Conv2d(8, 8, 3, groups=2), nn.Conv2d(8, 8, 3, padding=1, padding_mode="reflect")):
        with pytest.raises(ValueError, match="groups=1 and padding by zeros"):
            separable(refused)


def test_silent_channel_spoils_the_scale() -> None:
    """One channel with a running variance of 1e-5 of the others' takes the 8-bit scale of a folded depthwise layer:
    the other channels' error grows over 50 times; with a scale for each channel it does not, for five seeds."""
    from torch.nn.utils.fusion import fuse_conv_bn_eval

    for seed in range(5):
        torch.manual_seed(seed)
        conv, norm = nn.Conv2d(32, 32, 3, groups=32, bias=False), nn.BatchNorm2d(32)
        errors = {}
        for name, variance in (("equal", 1.0), ("silent", 1e-5)):
            norm.running_var[0] = variance
            weight = fuse_conv_bn_eval(conv.eval(), norm.eval()).weight.detach()
            one = torch.fake_quantize_per_tensor_affine(weight, weight.abs().max().item() / 127, 0, -127, 127)
            scales = weight.flatten(1).abs().amax(dim=1) / 127
            each = torch.fake_quantize_per_channel_affine(
                weight, scales, torch.zeros(32, dtype=torch.int32), 0, -127, 127
            )
            errors[name] = [(low - weight)[1:].abs().mean().item() for low in (one, each)]
        assert errors["silent"][0] > 50 * errors["equal"][0]
        assert errors["silent"][1] == pytest.approx(errors["equal"][1], rel=1e-6)
