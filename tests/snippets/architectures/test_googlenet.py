"""GoogLeNet: equal to torchvision, counts of both forms, and the claims of its page."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from snippets.architectures.googlenet.from_scratch import BLOCKS, GoogLeNet, Inception
from snippets.architectures.googlenet.use import SmallInception, loss_of_both
from tests.support import oracles  # noqa: F401 - before torchvision
from tests.support.networks import parameters_of, same_logits


def small() -> tuple[nn.Module, Tensor]:
    """All of GoogLeNet, on small images."""
    return GoogLeNet(classes=10), torch.randn(2, 3, 48, 48)


def torchvisions(**options: bool) -> nn.Module:
    from torchvision import models

    return models.googlenet(init_weights=False, **options)


def test_equals_torchvision() -> None:
    """Logits in both modes, with the same draws of dropout, and running statistics, without auxiliary heads."""
    same_logits(GoogLeNet, lambda: torchvisions(aux_logits=False), shape=(2, 3, 64, 64))


def test_parameters() -> None:
    """6,624,904 as torchvision's, 13,004,888 with its two heads, 7,005,832 with 5 x 5; AlexNet's are 9.2 times."""
    from torchvision import models

    assert parameters_of(GoogLeNet) == 6_624_904 == parameters_of(lambda: torchvisions(aux_logits=False))
    assert parameters_of(lambda: torchvisions(aux_logits=True)) == 13_004_888
    assert parameters_of(lambda: GoogLeNet(kernel=5)) == 7_005_832
    assert parameters_of(models.alexnet) / 6_624_904 == pytest.approx(9.2, abs=0.05)


def test_reduction() -> None:
    """The first block's 1 x 1, 3 x 3 and 5 x 5 have 157,184 weights; without reduction they would have 2.5 times."""
    block = Inception(192, BLOCKS["inception3"][0], kernel=5)
    branches = nn.ModuleList([block.point, block.middle, block.wide])
    weights = sum(m.weight.numel() for m in branches.modules() if isinstance(m, nn.Conv2d))
    assert weights == 157_184
    direct = nn.ModuleList([nn.Conv2d(192, 64, 1), nn.Conv2d(192, 128, 3), nn.Conv2d(192, 32, 5)])
    assert sum(m.weight.numel() for m in direct) / weights == pytest.approx(2.5, abs=0.05)


@pytest.mark.parametrize("kernel", [3, 5])
def test_branches_are_side_by_side(kernel: int) -> None:
    """For each of the nine blocks: channels of the output are the sum of four branches, and the map keeps its size."""
    channels = 192
    for blocks in BLOCKS.values():
        for widths in blocks:
            with torch.device("meta"):
                block, x = Inception(channels, widths, kernel), torch.empty(2, channels, 7, 7)
            channels = widths[0] + widths[2] + widths[4] + widths[5]
            assert block(x).shape == (2, channels, 7, 7)
    assert channels == 1024


def test_table(evidence) -> None:
    """The sum of multiply-adds is torchvision's, 1.5 billion; the last layer holds 15% of the parameters."""
    from torchvision.models import GoogLeNet_Weights

    numbers = evidence()
    assert numbers["multiply_adds"] / 1e9 == pytest.approx(GoogLeNet_Weights.IMAGENET1K_V1.meta["_ops"], abs=0.001)
    assert numbers["multiply_adds"] / 1e9 == pytest.approx(1.5, abs=0.05)
    assert numbers["stages"]["head"]["parameters"] / numbers["parameters"] == pytest.approx(0.15, abs=0.006)


def test_auxiliary_head() -> None:
    """It adds to the gradient of the layers below it and to no other, and evaluation does without it."""
    torch.manual_seed(0)
    model, x = SmallInception(10, width=32).double(), torch.rand(4, 3, 16, 16, dtype=torch.float64)
    y = torch.tensor([0, 1, 2, 3])
    gradients = []
    for weight in (0.0, 0.3):
        model.zero_grad()
        loss_of_both(model(x), y, weight).backward()
        gradients.append({name: p.grad.clone() for name, p in model.named_parameters()})
    for name, gradient in gradients[0].items():
        same = torch.allclose(gradient, gradients[1][name], rtol=1e-6, atol=1e-10)
        assert same == name.startswith(("second", "head")), name
    model.eval()
    before = model(x)
    nn.init.zeros_(model.auxiliary[-1].weight)
    assert torch.equal(model(x), before)


def test_accuracies_of_torchvision() -> None:
    """69.8% with 6.6 M parameters; ResNet-18 the same with 11.7 M and 1.8 G; ResNet-50 76.1%."""
    from torchvision import models

    names = ("GoogLeNet_Weights", "ResNet18_Weights", "ResNet50_Weights")
    metas = [getattr(models, name).IMAGENET1K_V1.meta for name in names]
    accuracies = [meta["_metrics"]["ImageNet-1K"]["acc@1"] for meta in metas]
    assert accuracies == pytest.approx([69.8, 69.8, 76.1], abs=0.05)
    assert (metas[1]["num_params"] / 1e6, metas[1]["_ops"]) == pytest.approx((11.7, 1.8), abs=0.05)


def test_torchvision_returns_a_tuple() -> None:
    """In train mode torchvision's network with its heads returns no tensor, and cross_entropy raises that error."""
    with torch.device("meta"):
        model, x = torchvisions(aux_logits=True), torch.empty(2, 3, 64, 64)
        outputs = model(x)
        assert type(outputs).__name__ == "GoogLeNetOutputs"
        assert outputs._fields == ("logits", "aux_logits2", "aux_logits1")
        with pytest.raises(TypeError, match="must be Tensor, not GoogLeNetOutputs"):
            F.cross_entropy(outputs, torch.zeros(2, dtype=torch.long))
        assert isinstance(model.eval()(x), Tensor)
