"""Global average pooling: equal to torch, what it implies for maps and gradients, and the claims of its page."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from snippets.convolutions.global_average_pooling.evidence import FILTERS, HEADS
from snippets.convolutions.global_average_pooling.from_scratch import GeM, global_average
from snippets.convolutions.global_average_pooling.use import GlobalHead, masked_mean
from tests.support import oracles  # noqa: F401 - before torchvision

ADAPTIVE: dict[int, Any] = {1: nn.AdaptiveAvgPool1d, 2: nn.AdaptiveAvgPool2d, 3: nn.AdaptiveAvgPool3d}


def small() -> tuple[nn.Module, Tensor]:
    """A convolution, GeM's kind of positive values, and the page's head."""
    body = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.Softplus())
    return nn.Sequential(body, GlobalHead(8, 10)), torch.randn(2, 3, 16, 16)


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_equals_torch(dims: int) -> None:
    """For twenty sizes in 1, 2 and 3 dimensions: AdaptiveAvgPool of size 1, and x.mean, with gradients."""
    torch.manual_seed(0)
    for size in range(1, 21):
        x = torch.randn(2, 3, size, *[4] * (dims - 1), dtype=torch.float64, requires_grad=True)
        ours = global_average(x)
        for theirs in (ADAPTIVE[dims](1)(x).flatten(1), x.mean(dim=tuple(range(2, 2 + dims)))):
            torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)
            grad = torch.randn_like(ours)
            gradients = (torch.autograd.grad(y, x, grad, retain_graph=True)[0] for y in (ours, theirs))
            torch.testing.assert_close(*gradients, rtol=1e-12, atol=1e-12)


def test_logits_are_means_of_class_maps() -> None:
    """For ten sizes: averaging and the linear layer, or the linear layer at each place and averaging."""
    torch.manual_seed(0)
    head = GlobalHead(6, 4).double()
    for size in range(1, 11):
        x = torch.randn(2, 6, size, size + 1, dtype=torch.float64)
        maps = head.class_maps(x)
        assert maps.shape == (2, 4, size, size + 1)
        torch.testing.assert_close(maps.mean(dim=(2, 3)), head(x))
        torch.testing.assert_close(maps, head.linear(x.movedim(1, -1)).movedim(-1, 1))


def test_each_place_gets_one_share() -> None:
    """Each of the h·w places gets the gradient of its channel's mean divided by h·w."""
    torch.manual_seed(0)
    for h, w in ((1, 1), (7, 7), (3, 10)):
        x = torch.randn(2, 3, h, w, dtype=torch.float64, requires_grad=True)
        grad = torch.randn(2, 3, dtype=torch.float64)
        given = torch.autograd.grad(global_average(x), x, grad)[0]
        torch.testing.assert_close(given, (grad / (h * w))[:, :, None, None].expand_as(x))


def test_order_of_places_is_lost() -> None:
    """Twenty random orders of the places, the same in all channels or not, leave the logits as they are."""
    torch.manual_seed(0)
    head, x = GlobalHead(6, 4).double(), torch.randn(2, 6, 5, 7, dtype=torch.float64)
    for _ in range(20):
        one = x.flatten(2)[..., torch.randperm(35)]
        each = x.flatten(2).gather(2, torch.rand(2, 6, 35).argsort(dim=-1))
        for mixed in (one, each):
            torch.testing.assert_close(head(mixed.view_as(x)), head(x))


def test_weights_of_vgg() -> None:
    """torchvision's VGG-16: 102,764,544 parameters in its first linear layer; a head on 512 averages has 513,000."""
    import torchvision

    with torch.device("meta"):
        first = torchvision.models.vgg16().classifier[0]
        head = GlobalHead(512, 1000)
    assert first.in_features == 512 * 7 * 7
    assert sum(p.numel() for p in first.parameters()) == 102_764_544
    assert sum(p.numel() for p in head.parameters()) == 513_000


@pytest.mark.parametrize("size", [1, 2, 5, 9])
def test_gem_between_average_and_maximum(size: int) -> None:
    """Positive values: p 1 is the average; it grows with p, towards the maximum; its gradients are right."""
    torch.manual_seed(0)
    x = torch.rand(2, 4, size, size, dtype=torch.float64) + 0.01
    torch.testing.assert_close(GeM(1.0).double()(x), x.mean(dim=(2, 3)))
    before = GeM(1.0).double()(x)
    for p in (1.5, 2.0, 3.0, 10.0, 100.0):
        y = GeM(p).double()(x)
        assert (y >= before - 1e-9).all()
        assert (y <= x.amax(dim=(2, 3)) + 1e-9).all()
        before = y
    assert (before / x.amax(dim=(2, 3))).min() > size ** (-2 / 100) - 1e-9
    layer = GeM().double()
    assert torch.autograd.gradcheck(
        lambda x, p: torch.func.functional_call(layer, {"p": p}, (x,)), (x.requires_grad_(), layer.p)
    )


