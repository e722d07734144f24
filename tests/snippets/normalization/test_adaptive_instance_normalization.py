"""Adaptive instance normalization: equal to torch's instance_norm with the style's statistics; its page's claims."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from snippets.experiment import PLACE, SHAPE
from snippets.normalization.adaptive_instance_normalization import evidence as experiment
from snippets.normalization.adaptive_instance_normalization.from_scratch import AdaptiveInstanceNorm
from snippets.normalization.adaptive_instance_normalization.use import adain


def pair(axes: int = 2, size: int = 6) -> tuple[torch.Tensor, torch.Tensor]:
    """Content and style, of other sizes."""
    torch.manual_seed(0)
    content = torch.randn(3, 4, *[size] * axes, dtype=torch.float64)
    return content, 3 * torch.rand(3, 4, *[size + 2] * axes, dtype=torch.float64) + 1


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_equals_torch(axes: int) -> None:
    """Output and gradients of content and style equal torch's instance_norm, one sample at a time, and use.py's."""
    sides = []
    for way in ("ours", "torch", "use"):
        content, style = (x.requires_grad_() for x in pair(axes))
        if way == "ours":
            out = AdaptiveInstanceNorm(4)(content, style)
        elif way == "use":
            out = adain(content, style)
        else:
            var, mean = torch.var_mean(style, tuple(range(2, style.dim())), correction=0)
            std = (var + 1e-5).sqrt()
            out = torch.cat([F.instance_norm(content[i : i + 1], weight=std[i], bias=mean[i]) for i in range(3)])
        (out * torch.arange(out.numel()).view(out.shape).sin()).sum().backward()
        sides.append((out, content.grad, style.grad))
    torch.testing.assert_close(sides[0], sides[1])
    torch.testing.assert_close(sides[0], sides[2])


def test_channels_and_batch_are_checked() -> None:
    """Another number of channels or samples is an error that names both shapes."""
    content, style = pair()
    for wrong in (style[:, :3], style[:2]):
        with pytest.raises(ValueError, match="needs 4 channels"):
            AdaptiveInstanceNorm(4)(content, wrong)


def test_statistics_are_the_styles() -> None:
    """Mean and standard deviation of each channel of each sample are the style's."""
    content, style = pair()
    out = adain(content, style)
    torch.testing.assert_close(out.mean((2, 3)), style.mean((2, 3)))
    expected = style.std((2, 3), correction=0)
    torch.testing.assert_close(
        out.std((2, 3), correction=0), expected, rtol=1e-4, atol=0
    )  # eps beside a variance of 0.7


@pytest.mark.parametrize("size", [2, 8, 11])
def test_strength_and_sizes(size: int) -> None:
    """0 is the content, 1 the style in full, between them the mixture; for styles of other sizes."""
    content, _ = pair()
    style = torch.rand(3, 4, size, size + 1, dtype=torch.float64)
    assert torch.equal(adain(content, style, 0.0), content)
    full = adain(content, style, 1.0)
    torch.testing.assert_close(full.mean((2, 3)), style.mean((2, 3)))
    torch.testing.assert_close(adain(content, style, 0.3), 0.7 * content + 0.3 * full)


@pytest.mark.parametrize(("scale", "shift"), [(0.1, 0.0), (10.0, -3.0), (1000.0, 50.0)])
def test_contents_scale_is_lost(scale: float, shift: float) -> None:
    """A channel that is scaled by a positive number and shifted gives the same output, while eps is small beside it."""
    content, style = pair()
    plain = adain(content, style)
    assert (adain(scale * content + shift, style) - plain).abs().max() < 0.01  # at 0.1, eps is 1/1000 of the variance
    assert (adain(1e-3 * content, style) - plain).abs().max() > 0.5


def test_which_variance_cancels() -> None:
    """With n - 1 for both, maps of one size give the same, but for eps; maps of two sizes do not."""
    for size, is_same in [(6, True), (3, False)]:
        content, style = pair()
        style = style[..., :size, :size]
        out = adain(content, style, eps=1e-12)
        mean, style_mean = (x.mean((2, 3), keepdim=True) for x in (content, style))
        ratio = style.std((2, 3), keepdim=True) / content.std((2, 3), keepdim=True)
        assert torch.allclose((content - mean) * ratio + style_mean, out, rtol=1e-9) == is_same


def test_brightness_is_transferred(evidence) -> None:
    """Darkness: over 99% of images, digit found in over 90%. Blur: over 70% of images, over 8 points of digits lost."""
    runs = {name: torch.tensor(rows).mean(dim=0) for name, rows in evidence().items()}  # (strengths, 2)
    assert experiment.STRENGTHS[-1] == 1
    assert runs["darkened"][-1, 0] > 0.99
    assert runs["darkened"][-1, 1] > 0.9
    assert runs["blurred"][-1, 0] > 0.7
    assert runs["blurred"][-1, 1] < runs["blurred"][0, 1] - 0.08


def test_layout_is_not(evidence) -> None:
    """A mirrored style: more than at strength 0, and less than 30%. An inverted one costs over 30 points of digits."""
    runs = {name: torch.tensor(rows).mean(dim=0) for name, rows in evidence().items()}
    assert runs["mirrored"][0, 0] < runs["mirrored"][-1, 0] < 0.3
    assert runs["inverted"][-1, 1] < runs["inverted"][0, 1] - 0.3


def test_flat_channels_are_amplified() -> None:
    """Noise of 1/100 in a flat channel gets the style's standard deviation; a larger eps keeps it small."""
    torch.manual_seed(0)
    flat, style = 5 + 0.01 * torch.randn(1, 2, 16, 16), 3 * torch.randn(1, 2, 16, 16)
    assert adain(flat, style).std() > 0.8 * style.std()
    assert adain(flat, style, eps=0.1).std() < 0.1 * style.std()


def test_figure_shows_one_channel_of_one_image(evidence) -> None:
    """The framed channel of the framed sample, nothing else."""
    expected = torch.zeros(SHAPE, dtype=torch.bool)
    expected[PLACE[0], PLACE[1]] = True
    assert torch.equal(torch.tensor(evidence("axes"), dtype=torch.bool), expected)
