"""BlurPool: equal to timm's and to repeated means, what it does to each frequency, and the claims of its page."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest
import torch
from timm.layers import BlurPool2d, create_aa
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from snippets.convolutions.blur_pool.evidence import moved, rings
from snippets.convolutions.blur_pool.from_scratch import blur_pool2d
from snippets.convolutions.blur_pool.use import BlurPool, conv_blur_pool, max_blur_pool


def small() -> tuple[nn.Module, Tensor]:
    """The three uses in a row."""
    layers = [conv_blur_pool(3, 8), max_blur_pool(8, 3), BlurPool(8, 2), nn.Flatten(), nn.Linear(8 * 2 * 2, 10)]
    return nn.Sequential(*layers), torch.randn(2, 3, 16, 16)


def circular(x: Tensor, size: int, stride: int) -> Tensor:
    """The page's layer on a map whose borders meet, so that no border disturbs."""
    layer = BlurPool(x.shape[1], size, stride).to(x.dtype)
    return F.conv2d(F.pad(x, layer.padding, mode="circular"), layer.kernel, stride=stride, groups=x.shape[1])


@pytest.mark.parametrize("size", [3, 5, 7])
def test_equals_timm(size: int) -> None:
    """Odd sizes, stride 2: outputs and gradients of timm's layer with its default padding; twenty sizes of maps."""
    draw = random.Random(0)
    torch.manual_seed(0)
    for _ in range(20):
        x = torch.randn(2, 3, draw.randint(4, 15), draw.randint(4, 15), requires_grad=True)
        results = [layer(x) for layer in (BlurPool(3, size), BlurPool2d(3, size), BlurPool2d(None, size))]
        results.append(blur_pool2d(x, size))
        grad = torch.randn_like(results[0])
        wanted = torch.autograd.grad(results[0], x, grad)[0]
        for other in results[1:]:
            torch.testing.assert_close(other, results[0], rtol=1e-5, atol=1e-6)
            torch.testing.assert_close(torch.autograd.grad(other, x, grad)[0], wanted, rtol=1e-5, atol=1e-6)


def test_even_sizes_of_timm() -> None:
    """Even sizes of the blur, stride 2: timm's output of an even map is one row larger, that of an odd map is not."""
    for size in (2, 4, 6):
        for pixels in range(5, 13):
            x = torch.zeros(1, 3, pixels, pixels)
            assert BlurPool2d(3, size)(x).shape[2] == BlurPool(3, size)(x).shape[2] + (pixels % 2 == 0)


def test_means_of_neighbours() -> None:
    """A hundred random sizes, strides and maps: the convolution with binomial numbers is k - 1 means of neighbours."""
    draw = random.Random(1)
    torch.manual_seed(0)
    for _ in range(100):
        size, stride, channels = draw.randint(1, 7), draw.randint(1, 4), draw.randint(1, 4)
        x = torch.randn(2, channels, draw.randint(4, 13), draw.randint(4, 13), dtype=torch.float64, requires_grad=True)
        ours, layer = blur_pool2d(x, size, stride), BlurPool(channels, size, stride).double()
        theirs = layer(x)
        assert ours.shape == (2, channels, math.ceil(x.shape[2] / stride), math.ceil(x.shape[3] / stride))
        torch.testing.assert_close(ours, theirs)
        grad = torch.randn_like(ours)
        torch.testing.assert_close(torch.autograd.grad(ours, x, grad)[0], torch.autograd.grad(theirs, x, grad)[0])
        row = layer.kernel[0, 0].sum(0) * 2 ** (size - 1)
        assert row.tolist() == [math.comb(size - 1, i) for i in range(size)]


