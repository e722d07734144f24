"""ICNR: equality with nearest-neighbour upsampling, and the claims of its page."""

import itertools
import math

import pytest
import torch
from sklearn.datasets import load_digits
from torch import nn

from snippets.initialization.icnr.evidence import NAMES, SEEDS, STEPS, checkerboard, network, train
from snippets.initialization.icnr.from_scratch import icnr_weight, pixel_shuffle
from snippets.initialization.icnr.use import icnr_, icnr_std


@pytest.mark.parametrize("factor", [2, 3])
def test_equals_nearest_upsampling(factor):
    """With a bias of 0 the layer starts as a convolution followed by nearest-neighbour upsampling, else it does not."""
    torch.manual_seed(0)
    conv = nn.Conv2d(4, 3 * factor**2, 3, padding=1)
    icnr_(conv.weight, factor)
    x = torch.randn(2, 4, 6, 5)
    low = nn.functional.conv2d(x, conv.weight[:: factor**2], padding=1)
    expected = nn.functional.interpolate(low, scale_factor=factor, mode="nearest")
    assert (nn.PixelShuffle(factor)(conv(x)) - expected).abs().max() > 0.01
    nn.init.zeros_(conv.bias)
    torch.testing.assert_close(nn.PixelShuffle(factor)(conv(x)), expected, rtol=1e-5, atol=1e-5)


def test_default_bias_brings_it_back():
    """nn.Conv2d's own bias differs from sub-pixel to sub-pixel: the checkerboard is there in spite of ICNR."""
    for seed in range(10):
        torch.manual_seed(seed)
        conv = nn.Conv2d(4, 4, 3, padding=1)
        icnr_(conv.weight)
        x = torch.randn(8, 4, 6, 6)
        assert checkerboard(nn.PixelShuffle(2)(conv(x)).detach()) > 0.01
        nn.init.zeros_(conv.bias)
        assert checkerboard(nn.PixelShuffle(2)(conv(x)).detach()) < 1e-6


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_tiling_is_the_wrong_order(channels):
    """`repeat` puts the copies where PixelShuffle takes other channels: right for one output channel only."""
    torch.manual_seed(0)
    small, x = torch.randn(channels, 4, 3, 3), torch.randn(1, 4, 6, 6)
    right, wrong = small.repeat_interleave(4, dim=0), small.repeat(4, 1, 1, 1)
    results = []
    for weight in (right, wrong):
        y = nn.functional.pixel_shuffle(nn.functional.conv2d(x, weight, padding=1), 2)
        results.append((y[..., 0::2] - y[..., 1::2]).abs().max().item())
    assert results[0] == 0
    assert results[1] == 0 if channels == 1 else results[1] > 0.1


@pytest.mark.parametrize("kind", ["SGD", "AdamW"])
@pytest.mark.parametrize("followed", [False, True])
@pytest.mark.parametrize("flat", [False, True])
def test_copies_leave_each_other(kind, followed, flat):
    """Equal after ten steps where PixelShuffle is last and the target flat in each block; else unequal after one."""
    pairs = list(itertools.combinations(range(4), 2))
    torch.manual_seed(0)
    conv = nn.Conv2d(4, 4, 3, padding=1)
    icnr_(conv.weight)
    nn.init.zeros_(conv.bias)
    model = nn.Sequential(conv, nn.PixelShuffle(2), *([nn.Conv2d(1, 1, 3, padding=1)] if followed else [])).double()
    optimizer = getattr(torch.optim, kind)(model.parameters(), lr=0.1, weight_decay=0.01)
    assert all(torch.equal(conv.weight[a], conv.weight[b]) for a, b in pairs)
    stay = flat and not followed
    for _ in range(10 if stay else 1):
        y = model(torch.randn(2, 4, 6, 6, dtype=torch.float64))
        block = torch.randn(2, 1, 6, 6, dtype=torch.float64).repeat_interleave(2, 2).repeat_interleave(2, 3)
        target = block if flat else torch.randn_like(y)
        optimizer.zero_grad()
        (y - target).square().mean().backward()
        optimizer.step()
    largest = [(conv.weight[a] - conv.weight[b]).abs().max().item() for a, b in pairs]
    assert max(largest) < 1e-9 if stay else min(largest) > 1e-4  # float64


