"""VGG: equal to torchvision, counted parameters and costs, and the claims of its page."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from snippets.architectures.vgg.from_scratch import VGG
from snippets.architectures.vgg.use import frozen_features, make_vgg
from tests.support import oracles  # noqa: F401 - before torchvision
from tests.support.networks import parameters_of, same_logits


def small() -> tuple[nn.Module, Tensor]:
    """The form of the code, with three short stages."""
    return make_vgg(convs=(1, 1, 2), width=4), torch.randn(2, 3, 16, 16)


@pytest.mark.parametrize(("depth", "norm"), [(11, False), (19, True)])
def test_equals_torchvision(depth: int, norm: bool) -> None:
    """Logits in both modes with torchvision's weights; both networks have 8 hidden units, so that it is fast."""
    from torchvision import models

    def theirs() -> nn.Module:
        model = getattr(models, f"vgg{depth}{'_bn' * norm}")(num_classes=10)
        model.classifier[0], model.classifier[3] = nn.Linear(512 * 7 * 7, 8), nn.Linear(8, 8)
        model.classifier[6] = nn.Linear(8, 10)
        return model

    shape = (2, 3, 64, 32)  # features of 2 by 1, for the pool
    same_logits(lambda: VGG(depth, 10, norm, width=8), theirs, shape=shape)


@pytest.mark.parametrize("norm", [False, True])
def test_counts(norm: bool) -> None:
    """Parameters of all four networks, with and without batch normalization, equal torchvision's, shape by shape."""
    from torchvision import models

    published = {11: 132_863_336, 13: 133_047_848, 16: 138_357_544, 19: 143_667_240}
    with torch.device("meta"):
        for depth, count in published.items():
            theirs = getattr(models, f"vgg{depth}{'_bn' * norm}")()
            ours = VGG(depth, norm=norm)
            assert [p.shape for p in ours.parameters()] == [p.shape for p in theirs.parameters()]
            assert norm or parameters_of(lambda depth=depth: VGG(depth)) == count  # type: ignore[misc]


def test_small_kernels_see_as_far() -> None:
    """k convolutions of 3×3 see 2 k + 1 pixels; with C channels they have 9 k C² weights, one kernel (2 k + 1)² C²."""
    for count in range(1, 7):
        net = nn.Sequential(*(nn.Conv2d(1, 1, 3, padding=1, bias=False) for _ in range(count)))
        for parameter in net.parameters():
            nn.init.ones_(parameter)
        x = torch.zeros(1, 1, 21, 21, requires_grad=True)
        (slope,) = torch.autograd.grad(net(x)[0, 0, 10, 10], x)
        assert int((slope != 0).sum()) == (2 * count + 1) ** 2
        for channels in (8, 64):
            stacked = count * nn.Conv2d(channels, channels, 3, bias=False, device="meta").weight.numel()
            single = nn.Conv2d(channels, channels, 2 * count + 1, bias=False, device="meta").weight.numel()
            assert (stacked, single) == (9 * count * channels**2, (2 * count + 1) ** 2 * channels**2)
            assert count != 3 or single / stacked == pytest.approx(49 / 27)


def test_where_it_is_heavy(evidence: Any) -> None:
    """15.5 G multiply-adds; the last three layers have 89% of the parameters and under 1% of the multiply-adds."""
    kept = evidence()
    assert kept["multiply_adds"] == pytest.approx(15.47e9, rel=1e-3)
    head = kept["stages"]["head"]
    assert head["parameters"] / kept["parameters"] == pytest.approx(0.894, abs=0.001)
    assert head["multiply_adds"] / kept["multiply_adds"] < 0.01


def test_first_stages_hold_the_activations(evidence: Any) -> None:
    """The first stage holds 48% of all activations, the first two 71%."""
    kept = evidence()
    first, second = (kept["stages"][f"stage {place}"]["activations"] / kept["activations"] for place in (1, 2))
    assert first == pytest.approx(0.476, abs=0.003)
    assert first + second == pytest.approx(0.714, abs=0.003)


def test_multiply_adds_equal_torchvisions() -> None:
    """torchvision states 15.47 G multiply-adds and 138,357,544 parameters for VGG-16."""
    from torchvision import models

    meta = models.VGG16_Weights.IMAGENET1K_V1.meta
    assert (meta["_ops"], meta["num_params"]) == (15.47, 138_357_544)


def test_accuracies_of_torchvision() -> None:
    """71.6% without and 73.4% with batch normalization; ResNet-50, same recipe, 76.1% with 25.6 M and 4.1 G."""
    from torchvision import models

    names = ("VGG16_Weights", "VGG16_BN_Weights", "ResNet50_Weights")
    metas = [getattr(models, name).IMAGENET1K_V1.meta for name in names]
    accuracies = [meta["_metrics"]["ImageNet-1K"]["acc@1"] for meta in metas]
    assert accuracies == pytest.approx([71.6, 73.4, 76.1], abs=0.05)
    assert metas[2]["num_params"] / 1e6 == pytest.approx(25.6, abs=0.05)
    assert metas[2]["_ops"] == pytest.approx(4.1, abs=0.05)


def test_form_of_the_code_is_a_tenth() -> None:
    """The form for small images has 14.7 M parameters, 89% less than VGG-16, and takes 32 pixels and more."""
    count = parameters_of(make_vgg)
    assert count == 14_724_042
    assert 1 - count / parameters_of(VGG) == pytest.approx(0.89, abs=0.005)
    with torch.device("meta"):
        model = make_vgg().eval()
        for size in (32, 48, 100):
            assert model(torch.empty(1, 3, size, size)).shape == (1, 10)


def test_signal_is_lost(evidence: Any) -> None:
    """With torch's default two images differ by under 1e-6 after 16 convolutions, with Kaiming by over 0.05."""
    signal = evidence()["signal"]
    assert len(signal["Kaiming"]) == len(signal["torch's default"]) == 16
    assert signal["torch's default"][-1] < 1e-6
    assert signal["Kaiming"][-1] > 0.05


def test_wrong_size_without_the_pool() -> None:
    """Without the averaging to 7 by 7, an image of 160 pixels gives the error that the page quotes."""
    with torch.device("meta"):
        model = VGG(11)
        x = torch.empty(1, 3, 160, 160)
        assert model(x).shape == (1, 1000)
        model.pool = nn.Identity()  # type: ignore[assignment]
        assert model(torch.empty(1, 3, 224, 224)).shape == (1, 1000)
    with pytest.raises(RuntimeError, match="mat1 and mat2 shapes cannot be multiplied"):
        nn.Linear(25088, 1)(torch.zeros(1, 512, 5, 5).flatten(1))


def test_relu_in_place_changes_kept_features() -> None:
    """A ReLU in place overwrites the kept output of the layer before; `frozen_features` leaves it as it was."""
    torch.manual_seed(0)
    model, x = make_vgg(convs=(1, 1), width=4), torch.randn(2, 3, 8, 8)
    model.eval()
    kept = model[1](model[0](x))
    before = kept.clone()
    model[2](kept)
    assert not torch.equal(kept, before)
    features = frozen_features(make_vgg(convs=(1, 1), width=4), 3)
    kept = features[1](features[0](x))
    before = kept.clone()
    features[2](kept)
    assert torch.equal(kept, before)
    assert not any(p.requires_grad for p in features.parameters())
    image = x.clone().requires_grad_()
    features(image).sum().backward()
    assert image.grad is not None
