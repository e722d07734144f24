"""EfficientNet: equal to torchvision, counts of the paper and of torchvision, and the claims of its page."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from snippets.architectures.efficientnet.from_scratch import (
    DEPTHS,
    DROPOUTS,
    WIDTHS,
    EfficientNet,
    MBConv,
    efficientnet,
)
from snippets.architectures.efficientnet.use import MBConv as SmallBlock
from snippets.architectures.efficientnet.use import efficientnet_for_small_images
from snippets.experiment import Stages, stages
from tests.support import oracles  # noqa: F401 - before torchvision
from tests.support.networks import filled, numbers, parameters_of, same_logits, take_weights


def small() -> tuple[nn.Module, Tensor]:
    """A quarter of the width, and 32 by 32 pixels."""
    return EfficientNet(width=0.25, depth=0.5, classes=10), torch.randn(2, 3, 32, 32)


def test_equals_torchvision() -> None:
    """B0: logits in both modes and running statistics, with torchvision's weights."""
    from torchvision import models

    same_logits(efficientnet, models.efficientnet_b0, shape=(2, 3, 64, 64))


def test_parameters(monkeypatch: pytest.MonkeyPatch) -> None:
    """B0 to B7 have as many parameters as torchvision's, within 5% of the paper's table; B0 as many as timm's."""
    import timm
    from torchvision import models

    for name in ("kaiming_normal_", "kaiming_uniform_"):  # what fills the weights takes most of the time
        monkeypatch.setattr(nn.init, name, lambda tensor, *_, **__: tensor)
    published = [5.3, 7.8, 9.2, 12, 19, 30, 43, 66]  # table 2, in millions
    for variant, millions in enumerate(published):
        weights = getattr(models, f"EfficientNet_B{variant}_Weights").IMAGENET1K_V1
        ours = parameters_of(lambda variant=variant: efficientnet(variant))
        assert ours == weights.meta["num_params"]
        assert ours / 1e6 == pytest.approx(millions, rel=0.05)
    assert parameters_of(efficientnet) == 5_288_548 == parameters_of(lambda: timm.create_model("efficientnet_b0"))


def test_multiply_adds(evidence: Any) -> None:
    """The sum is torchvision's, and 0.39 billion, as in the paper's table; so is B4's 4.4 at 380."""
    from torchvision import models

    assert evidence()["multiply_adds"] / 1e9 == pytest.approx(0.39, abs=0.005)
    with torch.device("meta"):
        b4 = EfficientNet(WIDTHS[4], DEPTHS[4])
    counts = {0: evidence()["multiply_adds"], 4: sum(row["multiply_adds"] for row in stages(b4, 380).values())}
    for variant, count in counts.items():
        meta = getattr(models, f"EfficientNet_B{variant}_Weights").IMAGENET1K_V1.meta
        assert count / 1e9 == pytest.approx(meta["_ops"], abs=0.001)


def test_where_the_parameters_are(evidence: Any) -> None:
    """Stage 6 and the head hold 70% of the parameters and take 29% of the multiply-adds."""
    rows, total = evidence()["stages"], evidence()
    share = {key: (rows["stage6"][key] + rows["head"][key]) / total[key] for key in ("parameters", "multiply_adds")}
    assert share["parameters"] == pytest.approx(0.70, abs=0.005)
    assert share["multiply_adds"] == pytest.approx(0.29, abs=0.005)


