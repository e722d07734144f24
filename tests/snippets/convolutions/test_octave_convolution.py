"""Octave convolution: equal to a dilated one at full resolution, and to conv2d at alpha 0; cost and claims."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from snippets.convolutions.octave_convolution.evidence import SHARES, cost, reads
from snippets.convolutions.octave_convolution.from_scratch import octave_conv2d
from snippets.convolutions.octave_convolution.use import OctaveBlock, OctaveConv2d


class Network(nn.Module):
    """From an image to coarse maps and back."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.middle = OctaveBlock(3, 8, alpha_in=0), OctaveBlock(8, 8)
        self.last, self.head = OctaveBlock(8, 8, alpha_out=0), nn.Linear(8, 10)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.head(self.last(*self.middle(*self.first(x)))[0].mean((2, 3)))
        return y


def small() -> tuple[nn.Module, Tensor]:
    """A network of three blocks."""
    return Network(), torch.randn(2, 3, 8, 8)


def drawn(draw: random.Random, **shares: float) -> tuple[OctaveConv2d, Tensor, Tensor | None]:
    """A random layer in float64 with maps for it."""
    alpha_in, alpha_out = (
        shares.get(side, draw.choice([0.125, 0.25, 0.5, 0.75])) for side in ("alpha_in", "alpha_out")
    )
    layer = OctaveConv2d(8, 16, draw.choice([1, 3, 5]), alpha_in, alpha_out).double()
    height, width = 2 * draw.randint(2, 5), 2 * draw.randint(2, 5)
    fine = torch.randn(2, layer.fine_in, height, width, dtype=torch.float64, requires_grad=True)
    shape = (2, 8 - layer.fine_in, height // 2, width // 2)
    return layer, fine, torch.randn(shape, dtype=torch.float64, requires_grad=True) if alpha_in else None


def same(ours: tuple[Tensor, Tensor], theirs: tuple[Tensor, Tensor], inputs: list[Tensor]) -> None:
    """Equal outputs and gradients of all inputs."""
    grads = [torch.randn_like(y) for y in ours]
    for mine, its in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, its)
    both = (torch.autograd.grad(y, inputs, grads) for y in (ours, theirs))
    for mine, its in zip(*both, strict=True):
        torch.testing.assert_close(mine, its)


def test_coarse_kernels_are_dilated() -> None:
    """A hundred random kernels, shares and sizes: the layer equals the dilated form, outputs and all gradients."""
    draw = random.Random(0)
    torch.manual_seed(0)
    for _ in range(100):
        layer, fine, coarse = drawn(draw)
        y, z = layer(fine, coarse)
        assert coarse is not None
        assert z is not None
        theirs = octave_conv2d(fine, coarse, layer.conv.weight, layer.fine_out)
        same((y, z), theirs, [fine, coarse, layer.conv.weight])


def test_without_coarse_channels_it_is_a_convolution() -> None:
    """Thirty random layers: with both shares 0, conv2d, bit for bit; with one of them 0, the parts that are left."""
    draw = random.Random(0)
    torch.manual_seed(0)
    for _ in range(30):
        layer, fine, _ = drawn(draw, alpha_in=0, alpha_out=0)
        y, z = layer(fine, None)
        assert z is None
        assert torch.equal(y, layer.conv(fine))
        first, fine, _ = drawn(draw, alpha_in=0)
        y, z = first(fine, None)
        assert z is not None
        weight, padding = first.conv.weight, first.conv.padding
        torch.testing.assert_close(y, F.conv2d(fine, weight[: first.fine_out], padding=padding))
        torch.testing.assert_close(z, F.conv2d(F.avg_pool2d(fine, 2), weight[first.fine_out :], padding=padding))
        last, fine, coarse = drawn(draw, alpha_out=0)
        y, z = last(fine, coarse)
        assert z is None
        assert y.shape[1] == 16


def test_cost_formula(evidence: Any) -> None:
    """Counted: 1/4 + 3/4 (1 - a)^2 of the multiply-adds, 1 - 3/4 a of the outputs: 67% and 81% for a quarter, …"""
    costs = evidence()["costs"]
    whole = costs["0.0"]
    for share in SHARES:
        adds, numbers = costs[str(share)]
        assert (adds, numbers) == cost(share)
        assert adds / whole[0] == pytest.approx(0.25 + 0.75 * (1 - share) ** 2)
        assert numbers / whole[1] == pytest.approx(1 - 0.75 * share)
    assert costs["0.25"][0] / whole[0] == pytest.approx(0.67, abs=0.005)
    assert costs["0.5"][0] / whole[0] == pytest.approx(0.44, abs=0.005)
    assert costs["0.25"][1] / whole[1] == pytest.approx(0.81, abs=0.005)
    assert costs["0.5"][1] / whole[1] == pytest.approx(0.625)
    sizes = {sum(p.numel() for p in OctaveConv2d(64, 64, 3, a, b).parameters()) for a in SHARES for b in SHARES}
    assert sizes == {64 * 64 * 9}


