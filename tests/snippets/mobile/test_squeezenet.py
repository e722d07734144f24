"""SqueezeNet: equal to torchvision, its counts, and the claims of its page."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from snippets.experiment import stages
from snippets.mobile.squeezenet.from_scratch import Fire, SqueezeNet
from snippets.mobile.squeezenet.use import small_network
from tests.support import oracles  # noqa: F401 - before torchvision
from tests.support.networks import parameters_of, same_logits

VERSIONS = {"1.0": "squeezenet1_0", "1.1": "squeezenet1_1"}


def small() -> tuple[nn.Module, Tensor]:
    """Version 1.1 on small images."""
    return SqueezeNet("1.1", classes=10, dropout=0.0), torch.randn(2, 3, 32, 32)


@pytest.mark.parametrize("version", VERSIONS)
def test_equals_torchvision(version: str) -> None:
    """Logits in both modes, with torchvision's weights."""
    from torchvision import models

    same_logits(lambda: SqueezeNet(version), getattr(models, VERSIONS[version]))


def rows_of(version: str) -> dict[str, dict[str, Any]]:
    with torch.device("meta"):
        return stages(SqueezeNet(version))


def test_counts(evidence: Any) -> None:
    """Both versions: parameters and multiply-adds of torchvision; 1.1 does 43% of the work of 1.0."""
    from torchvision import models

    totals = {}
    for version, parameters in {"1.0": 1_248_424, "1.1": 1_235_496}.items():
        meta = getattr(models, f"SqueezeNet{version.replace('.', '_')}_Weights").IMAGENET1K_V1.meta
        assert parameters_of(lambda version=version: SqueezeNet(version)) == parameters == meta["num_params"]
        totals[version] = sum(row["multiply_adds"] for row in rows_of(version).values())
        assert totals[version] / 1e9 == pytest.approx(meta["_ops"], abs=0.0006)
    assert totals["1.0"] == evidence()["multiply_adds"]
    assert totals["1.1"] / totals["1.0"] == pytest.approx(0.43, abs=0.005)


def test_alexnet_has_49_times_as_many() -> None:
    """Parameters of torchvision's AlexNet, over those of 1.0; the multiply-adds are 15% more than AlexNet's."""
    from torchvision import models

    meta = models.AlexNet_Weights.IMAGENET1K_V1.meta
    assert meta["num_params"] / parameters_of(SqueezeNet) == pytest.approx(49, abs=0.2)
    assert models.SqueezeNet1_0_Weights.IMAGENET1K_V1.meta["_ops"] / meta["_ops"] == pytest.approx(1.15, abs=0.01)


def test_cost_of_a_fire_module() -> None:
    """c s + 10 s e weights for 60 random modules; a 3 x 3 convolution to as many outputs has 18 c e."""
    chance = random.Random(0)
    for _ in range(60):
        c, s, e = (chance.randint(1, 200) for _ in range(3))
        with torch.device("meta"):
            fire, full = Fire(c, s, e), nn.Conv2d(c, 2 * e, 3)
        assert sum(m.weight.numel() for m in fire.modules() if isinstance(m, nn.Conv2d)) == c * s + 10 * s * e
        assert full.weight.numel() == 18 * c * e
    assert 128 * 16 + 10 * 16 * 64 == 12_288
    assert 18 * 128 * 64 == 147_456


def test_logits_are_not_negative() -> None:
    """With torchvision's order the last ReLU stands before the mean: no logit is below 0, in torchvision's as in ours;
    where all stay at 0 the loss is log C and no parameter gets a gradient. Without the ReLU both are cured."""
    from torchvision import models

    torch.manual_seed(0)
    x = torch.randn(4, 3, 64, 64)
    for model in (SqueezeNet("1.1", classes=10, dropout=0.0), models.squeezenet1_1(num_classes=10, dropout=0.0)):
        assert (model(x) >= 0).all()
    model = SqueezeNet("1.1", classes=10, dropout=0.0)
    nn.init.constant_(model.head[1].bias, -100.0)
    targets = torch.randint(10, (4,))
    loss = F.cross_entropy(model(x), targets)
    loss.backward()
    assert loss.item() == pytest.approx(torch.tensor(10.0).log().item())
    assert all((p.grad == 0).all() for p in model.parameters())
    model.head[2] = nn.Identity()  # and nothing else: the bias stays at -100
    F.cross_entropy(model(x), targets).backward()
    assert any((p.grad != 0).any() for p in model.parameters())
    assert (model(x) < 0).any()
    assert (small_network(10)(x) < 0).any()
