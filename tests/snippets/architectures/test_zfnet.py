"""ZFNet: counts by hand, and its way back to the pixels against gradients and unpooling."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from snippets.architectures.zfnet.from_scratch import Contrast, ZFNet
from snippets.architectures.zfnet.use import project
from tests.support.networks import parameters_of


def small() -> tuple[nn.Module, Tensor]:
    """A sixteenth of the width; images of 64 pixels, for smaller ones vanish in the last pooling."""
    return ZFNet(classes=10, side=64, width=1 / 16, dropout=0.0), torch.randn(2, 3, 64, 64)


def test_sides_of_the_maps() -> None:
    """From 224 pixels, behind each convolution and pooling, as in the paper's figure 3."""
    with torch.device("meta"):
        model = ZFNet().eval()
    x, sides = torch.empty(1, 3, 224, 224, device="meta"), []
    for layer in (*model.layer1, *model.layer2, *model.layers345):
        x = layer(x)
        if isinstance(layer, nn.Conv2d | nn.MaxPool2d):
            sides.append(x.shape[-1])
    assert sides == [110, 55, 26, 13, 13, 13, 13, 6]
    assert model(torch.empty(1, 3, 224, 224, device="meta")).shape == (1, 1000)


def test_parameters() -> None:
    """62,357,608, from the figure's kernels, channels and sides."""
    convolutions = [(3, 96, 7), (96, 256, 5), (256, 384, 3), (384, 384, 3), (384, 256, 3)]
    linear = [(256 * 6 * 6, 4096), (4096, 4096), (4096, 1000)]
    by_hand = sum((i * k * k + 1) * o for i, o, k in convolutions) + sum((i + 1) * o for i, o in linear)
    assert parameters_of(ZFNet) == by_hand == 62_357_608


def test_contrast() -> None:
    """As torch's local response normalization."""
    torch.manual_seed(0)
    x = 30 * torch.randn(2, 9, 4, 4)
    torch.testing.assert_close(Contrast()(x), nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2.0)(x))


def test_shares(evidence: Any) -> None:
    """1.17 billion multiply-adds; 94% of the parameters are in the linear layers."""
    found = evidence()
    assert found["multiply_adds"] / 1e9 == pytest.approx(1.17, abs=0.005)
    assert found["stages"]["head"]["parameters"] / found["parameters"] == pytest.approx(0.94, abs=0.005)


def test_accuracy_on_digits(evidence: Any) -> None:
    """Over 90% of the digits that it was trained on."""
    assert evidence()["accuracy"] > 0.9


def test_back_to_the_maximum() -> None:
    """One pooling, with and without overlap: the value stands where the maximum was, all else is 0."""
    torch.manual_seed(0)
    rounded_up = torch.zeros(1, 1, 4, 4)
    rounded_up[..., 3, 3] = 1  # a window of 3 with stride 2 reaches it only where sides are rounded up
    assert torch.equal(project([nn.MaxPool2d(3, 2, ceil_mode=True)], rounded_up, 0), rounded_up)
    for kernel, stride, padding in ((2, 2, 0), (3, 2, 0), (3, 2, 1)):
        x = torch.rand(3, 2, 9, 9)
        back = project([nn.MaxPool2d(kernel, stride, padding)], x, 1)
        values, places = F.max_pool2d(x, kernel, stride, padding, return_indices=True)
        best = values[:, 1].flatten(1).amax(1)  # the last row and column of 9 are in no window of 2
        assert torch.equal(back[:, 1].flatten(1).amax(1), best)
        assert ((back != 0).flatten(1).sum(1) == 1).all()
        assert torch.equal(back[back != 0], x[back != 0])
        only = torch.where(values == best.view(3, 1, 1, 1), values, 0.0)
        if stride == kernel:  # without overlap no place is named twice
            assert torch.equal(back, nn.MaxUnpool2d(kernel, stride, padding)(only, places, output_size=x.shape[2:]))


def network(rectified: bool) -> list[nn.Module]:
    torch.manual_seed(1)
    act = nn.ReLU if rectified else nn.Identity
    first = [nn.Conv2d(3, 8, 5, 2, 1), act(), nn.MaxPool2d(3, 2, 1), nn.Conv2d(8, 8, 3, padding=1, groups=2), act()]
    return [*first, nn.MaxPool2d(2), nn.Conv2d(8, 6, 3, dilation=2, padding=2)]


def gradient(layers: list[nn.Module], x: Tensor, channel: int) -> Tensor:
    """Of the strongest activation of the channel, times the activation, for each image."""
    x = x.clone().requires_grad_()
    best = nn.Sequential(*layers)(x)[:, channel].flatten(1).amax(1)
    return torch.autograd.grad(best.square().sum() / 2, x)[0]


def test_gradient_of_a_linear_network() -> None:
    """Equal without ReLUs, whatever the kernel, stride, groups and dilation; with ReLUs they differ."""
    x = torch.randn(3, 3, 40, 40)
    for channel in range(6):
        back = project(network(False), x, channel)
        torch.testing.assert_close(back, gradient(network(False), x, channel), rtol=1e-4, atol=1e-6)
    layers = network(True)
    assert not torch.allclose(project(layers, x, 0), gradient(layers, x, 0), rtol=0.1)


def test_stays_in_the_field() -> None:
    """7 x 7, pooling of 3, 5 x 5, each with stride 2: 27 pixels a side from 8 p - 3 on, and for some images all."""
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 16, 7, 2, 1), nn.ReLU(), nn.MaxPool2d(3, 2, 1), nn.Conv2d(16, 32, 5, 2), nn.ReLU()]
    widest = 0
    for channel in range(8):
        x = torch.rand(4, 3, 64, 64)
        answers = nn.Sequential(*layers)(x)[:, channel]
        for image, answer in zip(project(layers, x, channel), answers, strict=True):
            touched = image.abs().sum(0).nonzero()
            if len(touched):
                first = 8 * torch.tensor(divmod(int(answer.argmax()), answer.shape[1])) - 3
                assert (touched >= first).all()
                assert (touched < first + 27).all()
                widest = max(widest, int((touched.amax(0) - touched.amin(0) + 1).max()))
    assert widest == 27


def test_refuses_means() -> None:
    """Of a fixed window and of a fixed number of outputs."""
    for mean in (nn.AvgPool2d(2), nn.AdaptiveAvgPool2d(1)):
        with pytest.raises(ValueError, match="a mean has no place to go back to"):
            project([nn.Conv2d(3, 4, 3), mean], torch.rand(1, 3, 8, 8), 0)
