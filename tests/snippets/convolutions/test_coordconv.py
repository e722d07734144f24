"""CoordConv: as a convolution plus a fixed map, what it can and cannot tell, and the claims of its page."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from snippets.convolutions.coordconv.from_scratch import coord_conv2d
from snippets.convolutions.coordconv.use import CoordConv2d, coordinates


def small() -> tuple[nn.Module, Tensor]:
    """Two layers, one with the radius, on maps that are not square."""
    layers = [CoordConv2d(3, 8, 3, padding=1), nn.ReLU(), CoordConv2d(8, 4, 3, radius=True, stride=2)]
    return nn.Sequential(*layers), torch.randn(2, 3, 12, 16)


def test_equals_the_layer() -> None:
    """A hundred random settings: output, and gradients of input, weight and bias."""
    draw = random.Random(0)
    torch.manual_seed(0)
    for turn in range(100):
        k, stride, padding = draw.randint(1, 4), draw.randint(1, 3), draw.randint(0, 2)
        layer = CoordConv2d(3, 4, k, stride=stride, padding=padding, bias=turn % 3 > 0).double()
        x = torch.randn(2, 3, draw.randint(4, 9), draw.randint(4, 9), dtype=torch.float64, requires_grad=True)
        wanted = [x, *layer.parameters()]
        results = layer(x), coord_conv2d(x, layer.conv.weight, layer.conv.bias, stride, padding)
        torch.testing.assert_close(*results)
        grad = torch.randn_like(results[0])
        for own, other in zip(*(torch.autograd.grad(y, wanted, grad) for y in results), strict=True):
            torch.testing.assert_close(own, other)


@pytest.mark.parametrize(("kernel", "stride", "dilation"), [(1, 1, 1), (3, 1, 1), (3, 2, 1), (3, 1, 2), (5, 1, 1)])
def test_zero_weights_are_a_convolution(kernel: int, stride: int, dilation: int) -> None:
    """Weights of 0 for the coordinates, with the radius and without: nn.Conv2d with the other weights."""
    torch.manual_seed(0)
    x = torch.randn(2, 3, 11, 12).double()
    for radius in (False, True):
        layer = CoordConv2d(3, 4, kernel, radius, stride=stride, dilation=dilation, padding=1).double()
        with torch.no_grad():
            layer.conv.weight[:, 3:] = 0
        plain = F.conv2d(x, layer.conv.weight[:, :3], layer.conv.bias, stride, 1, dilation)
        torch.testing.assert_close(layer(x), plain)


def added(layer: CoordConv2d, x: Tensor) -> Tensor:
    """What the coordinates add to the output."""
    return layer(x) - F.conv2d(x, layer.conv.weight[:, : x.shape[1]], layer.conv.bias, padding=layer.conv.padding)


@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_adds_a_plane(kernel: int) -> None:
    """One map for all images; its second differences are 0 where the kernel lies inside, at the border they are not."""
    torch.manual_seed(0)
    layer = CoordConv2d(3, 4, kernel, padding=kernel // 2).double()
    maps = added(layer, torch.randn(5, 3, 12, 15).double())
    torch.testing.assert_close(maps, maps[:1].expand_as(maps))
    margin = kernel // 2
    inside = maps[0, :, margin : 12 - margin, margin : 15 - margin]
    for bend in (inside.diff(n=2, dim=1), inside.diff(n=2, dim=2), inside.diff(dim=1).diff(dim=2)):
        assert bend.abs().max() < 1e-12
    assert (maps[0].diff(n=2, dim=1).abs().max().item() > 1e-3) is (kernel > 1)  # padding is not part of the plane
    assert inside.diff(dim=1).abs().min() > 0


def test_moving_adds_a_constant() -> None:
    """The input moves by n rows: away from the border the output moves with it, and n times the plane's slope is added;
    beside zero padding it does not."""
    torch.manual_seed(0)
    for padding in (0, 1):
        layer = CoordConv2d(2, 4, 3, padding=padding).double()
        x = torch.randn(1, 2, 20, 9).double()
        slope = added(layer, x)[0].diff(dim=1)[:, 9, 4]
        for n in (1, 3, 5):
            moved = layer(x.roll(n, dims=2))[0, :, n:]
            expected = layer(x)[0, :, :-n] + n * slope[:, None, None]
            rows, columns = (slice(padding, size - padding) for size in moved.shape[1:])
            torch.testing.assert_close(moved[:, rows, columns], expected[:, rows, columns])
            assert torch.allclose(moved, expected) is (padding == 0)


def reader() -> nn.Sequential:
    """Row and column of the bright pixel: its coordinate, or less than -1 where it is dark, and the maximum."""
    layer = CoordConv2d(1, 2, 1)
    with torch.no_grad():
        layer.conv.weight.zero_()
        layer.conv.weight[:, 0] = 4  # coordinates differ by 2 at most
        layer.conv.weight[0, 1] = layer.conv.weight[1, 2] = 1
        layer.conv.bias.fill_(-4)
    return nn.Sequential(layer, nn.AdaptiveMaxPool2d(1), nn.Flatten())


def test_reads_a_position() -> None:
    """All 256 places of a map of 16 by 16: exact row and column, to float32's rounding."""
    images = torch.eye(256).reshape(-1, 1, 16, 16)
    rows, columns = torch.meshgrid(torch.arange(16.0), torch.arange(16.0), indexing="ij")
    places = torch.stack([rows, columns], dim=2).reshape(-1, 2)
    torch.testing.assert_close((reader()(images) + 1) * 7.5, places, rtol=0, atol=1e-5)


