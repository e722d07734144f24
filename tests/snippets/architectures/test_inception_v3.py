"""Inception v3: equal to torchvision and timm, counts, and the claims of its page."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from snippets.architectures.inception_v3.from_scratch import InceptionV3, halve
from snippets.architectures.inception_v3.use import conv_norm, factorized
from tests.support import oracles  # noqa: F401 - before torchvision
from tests.support.networks import parameters_of, same_logits


class Small(nn.Module):
    """One block with a factorized convolution and one that halves the map, and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.head = factorized(3, 16, 3), halve(16), nn.Linear(496, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.second(self.first(x)).mean(dim=(2, 3)))


def small() -> tuple[nn.Module, Tensor]:
    """All of it would take images of at least 75 pixels and more than 20 ms."""
    return Small(), torch.randn(2, 3, 16, 16)


def torchvisions(**options: bool) -> nn.Module:
    from torchvision import models

    return models.inception_v3(init_weights=False, **options)


def test_equals_torchvision() -> None:
    """Logits in both modes, with the same draws of dropout, and running statistics, without the auxiliary head."""
    same_logits(InceptionV3, lambda: torchvisions(aux_logits=False), shape=(2, 3, 96, 96))


def test_parameters() -> None:
    """23,834,568 as in timm and in torchvision without its auxiliary head, with which it has 27,161,264."""
    import timm

    assert parameters_of(InceptionV3) == 23_834_568 == parameters_of(lambda: torchvisions(aux_logits=False))
    assert parameters_of(lambda: timm.create_model("inception_v3")) == 23_834_568
    assert parameters_of(lambda: torchvisions(aux_logits=True)) == 27_161_264


@pytest.mark.parametrize(("kernel", "share"), [(3, 0.67), (5, 0.4), (7, 0.29)])
def test_factorized(kernel: int, share: float) -> None:
    """k by k as 1 by k and k by 1 has 2/k of the weights, sees the same pixels, and keeps the map's size."""
    whole, parts = conv_norm(8, 8, (kernel, kernel)), factorized(8, 8, kernel)
    weights = [sum(p.numel() for p in model.parameters() if p.dim() == 4) for model in (whole, parts)]
    assert weights[1] / weights[0] == pytest.approx(2 / kernel) == pytest.approx(share, abs=0.005)
    seen = []
    for model in (whole, parts):
        for module in model.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.ones_(module.weight)
        x = torch.ones(1, 8, 15, 15, requires_grad=True)
        out = model.eval()(x)
        assert out.shape == x.shape
        out[0, :, 7, 7].sum().backward()
        seen.append(x.grad[0, 0] != 0)
    assert torch.equal(*seen)
    assert seen[0].sum() == kernel**2


def test_two_small_for_one() -> None:
    """Two 3 x 3 have 28% fewer weights than a 5 x 5 of the same channels."""
    two = sum(conv_norm(8, 8, (3, 3))[0].weight.numel() for _ in range(2))
    assert two / conv_norm(8, 8, (5, 5))[0].weight.numel() == pytest.approx(0.72)


def test_even_kernels_are_refused() -> None:
    """Kernels of 2, 4 and 8 raise."""
    for kernel in (2, 4, 8):
        with pytest.raises(ValueError, match="kernel must be odd"):
            factorized(4, 4, kernel)


def test_table(evidence) -> None:
    """The sum, 5.7 G multiply-adds, is what torchvision publishes; maps of the blocks are as their names say."""
    from torchvision.models import Inception_V3_Weights

    numbers = evidence()
    assert numbers["multiply_adds"] / 1e9 == pytest.approx(Inception_V3_Weights.IMAGENET1K_V1.meta["_ops"], abs=0.001)
    assert numbers["multiply_adds"] / 1e9 == pytest.approx(5.7, abs=0.05)
    for name, shape in {"blocks35": [288, 35, 35], "blocks17": [768, 17, 17], "blocks8": [2048, 8, 8]}.items():
        assert numbers["stages"][name]["shape"] == shape
    assert numbers["stages"]["blocks8"]["field"] == numbers["stages"]["head"]["field"] == 1311


def test_smallest_image() -> None:
    """75 by 75 pixels suffice, 74 by 74 raise that error; in training with torchvision's head 299 and 298."""
    with torch.device("meta"):
        model = InceptionV3(classes=10).eval()
    assert model(torch.empty(1, 3, 75, 75, device="meta")).shape == (1, 10)
    with pytest.raises(RuntimeError, match="Kernel size can't be greater than actual input size"):
        model(torch.empty(1, 3, 74, 74, device="meta"))
    with torch.device("meta"):
        training = torchvisions(aux_logits=True).train()
    assert training(torch.empty(2, 3, 299, 299, device="meta")).logits.shape == (2, 1000)
    with pytest.raises(RuntimeError, match="Kernel size can't be greater than actual input size"):
        training(torch.empty(2, 3, 298, 298, device="meta"))


def test_accuracy_of_torchvision() -> None:
    """77.3% top-1 with crops of 299 by 299."""
    from torchvision.models import Inception_V3_Weights

    weights = Inception_V3_Weights.IMAGENET1K_V1
    assert weights.meta["_metrics"]["ImageNet-1K"]["acc@1"] == pytest.approx(77.3, abs=0.05)
    assert weights.transforms().crop_size == [299]


def test_two_scales_of_images() -> None:
    """torchvision's transform_input turns ImageNet's mean and spread into (x - 0.5) / 0.5 of the plain image."""
    model = torchvisions(aux_logits=False, transform_input=True)
    image = torch.rand(2, 3, 4, 4)
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))
    torch.testing.assert_close(model._transform_input((image - mean) / std), (image - 0.5) / 0.5)