def test_coarse_outputs_see_twice_as_far(evidence: Any) -> None:
    """Kernel 3: a fine output reads 3 × 3 fine and 3 × 3 coarse pixels; a coarse one 6 × 6 fine, 3 × 3 coarse ones."""
    wanted = {"a fine output, fine input": 3, "a fine output, coarse input": 3}
    wanted |= {"a coarse output, fine input": 6, "a coarse output, coarse input": 3}
    assert set(evidence()["reads"]) == set(wanted)
    for name, ways in evidence()["reads"].items():
        read = torch.tensor(ways) > 0
        assert read.any(0).sum() == read.any(1).sum() == wanted[name]
        assert read.sum() == wanted[name] ** 2
        assert torch.equal(reads()[name] > 0, read)
    for kernel in (1, 3, 5, 7):
        layer = OctaveConv2d(2, 2, kernel, 0.5, 0.5)
        nn.init.ones_(layer.conv.weight)
        fine, coarse = torch.zeros(1, 1, 32, 32, requires_grad=True), torch.zeros(1, 1, 16, 16)
        z = layer(fine, coarse)[1]
        assert z is not None
        gradient = torch.autograd.grad(z[0, 0, 8, 8], fine)[0]
        assert (gradient[0, 0] > 0).any(0).sum() == 2 * kernel


def test_a_mean_keeps_the_place() -> None:
    """Enlarged again, a mean over 2 × 2 lies on the middle of its cell, every second pixel half a pixel before it."""
    for pool, shift in ((lambda x: F.avg_pool2d(x, 2), 0.0), (lambda x: x[..., ::2, ::2], -0.5)):
        x = torch.zeros(1, 1, 12, 12, requires_grad=True)
        cell = F.interpolate(pool(x), scale_factor=2)[0, 0, 4:6, 4:6].mean()
        gradient = torch.autograd.grad(cell, x)[0][0, 0]
        centre = (gradient.sum(0) * torch.arange(12)).sum().item()
        assert centre - 4.5 == pytest.approx(shift)


@pytest.mark.parametrize("alpha", [0.25, 0.5, 0.75])
@pytest.mark.parametrize("kernel", [1, 3])
def test_four_layers_start_too_large(kernel: int, alpha: float) -> None:
    """torch's start, inputs of variance 1: four nn.Conv2d give twice the variance of one kernel cut up, in fine outputs
    whatever the input, and in coarse ones where fine maps are flat in cells; a mean of independent pixels is smaller.
    """
    torch.manual_seed(0)
    for smooth in (False, True):
        for separate in (False, True):
            layer = OctaveConv2d(128, 128, kernel, alpha, alpha)
            fine, coarse = torch.randn(8, layer.fine_in, 16, 16), torch.randn(8, 128 - layer.fine_in, 8, 8)
            if smooth:
                fine = F.interpolate(fine[..., ::2, ::2], scale_factor=2)
            if separate:
                for rows in layer.conv.weight.data.split([layer.fine_out, 128 - layer.fine_out]):
                    parts = [nn.Conv2d(m.shape[1], len(rows), kernel, bias=False).weight.data for m in (fine, coarse)]
                    rows.copy_(torch.cat(parts, 1))
            y, z = layer(fine, coarse)
            assert z is not None
            expected = (1 + separate) / 3
            inside = [maps[..., 2:-2, 2:-2].var().item() for maps in (y, z)]  # away from the zeros of the padding
            assert inside[0] == pytest.approx(expected, rel=0.1)
            assert (abs(inside[1] / expected - 1) < 0.1) == smooth


def test_odd_maps_do_not_fit() -> None:
    """Odd heights or widths are refused with the page's text, even ones taken."""
    layer = OctaveConv2d(4, 4, 3, 0.5, 0.5)
    for size in range(4, 12):
        for high, wide in ((8, size), (size, 8)):
            fine, coarse = torch.zeros(1, 2, high, wide), torch.zeros(1, 2, high // 2, wide // 2)
            if size % 2:
                with pytest.raises(RuntimeError, match=r"The size of tensor a \(\d+\) must match the size of tensor b"):
                    layer(fine, coarse)
            else:
                assert layer(fine, coarse)[0].shape == (1, 2, high, wide)


def test_one_batch_norm_for_each_part() -> None:
    """A block has a batch norm for the fine channels and one for the coarse; without coarse outputs only the first."""
    block = OctaveBlock(8, 16)
    assert {name.partition(".")[0] for name, _ in block.named_parameters()} == {"conv", "norm_fine", "norm_coarse"}
    assert OctaveBlock(8, 16, alpha_out=0).norm_coarse is None
    assert block.norm_fine.num_features == 12
    assert block.norm_coarse is not None
    assert block.norm_coarse.num_features == 4
