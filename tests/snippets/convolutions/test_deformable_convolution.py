"""Deformable convolution: equal to the paper's double sum, to convolutions it contains, and the claims of its page."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from snippets.convolutions.deformable_convolution import from_scratch
from snippets.convolutions.deformable_convolution.use import DeformConv2d, deform_conv2d

DOUBLE = torch.float64


def small() -> tuple[nn.Module, Tensor]:
    """Two deformable layers whose offsets are not 0."""
    layers: list[Any] = [DeformConv2d(nn.Conv2d(3, 8, 3, padding=1)), nn.ReLU(), DeformConv2d(nn.Conv2d(8, 4, 3, 2, 1))]
    for layer in layers[::2]:
        for parameter, std in zip(layer.where.parameters(), (0.05, 0.3), strict=True):
            nn.init.normal_(parameter, std=std)
    return nn.Sequential(*layers), torch.randn(2, 3, 12, 12)


def reads(draw: random.Random, padding: int | None = None) -> dict[str, Any]:
    """Random settings of a layer, and its tensors in float64 but for offsets."""
    kernel, stride, dilation = draw.randint(1, 3), draw.randint(1, 2), draw.randint(1, 2)
    padding = draw.randint(0, 2) if padding is None else padding
    height, width = draw.randint(5, 9), draw.randint(5, 9)
    rows, columns = ((n + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1 for n in (height, width))
    tensors = {
        "x": torch.randn(2, 3, height, width, dtype=DOUBLE, requires_grad=True),
        "weight": torch.randn(4, 3, kernel, kernel, dtype=DOUBLE, requires_grad=True),
        "mask": torch.rand(2, kernel**2, rows, columns, dtype=DOUBLE, requires_grad=True),
    }
    shape = (2, 2 * kernel**2, rows, columns)
    return {**tensors, "shape": shape, "settings": {"stride": stride, "padding": padding, "dilation": dilation}}


def double_sum(
    x: Tensor, offset: Tensor, weight: Tensor, mask: Tensor, stride: int, padding: int, dilation: int
) -> Tensor:
    """The paper's equations 2 to 4: every place weighs all pixels q with g(q, p) = max(0, 1 - |q - p|) per axis."""
    kernel, (rows, columns) = weight.shape[-1], offset.shape[2:]
    y = x.new_zeros(len(x), len(weight), rows, columns)
    for tap in range(kernel**2):
        down = torch.arange(rows)[:, None] * stride - padding + tap // kernel * dilation + offset[:, 2 * tap]
        right = torch.arange(columns) * stride - padding + tap % kernel * dilation + offset[:, 2 * tap + 1]
        by_row = (1 - (down[..., None] - torch.arange(x.shape[2])).abs()).relu()  # (batch, rows, columns, height)
        by_column = (1 - (right[..., None] - torch.arange(x.shape[3])).abs()).relu()
        read = torch.einsum("bchw,bijh,bijw->bcij", x, by_row, by_column) * mask[:, None, tap]
        y = y + torch.einsum("bcij,oc->boij", read, weight[:, :, tap // kernel, tap % kernel])
    return y


def test_equals_the_double_sum() -> None:
    """A hundred random settings, with mask: output and gradients of image, weights, mask and offsets, both programs."""
    draw = random.Random(0)
    torch.manual_seed(0)
    for turn in range(100):
        made = reads(draw)
        if turn % 2:
            made["settings"] |= {"stride": 1, "dilation": 1}
            extra = made["settings"]["padding"] * 2 - made["weight"].shape[-1] + 1
            size = [n + extra for n in made["x"].shape[2:]]
            made["shape"] = (*made["shape"][:2], *size)
            made["mask"] = torch.rand(2, made["shape"][1] // 2, *size, dtype=DOUBLE, requires_grad=True)
        x, weight, mask, settings = (made[key] for key in ("x", "weight", "mask", "settings"))
        offset = (torch.randn(made["shape"], dtype=DOUBLE) * 2).requires_grad_()
        wanted = (x, weight, mask, offset)
        theirs = double_sum(x, offset, weight, mask, **settings)
        results = [deform_conv2d(x, offset, weight, None, mask, **settings)]
        if turn % 2:
            results.append(from_scratch.deform_conv2d(x, offset, weight, mask, settings["padding"]))
        grad = torch.randn_like(theirs)
        its = torch.autograd.grad(theirs, wanted, grad)
        for ours in results:
            torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)
            for mine, other in zip(torch.autograd.grad(ours, wanted, grad), its, strict=True):
                torch.testing.assert_close(mine, other, rtol=1e-7, atol=1e-7)


def test_contains_convolutions() -> None:
    """A hundred random settings: offsets 0 are conv2d, offsets away from the first weight are a larger dilation."""
    draw = random.Random(1)
    torch.manual_seed(0)
    for _ in range(100):
        made = reads(draw)
        x, weight, settings = (made[key] for key in ("x", "weight", "settings"))
        ones, still = torch.ones_like(made["mask"]), torch.zeros(made["shape"], dtype=DOUBLE)
        ordinary = F.conv2d(x, weight, **settings)
        for mask in (ones, None):
            ours = deform_conv2d(x, still, weight, None, mask, **settings)
            torch.testing.assert_close(ours, ordinary)
            grad = torch.randn_like(ours)
            mine, its = (torch.autograd.grad(y, (x, weight), grad, retain_graph=True) for y in (ours, ordinary))
            for one, other in zip(mine, its, strict=True):
                torch.testing.assert_close(one, other)
        kernel, more = weight.shape[-1], draw.randint(1, 2)
        apart = still.clone()
        for tap in range(kernel**2):
            apart[:, 2 * tap], apart[:, 2 * tap + 1] = more * (tap // kernel), more * (tap % kernel)
        wider = settings | {"dilation": settings["dilation"] + more}
        padded = F.pad(x, (0, more * (kernel - 1), 0, more * (kernel - 1)))  # the wide kernel needs the room
        torch.testing.assert_close(
            deform_conv2d(x, apart, weight, None, None, **settings), F.conv2d(padded, weight, **wider)
        )


def test_whole_offsets_move_the_reading() -> None:
    """Integer offsets, a different one for each weight and output: pixel by pixel, rows first; 0 outside; with mask."""
    torch.manual_seed(0)
    x, weight = torch.randn(1, 2, 5, 6), torch.randn(3, 2, 3, 3)
    offset, mask = torch.randint(-3, 4, (1, 18, 5, 6)).float(), torch.rand(1, 9, 5, 6)
    y = deform_conv2d(x, offset, weight, torch.tensor([1.0, 2, 3]), mask, 1, 1, 1)
    for i in range(5):
        for j in range(6):
            wanted = torch.tensor([1.0, 2, 3])
            for tap in range(9):
                row = i - 1 + tap // 3 + int(offset[0, 2 * tap, i, j])
                column = j - 1 + tap % 3 + int(offset[0, 2 * tap + 1, i, j])
                if 0 <= row < 5 and 0 <= column < 6:
                    wanted = wanted + mask[0, tap, i, j] * weight[:, :, tap // 3, tap % 3] @ x[0, :, row, column]
            torch.testing.assert_close(y[0, :, i, j], wanted, rtol=1e-4, atol=1e-5)


def test_starts_as_the_convolution() -> None:
    """Thirty random convolutions: equal outputs before training, and a gradient at the offsets and masks."""
    draw = random.Random(0)
    torch.manual_seed(0)
    for turn in range(30):
        settings: dict[str, Any] = {
            "stride": draw.randint(1, 2),
            "padding": draw.randint(0, 2),
            "dilation": draw.randint(1, 2),
        }
        conv = nn.Conv2d(4, 6, draw.randint(1, 4), **settings, bias=bool(turn % 2))
        layer, x = DeformConv2d(conv), torch.randn(2, 4, draw.randint(9, 12), 11)
        y = layer(x)
        torch.testing.assert_close(y, conv(x), rtol=1e-4, atol=1e-5)
        y.square().mean().backward()
        gradient = layer.where.weight.grad
        assert gradient is not None
        taps = layer.taps
        assert gradient[: 2 * taps].abs().max() > 0
        assert gradient[2 * taps :].abs().max() > 0
    for conv in (nn.Conv2d(4, 4, 3, groups=2), nn.Conv2d(4, 4, (3, 1)), nn.Conv2d(4, 4, 3, padding="same")):
        with pytest.raises(ValueError, match="without groups whose settings are numbers"):
            DeformConv2d(conv)


def test_sigmoid_alone_halves() -> None:
    """A mask of sigmoid(0): half of the convolution without its bias."""
    torch.manual_seed(0)
    x, weight, mask = torch.randn(2, 3, 6, 6), torch.randn(4, 3, 3, 3), torch.zeros(2, 9, 6, 6).sigmoid()
    y = deform_conv2d(x, torch.zeros(2, 18, 6, 6), weight, None, mask, 1, 1, 1)
    torch.testing.assert_close(y, F.conv2d(x, weight, padding=1) / 2, rtol=1e-4, atol=1e-5)


def test_sees_only_the_next_pixels() -> None:
    """Kernel 1, between two pixels: an offset's gradient is the weight times the difference of the pixels beside it."""
    torch.manual_seed(0)
    x, weight = torch.randn(1, 1, 12, 12, dtype=DOUBLE), torch.tensor([[[[2.0]]]], dtype=DOUBLE)
    for axis in (0, 1):
        for whole in (-2, -1, 0, 1, 2):
            offset = torch.zeros(1, 2, 12, 12, dtype=DOUBLE)
            offset[:, axis] = whole + 0.1 + 0.8 * torch.rand(12, 12, dtype=DOUBLE)
            offset.requires_grad_()
            before, after = (x[0, 0].roll(-shift, dims=axis)[3:-3, 3:-3] for shift in (whole, whole + 1))
            for y in (
                deform_conv2d(x, offset, weight, None, None, 1, 0, 1),
                from_scratch.deform_conv2d(x, offset, weight),
            ):
                gradient = torch.autograd.grad(y.sum(), offset)[0][0, axis, 3:-3, 3:-3]
                torch.testing.assert_close(gradient, 2 * (after - before))


def test_far_outside_nothing_is_learned() -> None:
    """Kernel 1, offsets that lead a pixel or more beside the image, on each side: output 0 and gradient 0."""
    torch.manual_seed(0)
    x, weight = torch.randn(1, 3, 5, 5), torch.randn(2, 3, 1, 1)
    for axis in (0, 1):
        for far in (-6.0, -5.5, 5.0, 5.5, 40.0):
            offset = torch.zeros(1, 2, 5, 5)
            offset[:, axis] = far
            offset.requires_grad_()
            y = deform_conv2d(x, offset, weight, None, None, 1, 0, 1)
            assert not y.any()
            assert not torch.autograd.grad(y.sum(), offset)[0].any()


def test_costs_a_tenth_more() -> None:
    """The layer for offsets and masks has 3 k² / outputs of the convolution's multiply-adds: 10.5% for 256 channels."""
    for inputs, outputs, kernel in ((256, 256, 3), (8, 16, 3), (4, 8, 5)):
        layer = DeformConv2d(nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False).to("meta")).to("meta")
        x, counts = torch.empty(1, inputs, 14, 14, device="meta"), []
        for part in (layer.conv, layer.where):
            with FlopCounterMode(display=False) as counter:
                part(x)
            counts.append(counter.get_total_flops())
        assert counts[1] / counts[0] == pytest.approx(3 * kernel**2 / outputs)
    assert pytest.approx(0.105, abs=1e-3) == 3 * 9 / 256


def test_bfloat16_has_no_fractions() -> None:
    """From 32 to 64 bfloat16 holds only quarters of a pixel, from 128 on only whole ones."""
    for start, step in ((32, 0.25), (64, 0.5), (128, 1.0)):
        places = torch.linspace(start, 2 * start, 5001)[:-1].bfloat16().unique().float()
        assert places.diff().unique().tolist() == [step]


def test_reads_further_on_longer_waves(evidence: Any) -> None:
    """Errors above 0.01 and 0.001, and below 0.001; from leftmost to rightmost place the width rises, by over 0.5."""
    error, read = evidence()["error"], evidence()["read"]
    assert error["3×3"] > 0.01
    assert error["7×7"] > 0.001
    assert error["deformable 3×3"] < 0.001
    widths = [max(places) - min(places) for places in read.values()]
    assert widths == sorted(widths)
    assert widths[-1] > widths[0] + 0.5
