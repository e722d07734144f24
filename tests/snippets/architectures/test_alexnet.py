"""AlexNet: equal to torchvision, the two towers of 2012, and the claims of its page."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from snippets.architectures.alexnet.from_scratch import AlexNet
from snippets.architectures.alexnet.use import make_alexnet
from tests.support import oracles  # noqa: F401 - before torchvision
from tests.support.networks import numbers, parameters_of, same_logits


def small() -> tuple[nn.Module, Tensor]:
    """The form of the code, with 8 channels in its first layer."""
    return make_alexnet(width=8), torch.randn(2, 3, 20, 20)


def test_equals_torchvision() -> None:
    """Logits in both modes with torchvision's weights; both have 16 hidden units, so that it is fast."""
    from torchvision import models

    def theirs() -> nn.Module:
        model = models.alexnet(num_classes=10)
        model.classifier[1], model.classifier[4] = nn.Linear(256 * 36, 16), nn.Linear(16, 16)
        model.classifier[6] = nn.Linear(16, 10)
        return model

    shape = (2, 3, 160, 64)  # features of 4 by 1, for the pool
    same_logits(lambda: AlexNet(10, width=16), theirs, shape=shape)


def test_counts() -> None:
    """61,100,840 parameters, shape by shape torchvision's; the form of 2012 has 60,965,224."""
    from torchvision import models

    with torch.device("meta"):
        assert [p.shape for p in AlexNet().parameters()] == [p.shape for p in models.alexnet().parameters()]
    assert parameters_of(AlexNet) == 61_100_840
    assert parameters_of(lambda: AlexNet(paper=True)) == 60_965_224


def test_towers_are_groups() -> None:
    """A convolution in two groups is two convolutions, each of half the channels, and has half the weights."""
    torch.manual_seed(0)
    model = AlexNet(10, paper=True, width=8)
    convs = [layer for layer in model.features if isinstance(layer, nn.Conv2d)]
    assert [conv.groups for conv in convs] == [1, 2, 1, 2, 2]
    for layer in convs:
        if layer.groups == 2:
            x = torch.randn(2, layer.in_channels, 7, 7)
            halves = []
            for half, part in enumerate(x.chunk(2, dim=1)):
                tower = nn.Conv2d(layer.in_channels // 2, layer.out_channels // 2, layer.kernel_size[0], padding="same")
                tower.load_state_dict({name: p.chunk(2)[half] for name, p in layer.named_parameters()})
                halves.append(tower(part))
            torch.testing.assert_close(layer(x), torch.cat(halves, dim=1), rtol=1e-4, atol=1e-5)
            assert layer.weight.numel() == layer.in_channels * layer.out_channels * layer.kernel_size[0] ** 2 // 2


def test_place_of_dropout() -> None:
    """After the two hidden linear layers in the form of 2012, before them in torchvision's."""
    from torchvision import models

    with torch.device("meta"):
        heads = {True: AlexNet(paper=True).head, False: models.alexnet().classifier}
    for paper, head in heads.items():
        kept = [type(layer).__name__ for layer in head if not isinstance(layer, nn.ReLU)]
        hidden = ["Linear", "Dropout"] if paper else ["Dropout", "Linear"]
        assert kept == [*hidden, *hidden, "Linear"]


def test_norm_is_the_papers() -> None:
    """The layer divides by (2 + 1e-4 times the sum of squares of five channels) to the power 0.75."""
    x = 100 * numbers((1, 7, 2, 2), 3)
    norm = next(layer for layer in AlexNet(10, paper=True, width=8).features if isinstance(layer, nn.LocalResponseNorm))
    expected = torch.stack(
        [x[:, c] / (2 + 1e-4 * x[:, max(0, c - 2) : c + 3].square().sum(dim=1)) ** 0.75 for c in range(7)], dim=1
    )
    torch.testing.assert_close(norm(x), expected)


def test_size_of_the_first_layer() -> None:
    """55 pixels need a padding of 2 at 224, or 227 without; 224 without gives 54. Pools of 3 and stride 2 follow."""
    with torch.device("meta"):
        for size, padding, out in ((224, 2, 55), (227, 0, 55), (224, 0, 54)):
            conv = nn.Conv2d(3, 1, 11, stride=4, padding=padding)
            assert conv(torch.empty(1, 3, size, size)).shape[-1] == out
        x, sizes = torch.empty(1, 3, 224, 224), []
        for layer in AlexNet().features:
            x = layer(x)
            if isinstance(layer, nn.MaxPool2d):
                sizes.append(x.shape[-1])
    assert sizes == [27, 13, 6]


def test_shares(evidence: Any) -> None:
    """The linear layers have 96% of the parameters, the convolutions 92% of the 0.71 G multiply-adds."""
    kept = evidence()
    assert kept["multiply_adds"] == pytest.approx(0.714e9, rel=1e-3)
    linear = [row for name, row in kept["stages"].items() if name.startswith("linear")]
    assert sum(row["parameters"] for row in linear) / kept["parameters"] == pytest.approx(0.96, abs=0.001)
    assert sum(row["multiply_adds"] for row in linear) / kept["multiply_adds"] == pytest.approx(0.082, abs=0.001)


def test_field(evidence: Any) -> None:
    """After the last pooling a value sees 195 by 195 pixels, as a gradient with all weights 1 shows."""
    assert evidence()["stages"]["convolution 5"]["field"] == 195
    model = list(AlexNet(2, width=2).features)[:12]
    layers = [nn.AvgPool2d(3, 2) if isinstance(layer, nn.MaxPool2d) else layer for layer in model]
    for layer in layers:
        if isinstance(layer, nn.Conv2d):
            nn.init.constant_(layer.weight, 1 / layer.weight[0].numel())
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    x = torch.ones(1, 3, 288, 288, requires_grad=True)
    y = nn.Sequential(*layers, nn.AvgPool2d(3, 2))(x)
    (slope,) = torch.autograd.grad(y[0, 0, 3, 3], x)
    rows = slope[0, 0].sum(dim=1).nonzero()
    assert int(rows[-1] - rows[0] + 1) == 195


def test_accuracy_of_torchvision() -> None:
    """torchvision's weights: 56.5% top-1 and 79.1% top-5."""
    from torchvision import models

    metrics = models.AlexNet_Weights.IMAGENET1K_V1.meta["_metrics"]["ImageNet-1K"]
    assert (metrics["acc@1"], metrics["acc@5"]) == pytest.approx((56.5, 79.1), abs=0.05)


def test_small_images_are_too_small() -> None:
    """An image of 32 pixels ends in the error that the page quotes; 63 are the least. The form of the code takes 15."""
    model = AlexNet(10, width=8)
    for size in (32, 62):
        with pytest.raises(RuntimeError, match=r"Given input size.*Output size is too small"):
            model(torch.zeros(1, 3, size, size))
    assert model(torch.zeros(1, 3, 63, 63)).shape == (1, 10)
    ours = make_alexnet(width=8).eval()
    assert ours(torch.zeros(1, 3, 15, 15)).shape == (1, 10)
    with pytest.raises(RuntimeError, match="Output size is too small"):
        ours(torch.zeros(1, 3, 14, 14))


def test_weights_of_the_two_forms_do_not_fit() -> None:
    """Loading torchvision's weights into the form of 2012 is refused with the message that the page quotes."""
    from torchvision import models

    with torch.device("meta"):
        paper, theirs = AlexNet(paper=True), models.alexnet()
    with pytest.raises(RuntimeError, match=r"size mismatch for features\.0\.weight"):
        paper.load_state_dict(theirs.state_dict())
