"""Delta-orthogonal initialization: norms, singular values, and the claims of its page."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import nn

from snippets.initialization.delta_orthogonal_init.evidence import DEPTHS, NAMES
from snippets.initialization.delta_orthogonal_init.evidence import singular_values as draw_singular_values
from snippets.initialization.delta_orthogonal_init.from_scratch import delta_kernel
from snippets.initialization.delta_orthogonal_init.use import delta_orthogonal_, delta_orthogonal_std


def layer(in_channels: int, out_channels: int, gain: float = 1.0, k: int = 3, **settings) -> nn.Conv2d:
    settings = {"padding": (k - 1) // 2, "bias": False, "dtype": torch.float64} | settings
    conv = nn.Conv2d(in_channels, out_channels, k, **settings)
    delta_orthogonal_(conv.weight, gain)
    return conv


@pytest.mark.parametrize("k", [1, 3, 5])
@pytest.mark.parametrize("outputs", [6, 9])
@pytest.mark.parametrize("padding_mode", ["zeros", "circular"])
def test_norm_is_kept(padding_mode, outputs, k):
    """A delta-orthogonal layer with out >= in keeps the norm of every input, with zero and with circular padding.

    For kernels of 1, 3 and 5 with padding (k - 1) / 2, stride 1, no groups and no bias.
    """
    torch.manual_seed(0)
    x = torch.randn(5, 6, 7, 7, dtype=torch.float64)
    y = layer(6, outputs, k=k, padding_mode=padding_mode)(x)
    torch.testing.assert_close(y.flatten(1).norm(dim=1), x.flatten(1).norm(dim=1), rtol=1e-12, atol=0)


@pytest.fixture(scope="module")
def singular_values(evidence) -> Callable[[str, int], torch.Tensor]:
    """The figure's curves: of a kind of kernel, and a number of layers."""

    def of(name: str, depth: int) -> torch.Tensor:
        return torch.tensor(evidence()[f"{name}, {depth}"], dtype=torch.float64)

    return of


def test_all_singular_values_are_one(singular_values):
    """1, 5 and 25 layers as one matrix: all singular values are 1.

    torch's orthogonal_ and Gaussian kernels span 10 to 1000 in one layer, for each of ten draws, and over 1e10 in 25.
    Their curves fall ever more steeply and lie close together: within two decades, of the more than ten that they span
    at last.
    """
    assert DEPTHS == (1, 5, 25)
    for depth in DEPTHS:
        assert singular_values(NAMES[0], depth).tolist() == pytest.approx([1.0] * 200, abs=1e-5)  # float32 draws
    for name in NAMES[1:]:
        curves = [singular_values(name, depth) for depth in DEPTHS]
        spans = [(values[0] / values[-1]).item() for values in curves]
        assert spans[2] > 1e10
        for seed in range(10):
            one = draw_singular_values(name, 1, seed)
            assert 10 < one[0] / one[-1] < 1000
        halves = [(values[0] / values[100]).item() for values in curves]
        for slopes in (spans, halves):
            assert slopes[2] > 10 * slopes[1] > 50 * slopes[0]
    for depth in DEPTHS:
        ours, theirs = (singular_values(name, depth) for name in NAMES[1:])
        assert (ours / theirs).log10().abs()[ours > 1e-10].max() < 2  # the figure ends there; below 1e-14 is rounding


def test_orthogonal_keeps_no_norm(singular_values):
    """torch's orthogonal_ makes the flattened (out, in * k * k) matrix orthogonal: one layer spans 10 to 1000."""
    torch.manual_seed(0)
    weight = nn.init.orthogonal_(torch.empty(8, 8, 3, 3, dtype=torch.float64))
    torch.testing.assert_close(weight.flatten(1) @ weight.flatten(1).T, torch.eye(8, dtype=torch.float64))
    for values in (singular_values(NAMES[1], 1), *(draw_singular_values(NAMES[1], 1, seed) for seed in range(10))):
        assert 10 < values[0] / values[-1] < 1000


def test_no_mixing_of_pixels_at_the_start():
    """At the start a stack sees one pixel: changing a neighbour does not change the output, until the first step."""
    torch.manual_seed(0)
    model = nn.Sequential(*[layer(4, 4) for _ in range(5)])
    x = torch.randn(1, 4, 7, 7, dtype=torch.float64)
    others = x + 1
    others[..., 3, 3] = x[..., 3, 3]  # every other pixel is changed
    assert torch.equal(model(x)[..., 3, 3], model(others)[..., 3, 3])
    other = x.clone()
    other[..., 2, 3] += 1
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    model(x)[..., 3, 3].square().sum().backward()
    optimizer.step()
    assert not torch.allclose(model(x)[..., 3, 3], model(other)[..., 3, 3], atol=1e-4)


