"""Atrous spatial pyramid pooling: equal to torchvision and to torch, what it reads and costs, and the page's claims."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from snippets.convolutions.aspp.evidence import reads, weights_on_the_map
from snippets.convolutions.aspp.from_scratch import probe, pyramid
from snippets.convolutions.aspp.use import ASPP, rates_for
from tests.support import oracles  # noqa: F401 - before torchvision
from tests.support.networks import filled, parameters_of, same_logits


def small() -> tuple[nn.Module, Tensor]:
    """One with ordinary and one with separable branches, on a map on which both reach over the border."""
    layers = [ASPP(6, 8, (1, 3), dropout=0.0), ASPP(8, 8, (2, 9), separable=True, dropout=0.0), nn.Conv2d(8, 10, 1)]
    return nn.Sequential(*layers), torch.randn(2, 6, 12, 12)


@pytest.mark.parametrize("rates", [(6, 12, 18), (12, 24, 36), (2,)])
def test_equals_torchvision(rates: tuple[int, ...]) -> None:
    """Outputs under copied weights, by torchvision's names, in eval and train mode, for three sets of rates."""
    from torchvision.models.segmentation.deeplabv3 import ASPP as Theirs

    def make() -> nn.Module:
        return ASPP(8, 12, rates)

    same_logits(
        make, lambda: Theirs(8, list(rates), 12), rename=lambda name: name, shape=(2, 8, 15, 11), tolerance=1e-5
    )