def test_padding_dilutes() -> None:
    """Zeros around a map: doubling height and width quarters the mean; masked_mean gives that of the map alone."""
    torch.manual_seed(0)
    for size in (2, 4, 7):
        x = torch.rand(3, 5, size, size)
        padded = F.pad(x, (0, size, 0, size))
        mask = F.pad(torch.ones(3, 1, size, size), (0, size, 0, size))
        torch.testing.assert_close(global_average(padded), global_average(x) / 4)
        torch.testing.assert_close(masked_mean(padded + 9 * (1 - mask), mask), global_average(x))


def test_flattening_needs_one_size() -> None:
    """Flattened maps of another size are refused with the page's text; the head takes them."""
    body, flat, head = nn.Conv2d(3, 4, 3), nn.Sequential(nn.Flatten(), nn.Linear(4 * 6 * 6, 10)), GlobalHead(4, 10)
    for size in (5, 8, 12, 31):
        x = body(torch.rand(2, 3, size, size))
        assert head(x).shape == (2, 10)
        if size != 8:
            with pytest.raises(RuntimeError, match=r"mat1 and mat2 shapes cannot be multiplied \(2x\d+ and 144x10\)"):
                flat(x)
    assert flat(body(torch.rand(2, 3, 8, 8))).shape == (2, 10)


def test_sum_overflows_in_half_precision() -> None:
    """112 × 112 values of 10 in float16: their sum is inf, x.mean and adaptive pooling give 10."""
    x = torch.full((1, 1, 112, 112), 10.0, dtype=torch.float16)
    assert global_average(x).item() == torch.inf
    assert x.mean(dim=(2, 3)).item() == 10
    assert F.adaptive_avg_pool2d(x, 1).item() == 10


def test_batch_of_one_after_pooling() -> None:
    """Batch normalization of one image's averages is refused in training; evaluation and two images work."""
    for size in (1, 4, 9):
        layers = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.BatchNorm2d(4))
        with pytest.raises(
            ValueError,
            match=r"Expected more than 1 value per channel when training, got input size torch.Size\(\[1, 4, 1, 1\]\)",
        ):
            layers(torch.rand(1, 4, size, size))
        layers(torch.rand(2, 4, size, size))
        layers.eval()(torch.rand(1, 4, size, size))


def test_squeeze_takes_the_batch() -> None:
    """squeeze() of a batch of one drops its axis too; flatten(1) and mean keep it."""
    x = nn.AdaptiveAvgPool2d(1)(torch.rand(1, 4, 3, 3))
    assert x.squeeze().shape == (4,)
    assert x.flatten(1).shape == x.mean(dim=(2, 3)).shape == (1, 4)


def accuracy(evidence: Any, name: str) -> Tensor:
    """(seeds, moves)."""
    return torch.tensor(evidence()[name])


def test_moved_digits(evidence: Any) -> None:
    """Means. Moved by two pixels: within a point for both global ones; flattened ones fall below 0.3."""
    for name in ("global average", "global maximum"):
        scores = accuracy(evidence, name)
        assert (scores[:, 2] - scores[:, 0]).mean().abs() < 0.01
    assert accuracy(evidence, "flattened 2×2 maxima")[:, 2].mean() < 0.3


def test_cut_off_digits(evidence: Any) -> None:
    """Moved by three pixels, means: the average loses over two points, the maximum less than two."""
    average, largest = (accuracy(evidence, name) for name in ("global average", "global maximum"))
    assert (average[:, 0] - average[:, 3]).mean() > 0.02
    assert (largest[:, 0] - largest[:, 3]).mean() < 0.02


def test_unmoved_digits(evidence: Any) -> None:
    """Not moved: the flattened features, 36 times as many, are better than both in the mean."""
    maps = torch.zeros(1, FILTERS, 12, 12)  # a canvas of 16 × 16 under filters of 5 × 5
    counts = [head(maps).shape[1] for head in HEADS.values()]
    assert counts == [FILTERS, FILTERS, 36 * FILTERS]
    flat = accuracy(evidence, "flattened 2×2 maxima")[:, 0]
    for name in ("global average", "global maximum"):
        assert (flat - accuracy(evidence, name)[:, 0]).mean() > 0
