"""Pooling: equal to torch for random settings, its formulas, and the claims of its page."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from snippets.convolutions.pooling import from_scratch
from snippets.convolutions.pooling.use import output_size, pooled_block

MAX: dict[int, Any] = {1: nn.MaxPool1d, 2: nn.MaxPool2d, 3: nn.MaxPool3d}
AVERAGE: dict[int, Any] = {1: nn.AvgPool1d, 2: nn.AvgPool2d, 3: nn.AvgPool3d}


def small() -> tuple[nn.Module, Tensor]:
    """The page's blocks, one with each pooling."""
    return nn.Sequential(pooled_block(3, 8), pooled_block(8, 8, "average"), pooled_block(8, 8, "l2")), torch.randn(
        2, 3, 16, 16
    )


def settings(draw: random.Random, dilated: bool = True) -> dict[str, int]:
    """Random kernel, stride, padding that torch allows (half of the kernel at most), and dilation."""
    kernel = draw.randint(1, 4)
    chosen = {"kernel_size": kernel, "stride": draw.randint(1, 4), "padding": draw.randint(0, kernel // 2)}
    return chosen | ({"dilation": draw.randint(1, 3)} if dilated else {})


def same(ours: Tensor, theirs: Tensor, x: Tensor) -> None:
    """Equal outputs, and equal gradients for one random gradient of the output."""
    torch.testing.assert_close(ours, theirs, rtol=1e-10, atol=1e-12)
    grad = torch.randn_like(ours)
    mine, its = (torch.autograd.grad(y, x, grad)[0] for y in (ours, theirs))
    torch.testing.assert_close(mine, its, rtol=1e-10, atol=1e-12)


def test_equals_torch() -> None:
    """A hundred random settings, with ties: outputs and gradients of max, average (padding counted or not) and Lp."""
    draw = random.Random(0)
    torch.manual_seed(0)
    for turn in range(100):
        kernel, stride, padding, dilation = settings(draw).values()
        x = torch.randn(2, 3, 13, 11, dtype=torch.float64, requires_grad=True)
        tied = x.detach().round().requires_grad_()  # most windows hold equal pixels
        for values in (x, tied):
            chosen = (values, kernel, stride, padding, dilation)
            same(from_scratch.max_pool(*chosen), F.max_pool2d(*chosen), values)
        count = bool(turn % 2)
        theirs = F.avg_pool2d(x, kernel, stride, padding, count_include_pad=count)
        same(from_scratch.average_pool(x, kernel, stride, padding, count), theirs, x)
        positive, p = x.detach().abs().requires_grad_(), draw.choice([1.0, 1.5, 2.0, 3.0, 8.0])
        same(from_scratch.lp_pool(positive, p, kernel, stride), F.lp_pool2d(positive, p, kernel, stride), positive)


@pytest.mark.parametrize("dims", [1, 2, 3])
@pytest.mark.parametrize("kind", ["max", "average"])
def test_output_size(kind: str, dims: int) -> None:
    """The formula is torch's size for a hundred settings with and without ceil_mode; below 1 is refused."""
    draw, refused, longer = random.Random(dims), 0, 0
    for turn in range(100):
        chosen: dict[str, Any] = settings(draw, kind == "max")
        size = draw.randint(1, 12)
        expected = output_size(size, **chosen, ceil_mode=bool(turn % 2))
        longer += expected > output_size(size, **chosen)
        layer = (MAX if kind == "max" else AVERAGE)[dims](**chosen, ceil_mode=bool(turn % 2))
        x = torch.zeros(1, 1, *[size] * dims)
        narrow = (kind, dims) == ("average", 3) and size < chosen["kernel_size"]
        if expected < 1 or narrow:  # AvgPool3d asks for an image as large as its window, whatever the padding
            refused += 1
            with pytest.raises(RuntimeError, match=r"[Oo]utput size|smaller than kernel size"):
                layer(x)
        else:
            assert layer(x).shape[2:] == (expected,) * dims
    assert refused
    assert longer


def test_average_is_a_convolution() -> None:
    """Average pooling is a depthwise convolution with every weight 1 / k², for thirty random settings."""
    draw = random.Random(0)
    torch.manual_seed(0)
    for _ in range(30):
        kernel, stride, padding = settings(draw, dilated=False).values()
        x = torch.randn(2, 3, 12, 12, dtype=torch.float64)
        weight = torch.full((3, 1, kernel, kernel), 1 / kernel**2, dtype=torch.float64)
        torch.testing.assert_close(
            F.avg_pool2d(x, kernel, stride, padding), F.conv2d(x, weight, None, stride, padding, 1, 3)
        )


@pytest.mark.parametrize("kernel", [2, 3, 5])
def test_lp_between_sum_and_max(kernel: int) -> None:
    """Values of 0 and more: p 1 is the sum; growing p lowers Lp towards the maximum, within k^(2/p) of it."""
    torch.manual_seed(0)
    x = torch.rand(4, 3, 15, 15, dtype=torch.float64)
    largest, average = F.max_pool2d(x, kernel), F.avg_pool2d(x, kernel)
    torch.testing.assert_close(F.lp_pool2d(x, 1, kernel), average * kernel**2)
    before = F.lp_pool2d(x, 1, kernel)
    for p in (1.5, 2, 4, 8, 16, 64):
        y = F.lp_pool2d(x, p, kernel)
        assert (y <= before).all()
        assert (y >= largest * (1 - 1e-12)).all()
        assert (y <= largest * kernel ** (2 / p) * (1 + 1e-12)).all()
        before = y


@pytest.mark.parametrize("kernel", [2, 3, 4])
def test_who_gets_the_gradient(kernel: int) -> None:
    """Max: the largest pixel gets all; of equals the first, in the order of reading. Average: each 1 / k²."""
    torch.manual_seed(0)
    x = torch.randn(2, 3, 12, 12, dtype=torch.float64, requires_grad=True)
    for pool in (F.max_pool2d, F.avg_pool2d):
        y = pool(x, kernel)
        grad = torch.randn_like(y)
        taught = F.unfold(
            torch.autograd.grad(y, x, grad)[0].flatten(0, 1)[:, None], kernel, stride=kernel
        )  # (6, k², windows)
        pixels, given = F.unfold(x.flatten(0, 1)[:, None], kernel, stride=kernel), grad.flatten(2).flatten(0, 1)
        if pool is F.max_pool2d:
            assert torch.equal(
                taught, torch.zeros_like(pixels).scatter(1, pixels.argmax(dim=1, keepdim=True), given[:, None])
            )
        else:
            torch.testing.assert_close(taught, (given / kernel**2)[:, None].expand_as(taught))
    equal = torch.ones(1, 1, kernel, kernel, requires_grad=True)
    first = torch.autograd.grad(F.max_pool2d(equal, kernel).sum(), equal)[0].flatten()
    assert first.tolist() == [1] + [0] * (kernel**2 - 1)


def test_relu_can_wait() -> None:
    """max(relu(x)) is relu(max(x)) for a hundred random settings; for average pooling the two differ."""
    draw = random.Random(0)
    torch.manual_seed(0)
    for _ in range(100):
        kernel, stride, padding, dilation = settings(draw).values()
        pool, x = nn.MaxPool2d(kernel, stride, padding, dilation), torch.randn(2, 3, 13, 13)
        assert torch.equal(pool(x.relu()), pool(x).relu())
    assert (F.avg_pool2d(x.relu(), 2) - F.avg_pool2d(x, 2).relu()).abs().max() > 0.1


def test_padding_of_three_kinds() -> None:
    """Max pads with minus infinity; average with zeros, which it counts: ones give 4/9 at a corner, 2/3 at an edge."""
    draw, negative = random.Random(0), -torch.rand(2, 3, 13, 13) - 1
    for _ in range(50):
        kernel, stride, padding, dilation = settings(draw).values()
        y = F.max_pool2d(negative, kernel, stride, padding, dilation)
        assert torch.isin(y, negative).all()  # a zero of the padding would win, minus infinity would stay
    ones = F.avg_pool2d(torch.ones(1, 1, 6, 6), 3, 1, 1)[0, 0]
    assert ones[0, 0].item() == pytest.approx(4 / 9)
    assert ones[0, 2].item() == pytest.approx(2 / 3)
    assert ones[2, 2] == 1
    assert (F.avg_pool2d(torch.ones(1, 1, 6, 6), 3, 1, 1, count_include_pad=False) == 1).all()


def test_adaptive_windows() -> None:
    """n pixels to m: window i goes from ⌊i n/m⌋ to below ⌈(i+1) n/m⌉, for all n and m to 12, max and average."""
    torch.manual_seed(0)
    for n in range(1, 13):
        x = torch.randn(1, 1, n, dtype=torch.float64)
        for m in range(1, 13):
            cut = [x[0, 0, i * n // m : -(-(i + 1) * n // m)] for i in range(m)]
            largest, mean = F.adaptive_max_pool1d(x, m)[0, 0], F.adaptive_avg_pool1d(x, m)[0, 0]
            torch.testing.assert_close(largest, torch.stack([c.max() for c in cut]))
            torch.testing.assert_close(mean, torch.stack([c.mean() for c in cut]))


def test_unpooling_puts_them_back() -> None:
    """MaxUnpool2d puts each maximum where it stood and zeros elsewhere; an odd size needs output_size."""
    torch.manual_seed(0)
    for size in range(2, 13):
        x = torch.rand(2, 3, size, size)
        y, places = F.max_pool2d(x, 2, return_indices=True)
        back = nn.MaxUnpool2d(2)(y, places, output_size=x.shape)
        assert back.shape == x.shape
        assert ((back == 0) | (back == x)).all()
        assert (back != 0).sum() == y.numel()
        assert torch.equal(F.max_pool2d(back, 2), y)
        if size % 2 == 0:
            assert torch.equal(nn.MaxUnpool2d(2)(y, places), back)
    y, places = F.max_pool2d(torch.rand(2, 3, 9, 9), 2, return_indices=True)
    with pytest.raises(RuntimeError, match="Found an invalid max index"):  # the odd size is forgotten
        nn.MaxUnpool2d(2)(y, places)


def test_shift_changes_pooled_maps_less(evidence: Any) -> None:
    """Means over 1,797 digits: 0.84 for every second pixel, 0.54 and 0.58 for 2×2, 0.44 for 3×3."""
    means = {name: sum(r["change"]) / len(r["change"]) for name, r in evidence().items()}
    assert means["every second pixel"] == pytest.approx(0.84, abs=0.005)
    assert means["max, 2×2"] == pytest.approx(0.54, abs=0.005)
    assert means["average, 2×2"] == pytest.approx(0.58, abs=0.005)
    assert means["max, 3×3, stride 2"] == pytest.approx(0.44, abs=0.005)
    assert len(evidence()["max, 2×2"]["change"]) == 1797
    assert evidence()["max, 2×2"]["taught"] == 0.25
    assert evidence()["average, 2×2"]["taught"] == 1


def test_too_much_padding() -> None:
    """Max and average refuse a padding above half of the kernel with the page's text; F.pad takes any."""
    x = torch.rand(1, 1, 8, 8)
    for kernel in (2, 3, 4, 5):
        for layer in (nn.MaxPool2d, nn.AvgPool2d):
            layer(kernel, padding=kernel // 2)(x)
            with pytest.raises(RuntimeError, match="pad should be at most half of effective kernel size"):
                layer(kernel, padding=kernel // 2 + 1)(x)
        y = F.max_pool2d(F.pad(x, (kernel,) * 4, value=-torch.inf), kernel)
        assert y[0, 0, 0, 0] == -torch.inf
        assert (y[0, 0, 1:2, 1:2] > 0).all()


def test_map_too_small() -> None:
    """A fourth halving of 8 pixels is refused with the page's text, and adaptive pooling takes it."""
    x = torch.rand(1, 1, 8, 8)
    for _ in range(3):
        x = F.max_pool2d(x, 2)
    with pytest.raises(RuntimeError, match=r"Calculated output size: \(1x0x0\)\. Output size is too small"):
        F.max_pool2d(x, 2)
    assert F.adaptive_max_pool2d(x, 1).shape == (1, 1, 1, 1)


@pytest.mark.parametrize("p", [1, 1.5, 2, 2.5, 3, 4, 5, 7])
def test_lp_of_negatives(p: float) -> None:
    """Negative windows: NaN for fractional p and odd p from 3 on; even p lose the sign; after ReLU all is finite."""
    torch.manual_seed(0)
    x = (-torch.rand(1, 2, 8, 8)).requires_grad_()
    y = F.lp_pool2d(x, p, 2)
    if p == 1:
        torch.testing.assert_close(y, 4 * F.avg_pool2d(x, 2))
    else:
        assert y.isnan().all() if p % 2 else torch.equal(y, F.lp_pool2d(-x, p, 2))
    after = F.lp_pool2d(x.relu(), p, 2)
    assert torch.isfinite(after).all()
    assert torch.isfinite(torch.autograd.grad(after.sum(), x)[0]).all()


def test_fractional_draws_in_evaluation() -> None:
    """FractionalMaxPool2d in train and eval mode: five passes all differ; with one _random_samples they agree."""
    torch.manual_seed(0)
    x = torch.rand(4, 3, 16, 16)
    for ratio in (0.6, 0.7, 0.8):
        for training in (True, False):
            layer = nn.FractionalMaxPool2d(2, output_ratio=ratio).train(training)
            passes = [layer(x) for _ in range(5)]
            assert not any(torch.equal(passes[i], passes[j]) for i in range(5) for j in range(i))
    half = nn.FractionalMaxPool2d(2, output_size=8)  # 14 pixels are left for 7 steps of exactly 2: nothing to draw
    assert torch.equal(half(x), half(x))
    fixed = nn.FractionalMaxPool2d(2, output_ratio=0.7, _random_samples=torch.full((4, 3, 2), 0.5))
    assert torch.equal(fixed(x), fixed(x))