def test_kaiming_starts_with_a_checkerboard():
    """On an input of ones, Kaiming's first picture repeats with period 2; ICNR's is flat inside each 2 x 2 cell."""
    x = torch.ones(1, 1, 4, 4)
    for seed in range(SEEDS):
        assert checkerboard(network("Kaiming", seed)(x).detach()) > 0.05
        cells = nn.functional.pixel_unshuffle(network("ICNR", seed)(x).detach(), 2)
        torch.testing.assert_close(cells, cells[:, :1].expand_as(cells), rtol=0, atol=1e-6)  # float32 sums


@pytest.fixture(scope="module")
def medians() -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    """Squared error and checkerboard of each initialization over the experiment's steps, medians of 16 seeds."""
    y = torch.tensor(load_digits().images, dtype=torch.float32)[:, None] / 16
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("snippets.initialization.icnr.evidence.SEEDS", 16)
        runs = {name: train(name, nn.functional.avg_pool2d(y, 2), y) for name in NAMES}
    assert all(values.shape == (16, STEPS) for both in runs.values() for values in both)
    return {name: (error.median(0).values, pattern.median(0).values) for name, (error, pattern) in runs.items()}


def test_error_falls_equally_fast(medians):
    """Medians of 16 seeds: the squared errors are within 50% of each other at every step, and both fall."""
    icnr, kaiming = medians["ICNR"][0], medians["Kaiming"][0]
    torch.testing.assert_close(kaiming, icnr, rtol=0.5, atol=0)  # 16 of 24 seeds drawn anew: 0.6 to 1.33
    assert max(icnr[-1] / icnr[0], kaiming[-1] / kaiming[0]) < 0.25


def test_checkerboard_is_trained_away(medians):
    """Kaiming's checkerboard starts over five times ICNR's; over the last 20 steps it is less than twice ICNR's."""
    icnr, kaiming = medians["ICNR"][1], medians["Kaiming"][1]
    assert kaiming[0] > 5 * icnr[0]
    assert kaiming[:10].mean() > 4 * icnr[:10].mean()
    assert icnr[-20:].mean() < kaiming[-20:].mean() < 2 * icnr[-20:].mean()  # single steps differ by more, either way


def test_variance_is_the_small_kernels():
    """Copying changes neither mean nor variance: fan_in counts inputs, and the inputs are the same."""
    torch.manual_seed(0)
    weight = icnr_(torch.empty(400, 32, 3, 3))
    assert weight.std() == pytest.approx(icnr_std((400, 32, 3, 3)), rel=0.02)
    assert icnr_std((400, 32, 3, 3)) == pytest.approx(math.sqrt(2 / 288))


@pytest.mark.parametrize("factor", [2, 3])
def test_fan_out_is_not_kept(factor):
    """mode="fan_out" reads the small weight's outputs: the standard deviation is r times the full weight's."""

    def fan_out(tensor, generator=None):
        return nn.init.kaiming_normal_(tensor, mode="fan_out", generator=generator)

    torch.manual_seed(0)
    full = fan_out(torch.empty(360, 32, 3, 3)).std().item()
    assert full == pytest.approx(math.sqrt(2 / 3240), rel=0.02)
    assert icnr_(torch.empty(360, 32, 3, 3), factor, fan_out).std() == pytest.approx(factor * full, rel=0.03)


def test_wrong_channels_are_refused():
    with pytest.raises(ValueError, match="no multiple"):
        icnr_(torch.empty(6, 4, 3, 3), 2)


@pytest.mark.parametrize("factor", [2, 3])
def test_from_scratch_equals_torch(factor):
    torch.manual_seed(0)
    x = torch.randn(2, 2 * factor**2, 3, 4)
    assert torch.equal(pixel_shuffle(x, factor), nn.functional.pixel_shuffle(x, factor))
    small = torch.randn(2, 3, 3, 3)
    assert torch.equal(icnr_weight(small, factor), small.repeat_interleave(factor**2, dim=0))