@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize(("channels", "out", "expansion"), [(16, 24, 6), (40, 40, 6), (32, 16, 1), (80, 112, 4)])
def test_cost_of_a_block(channels: int, out: int, expansion: int, stride: int, kernel: int) -> None:
    """The formula is what the layers add up to, for several shapes; the first term only where it expands."""
    height, width, wide = 28, 20, channels * expansion
    with torch.device("meta"):
        counter = Stages(MBConv(channels, out, kernel, stride, expansion))
    counter.run(torch.empty(1, channels, height, width, device="meta"))
    counted = sum(row["multiply_adds"] for row in counter.rows.values())
    first = height * width * wide * channels if expansion > 1 else 0
    after = height * width // stride**2 * wide * (kernel**2 + out)
    assert counted == first + after + 2 * wide * (channels // 4)


def gates_of_b0(pixels: int) -> list[tuple[float, float]]:
    """The gate's share of the multiply-adds and of the parameters of each stage's last block."""
    with torch.device("meta"):
        model = efficientnet()
    shares = []
    for stage, jump in enumerate([2, 4, 8, 16, 16, 32, 32], 1):
        size = pixels // jump
        block = getattr(model, f"stage{stage}")[-1]
        gates = next(m for m in block.modules() if type(m).__name__ == "SqueezeExcite")
        convolutions = [m for m in block.modules() if isinstance(m, nn.Conv2d)]
        inside = [m for m in gates.modules() if isinstance(m, nn.Conv2d)]
        rest = sum(m.weight.numel() for m in convolutions if m not in inside) * size**2
        gate = sum(m.weight.numel() for m in inside)
        shares.append((gate / (gate + rest), gate / sum(p.numel() for p in block.parameters())))
    return shares


def test_gate_costs_little() -> None:
    """At 224 by 224, the gate takes under 1% of each block's multiply-adds, and over 10% of its parameters; at 32 by 32
    it takes more of them."""
    assert max(cost for cost, _ in gates_of_b0(224)) < 0.01
    assert min(held for _, held in gates_of_b0(224)) > 0.10
    assert max(cost for cost, _ in gates_of_b0(32)) > 0.05


def test_gate_sees_the_image() -> None:
    """One output pixel of a block depends on the pixels of its kernel alone without the gate, on all with it."""
    torch.manual_seed(0)
    block = MBConv(8, 12, 3, 1, 6).double().eval()
    x = torch.randn(1, 8, 9, 9, dtype=torch.float64, requires_grad=True)
    touched = torch.autograd.grad(block(x)[0, :, 4, 4].sum(), x)[0].abs().sum(dim=1)[0] > 0
    assert touched.all()
    block.branch[6].gate = nn.Sigmoid()  # weighs each value by itself
    touched = torch.autograd.grad(block(x)[0, :, 4, 4].sum(), x)[0].abs().sum(dim=1)[0] > 0
    assert touched.nonzero().min() == 3
    assert touched.nonzero().max() == 5
    assert touched.sum() == 9


def test_what_scaling_costs(evidence: Any) -> None:
    """Twice the depth, width, resolution: 2.03, 3.76, 3.99 times the multiply-adds, 1.93, 3.43, 1 the parameters."""
    rows = evidence()["scaled"]
    expected = {
        "twice as deep": (2.03, 1.93, 2),
        "twice as wide": (3.76, 3.43, 4),
        "twice the resolution": (3.99, 1, 4),
    }
    for name, (cost, held, formula) in expected.items():
        assert rows[name]["multiply_adds"] / rows["B0"]["multiply_adds"] == pytest.approx(cost, abs=0.005)
        assert rows[name]["parameters"] / rows["B0"]["parameters"] == pytest.approx(held, abs=0.005)
        assert rows[name]["formula"] == formula


def test_rounding_up_costs(evidence: Any) -> None:
    """One step of all three takes 2.57 times the multiply-adds, where the formula says 1.91: 16 blocks become 23, and
    maps of odd size are rounded up. Without the odd maps it is 2.23, without both less than the formula."""
    row, base = evidence()["scaled"]["all three"], evidence()["scaled"]["B0"]
    assert row["multiply_adds"] / base["multiply_adds"] == pytest.approx(2.57, abs=0.005)
    assert row["formula"] == pytest.approx(1.2 * 1.1**2 * (257 / 224) ** 2) == pytest.approx(1.91, abs=0.005)
    for depth, blocks in ((1.0, 16), (1.2, 23)):
        with torch.device("meta"):
            assert sum(isinstance(m, MBConv) for m in EfficientNet(depth=depth).modules()) == blocks
    even = {}
    for depth in (1.0, 1.2):
        with torch.device("meta"):
            model = EfficientNet(1.1, depth)
        even[depth] = sum(part["multiply_adds"] for part in stages(model, 256).values()) / base["multiply_adds"]
    assert even[1.2] == pytest.approx(2.23, abs=0.005)
    assert even[1.0] < 1.1**2 * (256 / 224) ** 2  # the width alone costs less than the formula says


def test_published_b1() -> None:
    """The published B1 has 1.1 times the depth, B0's width and images of 240 pixels: less than a step of all three."""
    from torchvision import models

    assert (WIDTHS[1], DEPTHS[1]) == (1.0, 1.1)
    published = models.EfficientNet_B1_Weights
    assert published.IMAGENET1K_V1.meta["num_params"] == parameters_of(lambda: EfficientNet(1.0, 1.1))
    assert published.IMAGENET1K_V1.transforms.keywords["crop_size"] == 240
    with torch.device("meta"):
        counts = [
            sum(row["multiply_adds"] for row in stages(model, size).values())
            for model, size in ((EfficientNet(1.0, 1.1), 240), (EfficientNet(1.1, 1.2), 257))
        ]
    assert counts[0] < counts[1]


def test_small_images() -> None:
    """At 32 by 32 the network of use.py keeps 4 by 4 before the mean, B0 one pixel."""
    x = torch.rand(2, 3, 32, 32)
    model = efficientnet_for_small_images(10, width=0.25)
    assert model[:-4](x).shape[2:] == (4, 4)
    usual = EfficientNet(width=0.25)
    assert nn.Sequential(*list(usual.children())[:-1])(x).shape[2:] == (1, 1)


def test_small_block_is_the_same_block() -> None:
    """The block of use.py computes what the block from scratch does."""
    for channels, out, stride, kernel in [(16, 16, 1, 3), (16, 24, 2, 5), (24, 32, 1, 5)]:
        ours, theirs = (
            filled(lambda c=channels, o=out, s=stride, k=kernel: SmallBlock(c, o, s, k)),
            MBConv(channels, out, kernel, stride, 6),
        )
        take_weights(theirs, ours)
        x = numbers((2, channels, 8, 8), 1)
        torch.testing.assert_close(ours.eval()(x), theirs.eval()(x))


def test_settings_are_torchvisions() -> None:
    """Dropout and drop path are torchvision's; eps and momentum are torch's in its B4, TensorFlow's in its B5."""
    from torchvision import models
    from torchvision.ops import StochasticDepth

    for variant, norm in ((0, (1e-5, 0.1)), (4, (1e-5, 0.1)), (5, (1e-3, 0.01))):
        with torch.device("meta"):
            theirs, model = getattr(models, f"efficientnet_b{variant}")(), efficientnet(variant)
        assert theirs.classifier[0].p == DROPOUTS[variant] == model.head[-2].p
        ours = [block.drop_path.p for block in model.modules() if isinstance(block, MBConv)]
        assert ours == pytest.approx([m.p for m in theirs.modules() if isinstance(m, StochasticDepth)])
        assert {(m.eps, m.momentum) for m in theirs.modules() if isinstance(m, nn.BatchNorm2d)} == {norm}


def test_eps_of_libraries() -> None:
    """timm's efficientnet_b0 has an eps of 1e-5, its tf_efficientnet_b0 one of 1e-3."""
    import timm

    with torch.device("meta"):
        for name, eps in (("efficientnet_b0", 1e-5), ("tf_efficientnet_b0", 1e-3)):
            model = timm.create_model(name)
            assert {m.eps for m in model.modules() if isinstance(m, nn.BatchNorm2d)} == {eps}


def test_other_eps_loads_silently() -> None:
    """A state loads into a network with another eps without a word, and the logits of an untrained B0 differ."""
    torch.manual_seed(0)
    model, other = efficientnet(classes=10).double().eval(), efficientnet(classes=10).double().eval()
    assert {m.eps for m in model.modules() if isinstance(m, nn.BatchNorm2d)} == {1e-5}
    for module in other.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = 1e-3
    assert not any(other.load_state_dict(model.state_dict()))
    for network in (model, other):  # small variances, as layers have that hardly move
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.get_buffer("running_var").fill_(0.01)
    x = torch.randn(2, 3, 32, 32, dtype=torch.float64)
    with torch.no_grad():
        y, z = model(x), other(x)
    assert y.isfinite().all()
    assert (y - z).norm() > 0.1 * y.norm()


@pytest.mark.parametrize("kernel", [3, 5])
def test_padding_of_tensorflow(kernel: int) -> None:
    """At stride 2, TensorFlow's padding is torch's for odd sizes; for even sizes it begins one pixel later."""
    torch.manual_seed(0)
    weight = torch.randn(4, 3, kernel, kernel, dtype=torch.float64)
    for size in (31, 32, 57, 64):
        x = torch.randn(1, 3, size, size, dtype=torch.float64)
        needed = max((-(-size // 2) - 1) * 2 + kernel - size, 0)  # TensorFlow's rule for "SAME"
        before = needed // 2
        theirs = F.conv2d(F.pad(x, (before, needed - before) * 2), weight, stride=2)
        ours = F.conv2d(x, weight, stride=2, padding=kernel // 2)
        assert ours.shape == theirs.shape
        assert torch.allclose(ours, theirs) == (size % 2 == 1)
        if size % 2 == 0:
            assert before == kernel // 2 - 1
            moved = F.conv2d(x, weight, stride=1, padding=kernel // 2)[:, :, 1::2, 1::2]
            torch.testing.assert_close(theirs, moved)
