"""Masked convolution: equal to torch, blind to later pixels, its blind spot, and the claims of its page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from snippets.convolutions.masked_convolution.evidence import NETWORKS, seen
from snippets.convolutions.masked_convolution.from_scratch import masked_conv2d
from snippets.convolutions.masked_convolution.use import MaskedConv2d, pixel_cnn, sample

Evidence = Callable[..., Any]
Kind = Literal["A", "B"]


def small() -> tuple[nn.Module, Tensor]:
    return pixel_cnn(levels=4, channels=8, layers=2), torch.rand(2, 1, 9, 9)


def jacobian(layer: Callable[[Tensor], Tensor], size: int) -> Tensor:
    """(output pixel, input pixel) in the order of reading: whether the one moves with the other."""
    x = torch.rand(1, 1, size, size, dtype=torch.float64)
    moved = torch.autograd.functional.jacobian(lambda v: layer(v)[0].abs().sum(dim=0).flatten(), x)
    return moved.flatten(1) != 0


@pytest.mark.parametrize(("size", "kind"), [(1, "B"), *((k, kind) for k in (3, 5, 7) for kind in ("A", "B"))])
def test_equals_torch(size: int, kind: Kind) -> None:
    """Outputs and gradients equal torch's convolution with the masked kernel, and the layer of the code."""
    torch.manual_seed(0)
    layer = MaskedConv2d(3, 4, size, kind).double()
    x = torch.randn(2, 3, 6, 7, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(4, 3, size, size, dtype=torch.float64, requires_grad=True)
    mask = torch.zeros(size, size, dtype=torch.float64)
    mask[: size // 2] = 1
    mask[size // 2, : size // 2 + (kind == "B")] = 1
    sides = []
    for y in (masked_conv2d(x, weight, kind == "B"), F.conv2d(x, weight * mask, padding=size // 2)):
        grads = torch.autograd.grad(y.square().sum(), [x, weight])
        sides.append([y, *grads])
    for mine, its in zip(*sides, strict=True):
        torch.testing.assert_close(mine, its)
    assert layer.bias is not None
    with torch.no_grad():
        layer.weight.copy_(weight)
    torch.testing.assert_close(layer(x), masked_conv2d(x, weight, kind == "B") + layer.bias[:, None, None])


@pytest.mark.parametrize(("size", "kind"), [(1, "A"), (4, "A"), (4, "B")])
def test_kernels_that_cannot_be(size: int, kind: Kind) -> None:
    with pytest.raises(ValueError, match="take an odd one, and more than 1 for A"):
        MaskedConv2d(3, 4, size, kind)


@pytest.mark.parametrize("size", [3, 5])
def test_sees_earlier_pixels_only(size: int) -> None:
    """Above its diagonal the Jacobian is exactly 0; on it too with mask A, and in a network that begins with A."""
    torch.manual_seed(0)
    first, later = (MaskedConv2d(1, 2, size, kind).double() for kind in ("A", "B"))
    network = pixel_cnn(levels=3, channels=6, layers=2).double()
    assert not jacobian(first, 6).triu(0).any()
    assert not jacobian(later, 6).triu(1).any()
    assert jacobian(later, 6).diagonal().all()
    assert not jacobian(network, 6).triu(0).any()


def test_mask_b_first_copies_the_pixel() -> None:
    """A network that begins with mask B sees the pixel that it predicts, and can copy it without error."""
    torch.manual_seed(0)
    leaky = nn.Sequential(MaskedConv2d(1, 8, 3, "B"), nn.ReLU(), MaskedConv2d(8, 1, 3, "B")).double()
    assert jacobian(leaky, 5).diagonal().any()
    with torch.no_grad():
        for layer in (leaky[0], leaky[2]):
            assert isinstance(layer, MaskedConv2d)
            layer.weight.zero_()
            layer.weight[0, 0, 1, 1] = 1
            assert layer.bias is not None
            layer.bias.zero_()
    x = torch.rand(3, 1, 5, 5, dtype=torch.float64)
    assert torch.equal(leaky(x), x)


def test_blind_spot(evidence: Evidence) -> None:
    """L layers of 3 × 3 miss L (L - 1) / 2 earlier pixels; two to the right in the row above is missed by 12 layers."""
    for n, (_, missed, _, missed_by_two) in evidence()["counts"].items():
        assert missed == int(n) * (int(n) - 1) // 2
        assert missed_by_two == 0
    for layers in (2, 4, 8, 12):
        center = (2 * layers + 5) // 2
        assert not seen("masked convolutions", layers)[center - 1, center + 2]
        assert seen("two stacks", layers)[center - 1, center + 2]
        for name in NETWORKS:
            pixels = seen(name, layers).flatten()
            assert not pixels[len(pixels) // 2 :].any()
    four = {name: torch.tensor(pixels) for name, pixels in evidence()["seen"].items()}
    assert [int(pixels.sum()) for pixels in four.values()] == [34, 49]


@pytest.mark.parametrize("kind", ["A", "B"])
def test_start_keeps_its_size(kind: Kind) -> None:
    """Of 49 places 24 or 25 count: torch's draw would leave half of the variance; the layer restores it."""
    torch.manual_seed(0)
    x = torch.randn(2, 16, 32, 32)
    inside = slice(3, -3)
    layer, plain = MaskedConv2d(16, 64, 7, kind), nn.Conv2d(16, 64, 7, padding=3)
    assert layer.bias is not None
    full, masked = F.conv2d(x, plain.weight, padding=3), F.conv2d(x, plain.weight * layer.mask, padding=3)
    ours = F.conv2d(x, layer.weight * layer.mask, padding=3)
    sizes = [y[:, :, inside, inside].square().mean().item() for y in (full, masked, ours)]
    assert sizes[1] / sizes[0] == pytest.approx((24 + (kind == "B")) / 49, rel=0.06)
    assert sizes[2] / sizes[0] == pytest.approx(1, rel=0.06)


def test_masked_weights_have_no_gradient() -> None:
    """With the product in forward, gradients of masked places are 0, and Adam leaves them; done once, a step undoes it.

    The step is tried with SGD and Adam.
    """
    torch.manual_seed(0)
    layer = MaskedConv2d(2, 3, 5, "A")
    before = layer.weight.detach().clone()
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.1)
    layer(torch.rand(2, 2, 8, 8)).square().sum().backward()
    assert layer.weight.grad is not None
    assert torch.equal(layer.weight.grad != 0, layer.mask.bool().expand_as(layer.weight))
    optimizer.step()
    assert torch.equal(layer.weight != before, layer.mask.bool().expand_as(layer.weight))
    for kind in (torch.optim.SGD, torch.optim.Adam):
        plain = nn.Conv2d(2, 3, 5, padding=2)
        plain.weight.data *= layer.mask
        once: torch.optim.Optimizer = kind(plain.parameters(), lr=0.1)
        plain(torch.rand(2, 2, 8, 8)).square().sum().backward()
        once.step()
        assert (plain.weight != 0).all()


def test_one_pass_in_training_one_a_pixel_in_sampling() -> None:
    """Logits computed pixel by pixel while sampling equal those of one pass over the finished image."""
    torch.manual_seed(0)
    network = pixel_cnn(levels=4, channels=8, layers=2).eval()
    passes: list[Tensor] = []
    network.register_forward_hook(lambda _, __, logits: passes.append(logits))
    x = sample(network, count=3, levels=4, size=6)
    assert len(passes) == 36
    assert set((3 * x).round().unique().tolist()) <= {0.0, 1.0, 2.0, 3.0}
    with torch.no_grad():
        whole = network(x)
    for place in range(36):
        row, column = divmod(place, 6)
        torch.testing.assert_close(passes[place][:, :, row, column], whole[:, :, row, column])
