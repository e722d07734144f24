"""Strided convolution: equal to torch in two ways, its cost, who is read, and the claims of its page."""

from __future__ import annotations

import random
from itertools import product
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from snippets.convolutions.strided_convolution.evidence import LAYERS, reads
from snippets.convolutions.strided_convolution.from_scratch import by_patches, strided
from snippets.convolutions.strided_convolution.use import downsample, small_network
from tests.support import oracles  # noqa: F401 - before torchvision


def small() -> tuple[nn.Module, Tensor]:
    """The three kinds in a row."""
    layers = [downsample(3, 8), nn.ReLU(), downsample(8, 8, "patches"), nn.ReLU(), downsample(8, 10, "average")]
    return nn.Sequential(*layers), torch.randn(2, 3, 16, 16)


def same(ours: Tensor, theirs: Tensor, *inputs: Tensor) -> None:
    """Equal outputs, and equal gradients of all inputs for one random gradient of the output."""
    torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-10)
    grad = torch.randn_like(ours)
    for mine, its in zip(*(torch.autograd.grad(y, inputs, grad) for y in (ours, theirs)), strict=True):
        torch.testing.assert_close(mine, its, rtol=1e-10, atol=1e-10)


def test_every_other_output_is_kept() -> None:
    """A hundred random kernels, strides, paddings and sizes: stride 1, then every s-th output; with gradients."""
    draw = random.Random(0)
    torch.manual_seed(0)
    for _ in range(100):
        kernel, stride, padding = draw.randint(1, 5), draw.randint(1, 4), draw.randint(0, 3)
        x = torch.randn(2, 3, draw.randint(5, 12), draw.randint(5, 12), dtype=torch.float64, requires_grad=True)
        weight = torch.randn(4, 3, kernel, kernel, dtype=torch.float64, requires_grad=True)
        theirs = F.conv2d(x, weight, stride=stride, padding=padding)
        same(strided(x, weight, stride, padding), theirs, x, weight)


@pytest.mark.parametrize("kernel", [1, 2, 3, 4])
def test_patches_become_channels(kernel: int) -> None:
    """Kernel = stride: pixel_unshuffle and a 1×1 convolution with the flattened weights; with gradients, five sizes."""
    torch.manual_seed(0)
    for many in range(1, 6):
        x = torch.randn(2, 3, many * kernel, 2 * kernel, dtype=torch.float64, requires_grad=True)
        weight = torch.randn(4, 3, kernel, kernel, dtype=torch.float64, requires_grad=True)
        same(by_patches(x, weight), F.conv2d(x, weight, stride=kernel), x, weight)