def test_blind_without_a_border() -> None:
    """Random ordinary convolutions with periodic padding: one answer for all 64 places; with zero padding several."""
    torch.manual_seed(0)
    images = torch.eye(64).reshape(-1, 1, 8, 8).double()
    for mode in ("circular", "zeros"):
        layers = [nn.Conv2d(1, 8, 3, padding=1, padding_mode=mode), nn.ReLU()]
        layers += [nn.Conv2d(8, 8, 3, padding=1, padding_mode=mode), nn.AdaptiveMaxPool2d(1), nn.Flatten()]
        answers = nn.Sequential(*layers).double()(images)
        assert ((answers - answers[:1]).abs().max().item() < 1e-12) is (mode == "circular")


def test_two_channels_more() -> None:
    """2 k² weights for each output channel: 67% more at 3 channels, 0.8% at 256."""
    for channels, outputs, kernel, more in ((3, 8, 3, 0.67), (256, 8, 3, 0.008), (16, 4, 5, None)):
        own = CoordConv2d(channels, outputs, kernel).conv.weight.numel()
        plain = nn.Conv2d(channels, outputs, kernel).weight.numel()
        assert own - plain == 2 * kernel**2 * outputs
        if more:
            assert own / plain - 1 == pytest.approx(more, rel=0.03)


def test_coordinates() -> None:
    """Rows and columns from -1 to 1, evenly, by the formula; the radius; 0 where there is one row only."""
    for height, width in ((2, 2), (5, 9), (16, 24)):
        maps = coordinates(torch.empty(3, 1, height, width, dtype=torch.float64), radius=True)[0]
        for i in range(height):
            for j in range(width):
                row, column = 2 * i / (height - 1) - 1, 2 * j / (width - 1) - 1
                expected = torch.tensor([row, column, (row**2 + column**2) ** 0.5]).double()
                torch.testing.assert_close(maps[:, i, j], expected, atol=1e-7, rtol=0)
    assert coordinates(torch.empty(1, 1, 1, 3)).tolist() == [[[[0, 0, 0]], [[-1, 0, 1]]]]


def test_places_never_shown(evidence: Any) -> None:
    """Means of three seeds: CoordConv less than a pixel off at places never shown, convolutions more than one."""
    means = {name: sum(new for _, new in runs) / 3 for name, runs in evidence().items()}
    assert means["CoordConv"] < 1 < means["convolutions"]


def test_relative_to_the_map() -> None:
    """At twice the size a step of one pixel changes the coordinates half as much; a crop starts at -1 again."""
    small_map, large = (coordinates(torch.empty(1, 1, n, n))[0, 0, :, 0] for n in (33, 65))
    torch.testing.assert_close(large.diff()[0] * 2, small_map.diff()[0])
    small_map, large = (coordinates(torch.empty(1, 1, n, n))[0, 0, :, 0] for n in (32, 64))
    assert (large.diff()[0] / small_map.diff()[0]).item() == pytest.approx(0.5, abs=0.01)
    crop = torch.empty(1, 1, 65, 65)[..., 20:, 20:]
    assert coordinates(crop)[0, :, 0, 0].tolist() == [-1, -1]


def test_other_code_is_for_squares() -> None:
    """Each coordinate divided by the other side less one, as in the authors' AddCoords: 3.06 and -0.02 at the end."""
    x_dim, y_dim = 32, 64  # rows and columns, as that code names them
    columns = torch.arange(y_dim) / (x_dim - 1) * 2 - 1
    rows = torch.arange(x_dim) / (y_dim - 1) * 2 - 1
    assert columns.max().item() == pytest.approx(3.06, abs=0.005)
    assert rows.max().item() == pytest.approx(-0.02, abs=0.005)
    assert coordinates(torch.empty(1, 1, 32, 64)).abs().max() == 1


def test_columns_in_bfloat16() -> None:
    """1,024 columns have 513 different coordinates in bfloat16, and 1,024 in float32."""
    assert coordinates(torch.empty(1, 1, 2, 1024, dtype=torch.bfloat16))[0, 1, 0].unique().numel() == 513
    assert coordinates(torch.empty(1, 1, 2, 1024))[0, 1, 0].unique().numel() == 1024


def test_weights_need_coordinates() -> None:
    """The inner convolution refuses an input without coordinates, in torch's words."""
    with pytest.raises(RuntimeError, match=r"expected input.*to have 5 channels, but got 3 channels"):
        CoordConv2d(3, 8, 3).conv(torch.rand(1, 3, 8, 8))
