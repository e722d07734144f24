"""SPADE: two implementations that are equal, what is washed away without it, and the claims of its page."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from snippets.experiment import PLACE, SHAPE
from snippets.normalization.conditional_normalization.use import ConditionalNorm
from snippets.normalization.spade.from_scratch import SpatiallyAdaptiveNorm
from snippets.normalization.spade.use import SPADE

LABELS, CHANNELS, HIDDEN = 4, 3, 8


def maps(*labels: int, size: int = 8) -> Tensor:
    """One-hot maps (batch, labels, size, size), each of one label."""
    return F.one_hot(torch.tensor(labels), LABELS).double()[..., None, None].expand(-1, -1, size, size)


def any_map(size: int) -> Tensor:
    """A random one-hot map of two images."""
    return F.one_hot(torch.randint(LABELS, (2, size, size)), LABELS).permute(0, 3, 1, 2).double()


def pointwise(ours: SpatiallyAdaptiveNorm) -> SPADE:
    """use.py's layer on instance normalization, with these weights at the centre of its kernels and zeros around."""
    layer = SPADE(nn.InstanceNorm2d(CHANNELS), CHANNELS, LABELS, HIDDEN).double()
    weight, bias = ours.to_affine.weight.detach().chunk(2), ours.to_affine.bias.detach().chunk(2)
    values = [(ours.shared.weight.detach(), ours.shared.bias.detach()), *zip(weight, bias, strict=True)]
    with torch.no_grad():
        for conv, (w, b) in zip((layer.shared[0], layer.to_scale, layer.to_shift), values, strict=True):
            conv.weight.zero_()
            conv.weight[:, :, 1, 1] = w
            conv.bias.copy_(b)
    return layer


@pytest.mark.parametrize("size", [8, 16, 12, 5, 3])
def test_equals_torch_based(size: int) -> None:
    """Output and gradients of features and all weights, for maps of the same, a larger and a smaller size."""
    torch.manual_seed(0)
    ours = SpatiallyAdaptiveNorm(CHANNELS, LABELS, HIDDEN).double()
    theirs, labels = pointwise(ours), any_map(size)
    x, sides = torch.randn(2, CHANNELS, 8, 8, dtype=torch.float64), []
    for layer in (ours, theirs):
        own = x.clone().requires_grad_()
        out = layer(own, labels)
        (out * torch.arange(out.numel()).view(out.shape).sin()).sum().backward()
        convs = (theirs.shared[0], theirs.to_scale, theirs.to_shift)
        if layer is ours:
            first, *second = ours.shared.weight.grad, *ours.to_affine.weight.grad.chunk(2)
        else:
            first, *second = (conv.weight.grad[:, :, 1, 1] for conv in convs)
        sides.append((out, own.grad, first, *second))
    torch.testing.assert_close(*sides)


@pytest.mark.parametrize("axes", [1, 3])
def test_one_and_three_axes_of_space(axes: int) -> None:
    """A constant map: instance normalization with that scale and shift."""
    torch.manual_seed(0)
    layer = SpatiallyAdaptiveNorm(CHANNELS, LABELS, HIDDEN).double()
    x = torch.randn(1, CHANNELS, *[4] * axes, dtype=torch.float64)
    one = F.one_hot(torch.tensor([2]), LABELS).double()
    scale, shift = layer.to_affine(layer.shared(one).relu())[0].chunk(2)
    out = layer(x, one.view(1, LABELS, *[1] * axes).expand(-1, -1, *[6] * axes))
    torch.testing.assert_close(out, F.instance_norm(x, weight=1 + scale, bias=shift))


def test_map_of_any_size() -> None:
    """A map enlarged by 2 or 4, label by label, gives the same output; a smaller one that of its enlargement."""
    torch.manual_seed(0)
    layer = SPADE(nn.BatchNorm2d(CHANNELS, affine=False), CHANNELS, LABELS, HIDDEN).double()
    x, labels = torch.randn(2, CHANNELS, 8, 8, dtype=torch.float64), any_map(8)
    for factor in (2, 4):
        larger = labels.repeat_interleave(factor, 2).repeat_interleave(factor, 3)
        torch.testing.assert_close(layer(x, larger), layer(x, labels))
    small = any_map(4)
    torch.testing.assert_close(layer(x, small), layer(x, small.repeat_interleave(2, 2).repeat_interleave(2, 3)))