def test_cost_falls_with_the_square() -> None:
    """Thirty random layers on sizes that the stride divides: as many weights, 1/s² of the multiply-adds."""
    draw = random.Random(0)
    for _ in range(30):
        kernel, stride = draw.choice([1, 3, 5, 7]), draw.randint(2, 4)
        x = torch.empty(1, 8, 24, 24, device="meta")
        flops = []
        for s in (1, stride):
            layer = nn.Conv2d(8, 12, kernel, s, kernel // 2, device="meta")
            assert layer.weight.numel() == 8 * 12 * kernel**2
            with FlopCounterMode(display=False) as counter:
                layer(x)
            flops.append(counter.get_total_flops())
        assert flops[0] == stride**2 * flops[1]


def test_can_be_average_pooling() -> None:
    """Weights 1/k² from a channel to itself, 0 to others, make k×k average pooling, for k and strides from 1 to 4."""
    torch.manual_seed(0)
    for kernel, stride in product(range(1, 5), repeat=2):
        x = torch.randn(2, 3, 12, 12)
        weight = torch.eye(3)[:, :, None, None].expand(3, 3, kernel, kernel) / kernel**2
        torch.testing.assert_close(F.conv2d(x, weight, stride=stride), F.avg_pool2d(x, kernel, stride))


def test_one_by_one_reads_a_quarter(evidence: Any) -> None:
    """1×1 with stride 2 reads 25% of the pixels; all other layers of the figure read each."""
    for name in LAYERS:
        share = (torch.tensor(evidence()[name]) > 0).float().mean().item()
        assert share == (0.25 if name == "1×1, stride 2" else 1)
    for stride in (2, 3, 4):
        for kernel in range(1, 6):
            read = (reads([(kernel, stride, 0)])[6:18, 6:18] > 0).float().mean().item()
            assert read == pytest.approx(min(1, kernel / stride) ** 2)


def test_odd_kernels_read_unevenly(evidence: Any) -> None:
    """Stride 2: pixels are read by 1, 2 or 4 outputs for 3×3, by 9, 12 or 16 for 7×7; even kernels read alike."""

    def numbers(name: str) -> list[float]:
        return torch.tensor(evidence()[name]).unique().tolist()

    assert numbers("3×3, stride 2") == [1, 2, 4]
    assert numbers("7×7, stride 2") == [9, 12, 16]
    for kernel in (1, 3, 5, 7, 9):
        assert len(reads([(kernel, 2, kernel // 2)])[10:-10, 10:-10].unique()) > 1
    for kernel in (2, 4, 6, 8):
        assert reads([(kernel, 2, kernel // 2 - 1)])[10:-10, 10:-10].unique().tolist() == [kernel**2 / 4]
    assert numbers("2×2, stride 2") == [1]
    assert numbers("4×4, stride 2") == [4]
    assert min(numbers("3×3, stride 2, twice")) == 1
    assert max(numbers("3×3, stride 2, twice")) == 9


@pytest.mark.parametrize("stride", [1, 2, 3])
@pytest.mark.parametrize("kernel", [6, 12])
def test_fan_out_start_shrinks_gradients(kernel: int, stride: int) -> None:
    """Mode fan_out, linear: the variance of the gradient becomes 1/s²; with fan_in outputs keep theirs."""
    torch.manual_seed(0)
    layer = nn.Conv2d(16, 32, kernel, stride, bias=False)
    x, more = torch.randn(4, 16, 24, 24, requires_grad=True), kernel - stride
    padded = F.pad(x, (more, 0, more, 0), "circular")  # a circle: every pixel is read by equally many outputs
    nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="linear")
    y = layer(padded)
    gradient = torch.autograd.grad(y, x, torch.randn_like(y))[0]
    assert gradient.var().item() == pytest.approx(1 / stride**2, rel=0.15)
    nn.init.kaiming_normal_(layer.weight, mode="fan_in", nonlinearity="linear")
    assert layer(padded).var().item() == pytest.approx(1, rel=0.15)


def test_stem_for_large_images() -> None:
    """torchvision's ResNet-18 on 32×32: 8×8 after its stem and 1×1 at the end; the page's network keeps 4×4."""
    import torchvision

    with torch.device("meta"):
        model, x = torchvision.models.resnet18().eval(), torch.empty(2, 3, 32, 32)
        stem = model.maxpool(model.relu(model.bn1(model.conv1(x))))
        last = model.layer4(model.layer3(model.layer2(model.layer1(stem))))
        assert stem.shape[2:] == (8, 8)
        assert last.shape[2:] == (1, 1)
        assert small_network().eval()[:-3](x).shape[2:] == (4, 4)


def test_branches_of_odd_maps() -> None:
    """Odd sizes: 3×3 with padding 1 rounds up, patches and the mean round down, a sum is refused; even ones agree."""
    for size in range(4, 20):
        x = torch.rand(2, 3, size, size)
        branch, skips = downsample(3, 8)(x), [downsample(3, 8, kind)(x) for kind in ("patches", "average")]
        assert branch.shape[-1] == (size + 1) // 2
        for skip in skips:
            assert skip.shape[-1] == size // 2
            if size % 2:
                with pytest.raises(RuntimeError, match=r"The size of tensor a .* must match the size of tensor b"):
                    branch + skip
        ceil = nn.AvgPool2d(2, ceil_mode=True, count_include_pad=False)(x)
        assert ceil.shape[-1] == branch.shape[-1]