def test_probe_equals_torch() -> None:
    """A hundred random sizes, rates and channels: output, and gradients of input and weight."""
    draw = random.Random(0)
    torch.manual_seed(0)
    for turn in range(100):
        rate, size = 1 + turn % 20, (draw.randint(1, 14), draw.randint(1, 14))
        x = torch.randn(2, draw.randint(1, 4), *size, dtype=torch.float64, requires_grad=True)
        weight = torch.randn(draw.randint(1, 4), x.shape[1], 3, 3, dtype=torch.float64, requires_grad=True)
        ours, theirs = probe(x, weight, rate), F.conv2d(x, weight, padding=rate, dilation=rate)
        torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)
        grad = torch.randn_like(ours)
        gradients = (torch.autograd.grad(y, (x, weight), grad) for y in (ours, theirs))
        for mine, its in zip(*gradients, strict=True):
            torch.testing.assert_close(mine, its, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("rates", [(), (6,), (1, 2, 30)])
def test_pyramid_is_what_the_branches_see(rates: tuple[int, ...]) -> None:
    """The sums of shifted maps, normalized, through ReLU and the 1 × 1 convolution, are the module's output."""
    module = filled(lambda: ASPP(5, 7, rates)).double().eval()
    convs: Any = module.convs
    weights = [conv[0].weight for conv in convs[:-1]] + [convs[-1][1].weight]
    x = torch.randn(2, 5, 9, 8, dtype=torch.float64)
    point, whole = weights[0][..., 0, 0], weights[-1][..., 0, 0]
    seen = pyramid(x, point, dict(zip(rates, weights[1:-1], strict=True)), whole).chunk(len(weights), dim=1)
    norms = [conv[1] for conv in convs[:-1]] + [convs[-1][2]]
    joined = torch.cat([norm(part).relu() for norm, part in zip(norms, seen, strict=True)], dim=1)
    project: Any = module.project
    torch.testing.assert_close(project(joined), module(x))


def test_counts() -> None:
    """C O (9 n + 2) + (n + 2) O² + 2 O (n + 3) parameters, for 24 shapes; and C O (n + 2) + 9 C n + … if separable."""
    for c in (8, 320, 2048):
        for o in (16, 256):
            for n in range(4):
                rest = (n + 2) * o * o + 2 * o * (n + 3)
                rates = tuple(range(1, n + 1))
                assert parameters_of(lambda: ASPP(c, o, rates)) == c * o * (9 * n + 2) + rest  # noqa: B023
                light = parameters_of(lambda: ASPP(c, o, rates, separable=True))  # noqa: B023
                assert light == c * o * (n + 2) + 9 * c * n + rest


def test_parameters_behind_resnet() -> None:
    """15,535,104 behind a ResNet-50, as torchvision's has; 3,007,488 with separable branches."""
    from torchvision.models.segmentation.deeplabv3 import ASPP as Theirs

    assert parameters_of(lambda: ASPP(2048)) == parameters_of(lambda: Theirs(2048, [12, 24, 36])) == 15_535_104
    assert parameters_of(lambda: ASPP(2048, separable=True)) == 3_007_488


@pytest.mark.parametrize("stride", [8, 16, 32])
def test_rates_reach_equally_far_in_the_image(stride: int) -> None:
    """Rate times output stride is 96, 192, 288 pixels; 8 gives torchvision's default rates."""
    from torchvision.models.segmentation import deeplabv3

    assert [rate * stride for rate in rates_for(stride)] == [96, 192, 288]
    if stride == 8:
        assert deeplabv3.DeepLabHead.__init__.__defaults__ == (rates_for(8),)


def without_whole(x: Tensor, module: nn.Module) -> Tensor:
    """The module's output when its last branch, which sees the whole map, is silent."""
    convs: Any = module.convs
    seen = [*(conv(x) for conv in convs[:-1]), x.new_zeros(len(x), convs[0][0].out_channels, *x.shape[2:])]
    project: Any = module.project
    return project(torch.cat(seen, dim=1))


def test_reads_25_places_and_the_mean() -> None:
    """By gradients: 1 + 8 · 3 places in the middle of 41 × 41 for 6, 12, 18; with the last branch each place."""
    torch.manual_seed(0)
    module = ASPP(2, 32).double().eval()
    x = torch.randn(1, 2, 41, 41, dtype=torch.float64, requires_grad=True)
    (few,) = torch.autograd.grad(without_whole(x, module)[0, :, 20, 20].sum(), x)
    steps = {0, 6, 12, 18}
    expected = {(20 + i * s, 20 + j * s) for s in steps for i in (-1, 0, 1) for j in (-1, 0, 1)}
    assert set(map(tuple, few[0].abs().sum(dim=0).nonzero().tolist())) == expected
    assert len(expected) == 25
    (every,) = torch.autograd.grad(module(x)[0, :, 20, 20].sum(), x)
    assert (every[0].abs().sum(dim=0) > 0).all()


def test_middle_weight_alone(evidence: Any) -> None:
    """14 × 14, rate 18: one of nine weights for each output, so a 1 × 1 convolution. 33 × 33: also for the middle."""
    weights = evidence()["weights"]
    assert weights["14"]["18"] == 1
    assert evidence()["reads"]["33 × 33, middle"]["18"] == [[16, 16]]
    torch.manual_seed(0)
    x, weight = torch.randn(1, 3, 14, 14).double(), torch.randn(4, 3, 3, 3).double()
    torch.testing.assert_close(probe(x, weight, 18), F.conv2d(x, weight[:, :, 1:2, 1:2]))
    for rate in (14, 15, 18, 40):
        assert all(reads(14, place, rate) == [[place, place]] for place in range(14))


@pytest.mark.parametrize("size", [14, 16])
def test_weights_without_gradient(size: int) -> None:
    """Crops of 224 and 256 (maps of 14 and 16): at rate 18 the middle weight has a gradient and no other has."""
    torch.manual_seed(0)
    weight = torch.randn(4, 3, 3, 3, requires_grad=True)
    probe(torch.randn(2, 3, size, size), weight, 18).square().sum().backward()
    assert weight.grad is not None
    assert (weight.grad != 0).any(dim=1).any(dim=0).nonzero().tolist() == [[1, 1]]


def test_weights_on_usual_maps(evidence: Any) -> None:
    """4.6, 1.7, 1.0 of nine at 224; 1.7 at 321, rate 18; 7.0, 5.2, 3.6 at 513: (1 + 2 max(0, n - r) / n)²."""
    weights = evidence()["weights"]
    assert [round(weights["14"][rate], 1) for rate in ("6", "12", "18")] == [4.6, 1.7, 1.0]
    assert round(weights["21"]["18"], 1) == 1.7
    assert [round(weights["33"][rate], 1) for rate in ("6", "12", "18")] == [7.0, 5.2, 3.6]
    for size in range(1, 60, 3):
        for rate in (1, 6, 18, 36):
            assert weights_on_the_map(size, rate) == pytest.approx((1 + 2 * max(0, size - rate) / size) ** 2)


@pytest.mark.parametrize("side", [1, 5])
def test_batch_of_one(side: int) -> None:
    """One image in train mode is refused with the page's text, whatever its size; two images, or eval mode, work."""
    module = ASPP(4)
    with pytest.raises(
        ValueError,
        match=r"Expected more than 1 value per channel when training, got input size torch.Size\(\[1, 256, 1, 1\]\)",
    ):
        module(torch.randn(1, 4, 5, side + 4))
    module(torch.randn(2, 4, 5, side + 4))
    module.eval()(torch.randn(1, 4, 5, side + 4))


def test_tiles_differ() -> None:
    """A tile's inner outputs differ from those of the whole image, and agree once the last branch is silent."""
    torch.manual_seed(0)
    module = ASPP(3, 16, (2, 4)).double().eval()
    image = torch.randn(1, 3, 30, 30, dtype=torch.float64)
    for left in (0, 5, 10):
        tile, inner = image[..., left : left + 20, left : left + 20], slice(4, 16)
        there = slice(left + 4, left + 16)
        alone, together = module(tile)[..., inner, inner], module(image)[..., there, there]
        assert (alone - together).abs().max() > 1e-3
        alone, together = without_whole(tile, module), without_whole(image, module)
        torch.testing.assert_close(alone[..., inner, inner], together[..., there, there])