def test_one_label_is_washed_away() -> None:
    """Convolution padded by repetition and instance normalization: 0 for each label. SPADE: another output for each."""
    torch.manual_seed(0)
    conv = nn.Conv2d(LABELS, CHANNELS, 3, padding=1, padding_mode="replicate").double()
    spade = SPADE(nn.InstanceNorm2d(CHANNELS), CHANNELS, LABELS, HIDDEN).double()
    outputs = []
    for label in range(LABELS):
        labels = maps(label)
        x = conv(labels)
        assert x.abs().max() > 0.05
        assert F.instance_norm(x).abs().max() < 1e-9
        outputs.append(spade(x, labels)[0, :, 4, 4])
    for i in range(LABELS):
        for j in range(i):
            assert (outputs[i] - outputs[j]).abs().max() > 0.01


def test_constant_map_is_conditional() -> None:
    """One label for each image: conditional normalization two pixels and more from the edge; at the edge, not."""
    torch.manual_seed(0)
    spade = SPADE(nn.InstanceNorm2d(CHANNELS), CHANNELS, LABELS, HIDDEN).double()
    conditional = ConditionalNorm(nn.InstanceNorm2d(CHANNELS), CHANNELS, LABELS).double()
    with torch.no_grad():  # the values far from the edge, for each label
        hidden = spade.shared(maps(*range(LABELS)))
        affine = torch.cat([spade.to_scale(hidden), spade.to_shift(hidden)], dim=1)[:, :, 4, 4]
        conditional.to_affine.weight.copy_(affine.T)
    x = torch.randn(3, CHANNELS, 8, 8, dtype=torch.float64)
    labels = torch.tensor([2, 0, 3])
    ours = spade(x, maps(*labels.tolist()))
    theirs = conditional(x, F.one_hot(labels, LABELS).double())
    torch.testing.assert_close(ours[:, :, 2:-2, 2:-2], theirs[:, :, 2:-2, 2:-2])
    assert (ours - theirs)[:, :, 0].abs().max() > 0.01


@pytest.mark.parametrize(("features", "labels", "hidden"), [(128, 14, 128), (16, 3, 8)])
def test_count_of_weights(features: int, labels: int, hidden: int) -> None:
    """9 h (k + 2 C) weights, without biases; 311,040 for 128 channels, 14 labels and 128 hidden ones."""
    layer = SPADE(nn.InstanceNorm2d(features), features, labels, hidden)
    count = sum(p.numel() for p in layer.parameters() if p.dim() == 4)
    assert count == 9 * hidden * (labels + 2 * features)
    if features == 128:
        assert count == 311_040


def test_washed_away_in_training(evidence) -> None:
    """Maps of one label: without SPADE each seed at least 0.067, 90% of the brightnesses' variance; with it a fifth."""
    plain, spade = (torch.tensor(evidence()[kind])[:, 1] for kind in ("instance normalization", "SPADE"))
    variance = torch.tensor([1 / 3, 2 / 3, 1.0]).var(correction=0)
    assert plain.min() >= 0.067
    assert plain.min() > 0.9 * variance
    assert (spade <= plain / 5).all()


def test_strokes_are_better(evidence) -> None:
    """On strokes the mean error is lower with SPADE."""
    plain, spade = (torch.tensor(evidence()[kind])[:, 0] for kind in ("instance normalization", "SPADE"))
    assert spade.mean() < plain.mean()


def test_map_must_be_one_hot() -> None:
    """A map of label numbers raises the page's error; one-hot it does not."""
    layer, x = SPADE(nn.InstanceNorm2d(3), 3, labels=5), torch.randn(2, 3, 8, 8)
    labels = torch.randint(5, (2, 8, 8))
    with pytest.raises(RuntimeError, match=r"to have 5 channels, but got 1 channels"):
        layer(x, labels.unsqueeze(1).float())
    assert layer(x, F.one_hot(labels, 5).permute(0, 3, 1, 2).float()).shape == x.shape


def test_figure_shows_the_statistics_of_the_layer_inside(evidence) -> None:
    """The framed channel in each sample, nothing else."""
    expected = torch.zeros(SHAPE, dtype=torch.bool)
    expected[:, PLACE[1]] = True
    assert torch.equal(torch.tensor(evidence("axes"), dtype=torch.bool), expected)