def test_stride_drops_what_was_computed() -> None:
    """Forty random settings: max pooling and convolution with ReLU at stride 1, then every s-th value: stride s."""
    draw = random.Random(0)
    torch.manual_seed(0)
    for _ in range(40):
        kernel, stride = draw.randint(1, 4), draw.randint(2, 3)
        padding = draw.randint(0, kernel // 2)
        x, weight = torch.randn(2, 3, 11, 12), torch.randn(4, 3, kernel, kernel)
        wide = F.max_pool2d(x, kernel, 1, padding)[..., ::stride, ::stride]
        assert torch.equal(F.max_pool2d(x, kernel, stride, padding), wide)
        wide = F.conv2d(x, weight, padding=padding).relu()[..., ::stride, ::stride]
        torch.testing.assert_close(F.conv2d(x, weight, stride=stride, padding=padding).relu(), wide)


@pytest.mark.parametrize("size", range(1, 8))
def test_weakens_high_frequencies(size: int) -> None:
    """Stride 1: a wave of frequency w keeps cos(w/2)^(k-1) of its height; 0 at pi from k = 2."""
    place = torch.arange(64, dtype=torch.float64)
    for turns in range(33):
        w = 2 * math.pi * turns / 64
        wave = torch.exp(1j * w * place)
        parts = [circular(part.expand(1, 1, 64, 64), size, 1)[0, 0, 0] for part in (wave.real, wave.imag)]
        height = torch.complex(*parts).abs()
        torch.testing.assert_close(height, torch.full_like(height, abs(math.cos(w / 2)) ** (size - 1)))
    at_limit = math.cos(math.pi / 4) ** (size - 1)
    assert at_limit == pytest.approx({3: 0.5, 4: 0.354, 5: 0.25}.get(size, at_limit), abs=1e-3)


@pytest.mark.parametrize("size", range(1, 8))
def test_reads_every_pixel_alike(size: int) -> None:
    """Stride 2: from size 2 on outputs keep the mean, and pixels get equal gradients; not at size 1."""
    torch.manual_seed(0)
    x = torch.randn(1, 1, 12, 16, dtype=torch.float64, requires_grad=True)
    mean = circular(x, size, 2).mean()
    gradient = torch.autograd.grad(mean, x)[0]
    even = torch.full_like(gradient, 1 / gradient.numel())
    assert torch.allclose(gradient, even) == (size > 1)
    assert torch.isclose(mean, x.mean()) == (size > 1)
    for shift in range(3):
        again = circular(x.roll(shift, dims=3), size, 2).mean()
        assert torch.isclose(again, mean) == (size > 1 or shift % 2 == 0)


@pytest.mark.parametrize("size", range(1, 8))
def test_where_an_output_lies(size: int) -> None:
    """Output r lies at pixel 2r for odd sizes, half a pixel further for even ones, by the centre of its gradient."""
    x = torch.zeros(1, 1, 21, 21, requires_grad=True)
    gradient = torch.autograd.grad(BlurPool(1, size)(x)[0, 0, 5, 5], x)[0][0, 0]
    centre = (gradient.sum(0) * torch.arange(21)).sum().item()
    assert centre == pytest.approx(10 if size % 2 else 10.5)


def test_stays_flat() -> None:
    """Reflected borders keep a flat map flat for sizes 1 to 7; zeros darken its corner to 9/16 at 3, 47% at 5."""
    for size in range(1, 8):
        flat = torch.ones(1, 2, 9, 12)
        torch.testing.assert_close(BlurPool(2, size)(flat), torch.ones(1, 2, 5, 6))
    for size, corner in ((3, 9 / 16), (5, 0.473)):
        zeros = BlurPool2d(2, size, pad_mode="constant")(torch.ones(1, 2, 9, 12))
        assert zeros[0, 0, 0, 0].item() == pytest.approx(corner, abs=1e-3)
        assert zeros[0, 0, 2, 2].item() == pytest.approx(1)
    assert create_aa("blurpc", 2).pad_mode == "constant"


def test_needs_the_work_of_stride_1() -> None:
    """On even maps four times the multiply-adds of the convolution and its outputs; k² for each output of the blur."""
    for size, pixels in ((3, 16), (4, 10), (5, 6)):
        x, blurred = torch.zeros(1, 8, pixels, pixels), conv_blur_pool(8, 12, size)
        strided = nn.Conv2d(8, 12, 3, 2, 1, bias=False)
        counts = []
        for layer in (strided, blurred[0], blurred):
            with FlopCounterMode(display=False) as counter:
                y = layer(x)
            counts.append((counter.get_total_flops() // 2, y.numel()))
        assert counts[1] == (4 * counts[0][0], 4 * counts[0][1])
        assert counts[2][1] == counts[0][1]
        assert counts[2][0] - counts[1][0] == size**2 * y.numel()


def test_brings_no_weights() -> None:
    """Names, shapes and number of a state stay: a strided network's weights load into the blurred one."""
    assert not list(BlurPool(8).parameters())
    assert not BlurPool(8).state_dict()
    strided = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU())
    conv_blur_pool(3, 8).load_state_dict(strided.state_dict())


def test_small_maps_are_refused() -> None:
    """Reflection needs a map above half of the blur; below, the page's text."""
    for size in range(2, 8):
        for pixels in range(1, 6):
            x = torch.zeros(1, 2, pixels, pixels)
            if pixels <= size // 2:
                with pytest.raises(RuntimeError, match="Padding size should be less than the corresponding input dim"):
                    BlurPool(2, size)(x)
            else:
                assert BlurPool(2, size)(x).shape[-1] == math.ceil(pixels / 2)


def test_shifts_move_features_less(evidence: Any) -> None:
    """One pixel, in distances between digits: over 0.7 with every second pixel, over 0.5 with max, under 0.4 and 0.25.

    Two pixels: none with both blurs; four: none with any.
    """
    results = evidence()["moved"]
    assert results["every second pixel"][1] > 0.7
    assert results["max, 2×2"][1] > 0.5
    assert results["max and blur of 3"][1] < 0.4
    assert results["max and blur of 5"][1] < 0.25
    assert len(results) == 4
    for kind, found in results.items():
        assert found[4] == pytest.approx(0, abs=1e-3)
        assert "blur" not in kind or found[2] == pytest.approx(0, abs=1e-3)
    assert moved("max and blur of 5", 7)[1] < 0.5 * moved("max, 2×2", 7)[1]  # a seed that the experiment did not use


def test_rings_do_not_turn_up_again(evidence: Any) -> None:
    """Rings, first row: dropping pixels keeps all of its strength, in a coarse pattern; the blurs leave 3% and 1%."""
    edge = evidence()["edge"]
    whole = edge["rings"]
    assert edge["every second pixel"] == pytest.approx(whole, rel=0.01)
    x = rings()[0, 0]
    for each, turns in ((x, True), (x[::2, ::2], False)):  # the true pattern changes sign at each row, the false hardly
        step = (each[1] - each[0]).square().mean().sqrt().item() / whole
        assert step > 1.9 if turns else step < 0.4
    assert edge["blur of 3"] / whole == pytest.approx(0.03, abs=0.005)
    assert edge["blur of 5"] / whole == pytest.approx(0.01, abs=0.005)