def test_fewer_outputs_lose_part_of_the_input():
    """With half as many outputs as inputs, half of the squared norm of a random input is lost."""
    torch.manual_seed(0)
    x = torch.randn(50, 16, 7, 7, dtype=torch.float64)
    kept = layer(16, 8)(x).square().sum() / x.square().sum()
    assert kept.item() == pytest.approx(0.5, abs=0.05)


def test_groups_need_a_matrix_each():
    """16 channels in 4 groups: a quarter of the squared norm is left; called on each group's rows, all of it."""
    torch.manual_seed(0)
    x = torch.randn(50, 16, 8, 8, dtype=torch.float64)
    conv = layer(16, 16, groups=4)
    assert (conv(x).square().sum() / x.square().sum()).item() == pytest.approx(1 / 4, abs=0.02)
    for rows in conv.weight.detach().split(4):
        delta_orthogonal_(rows)
    torch.testing.assert_close(conv(x).flatten(1).norm(dim=1), x.flatten(1).norm(dim=1), rtol=1e-12, atol=0)


def test_stride_loses_norm():
    """With stride 2 a quarter of the pixels is read, and the others are lost."""
    torch.manual_seed(0)
    x = torch.randn(50, 4, 8, 8, dtype=torch.float64)
    kept = layer(4, 4, stride=2)(x).square().sum() / x.square().sum()
    assert kept.item() == pytest.approx(0.25, abs=0.03)


def test_no_padding_loses_the_border():
    """Without padding the outputs of a 3 x 3 kernel on 8 x 8 pixels have the norm of the inner 36 of the 64 pixels."""
    torch.manual_seed(0)
    x = torch.randn(5, 4, 8, 8, dtype=torch.float64)
    inner = x[..., 1:-1, 1:-1]
    y = layer(4, 4, padding=0)(x)
    assert y.shape[2:] == inner.shape[2:] == (6, 6)
    torch.testing.assert_close(y.flatten(1).norm(dim=1), inner.flatten(1).norm(dim=1), rtol=1e-12, atol=0)


def test_unshuffling_keeps_norm():
    """PixelUnshuffle(2) halves the image, keeps every pixel in four times the channels, and so the norm is kept."""
    torch.manual_seed(0)
    x = torch.randn(5, 4, 8, 8, dtype=torch.float64)
    y = layer(16, 16)(nn.PixelUnshuffle(2)(x))
    assert y.shape == (5, 16, 4, 4)
    torch.testing.assert_close(y.flatten(1).norm(dim=1), x.flatten(1).norm(dim=1), rtol=1e-12, atol=0)


@pytest.mark.parametrize("seed", range(3))
def test_relu_needs_root_two(seed: int):
    """Under ReLU gain sqrt(2) keeps the norm through 50 layers to a factor of 30; gain 1 leaves under 1e-6."""
    for gain, low, high in [(math.sqrt(2), 1 / 30, 30), (1.0, 0, 1e-6)]:
        torch.manual_seed(seed)
        x = torch.randn(8, 64, 6, 6, dtype=torch.float64)
        y = x
        with torch.no_grad():
            for _ in range(50):
                y = torch.relu(layer(64, 64, gain)(y))
                assert low < y.norm() / x.norm() < 30
        assert low <= y.norm() / x.norm() < high


@pytest.mark.parametrize("shape", [(8, 4), (8, 4, 3), (8, 8, 3, 3), (4, 8, 3, 3), (8, 4, 3, 5, 3)])
def test_shapes_std_and_seed(shape):
    first, second = (delta_orthogonal_(torch.empty(shape), 2.0, torch.Generator().manual_seed(3)) for _ in range(2))
    assert torch.equal(first, second)
    centre = first[(slice(None), slice(None), *(size // 2 for size in shape[2:]))]
    assert centre.square().sum() == pytest.approx(first.square().sum().item())
    assert first.square().mean().sqrt() == pytest.approx(delta_orthogonal_std(shape, 2.0), rel=1e-5)
    gram = centre.T @ centre if shape[0] >= shape[1] else centre @ centre.T
    torch.testing.assert_close(gram, 4 * torch.eye(min(shape[:2])), rtol=1e-5, atol=1e-5)


def test_one_dimension_is_refused():
    with pytest.raises(ValueError, match="two or more dimensions"):
        delta_orthogonal_(torch.empty(3))


def test_from_scratch_is_torchs_draw():
    torch.manual_seed(0)
    kernel = delta_kernel(9, 6, 3)
    torch.manual_seed(0)
    torch.testing.assert_close(kernel, delta_orthogonal_(torch.empty(9, 6, 3, 3)), rtol=0, atol=1e-6)
