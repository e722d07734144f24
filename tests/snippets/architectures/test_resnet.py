"""ResNet: equal to torchvision and timm, counts of the paper and of torchvision, and the claims of its page."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from snippets.architectures.resnet.from_scratch import LAYERS, Block, ResNet
from snippets.architectures.resnet.use import Residual, resnet_for_small_images
from snippets.experiment import stages
from tests.support import oracles  # noqa: F401 - before torchvision
from tests.support.networks import parameters_of, same_logits


def small() -> tuple[nn.Module, Tensor]:
    """ResNet-18 of an eighth of the width."""
    return ResNet(18, classes=10, width=8), torch.randn(2, 3, 32, 32)


@pytest.mark.parametrize("depth", [18, 50])
def test_equals_torchvision(depth: int) -> None:
    """Logits in both modes, and the running statistics, with torchvision's weights."""
    from torchvision import models

    same_logits(lambda: ResNet(depth), lambda: getattr(models, f"resnet{depth}")(), shape=(2, 3, 64, 64))


def test_paper_form_equals_torchvision() -> None:
    """With the stride moved to the first convolution of torchvision's bottlenecks, the paper's form is the same."""
    from torchvision import models

    def original() -> nn.Module:
        model = models.resnet50()
        for module in model.modules():
            if hasattr(module, "conv3"):
                module.conv1.stride, module.conv2.stride = module.conv2.stride, module.conv1.stride
        return model

    same_logits(lambda: ResNet(50, paper=True), original, shape=(2, 3, 64, 64))


def test_parameters() -> None:
    """The five depths have as many parameters as torchvision's and timm's networks; the paper's form has as many."""
    import timm
    from torchvision import models

    expected = {18: 11_689_512, 34: 21_797_672, 50: 25_557_032, 101: 44_549_160, 152: 60_192_808}
    assert expected.keys() == LAYERS.keys()
    for depth, count in expected.items():
        assert parameters_of(lambda depth=depth: ResNet(depth)) == count
        assert parameters_of(lambda depth=depth: ResNet(depth, paper=True)) == count
        assert getattr(models, f"ResNet{depth}_Weights").IMAGENET1K_V1.meta["num_params"] == count
    assert parameters_of(lambda: timm.create_model("resnet50")) == expected[50]


def counted(depth: int, paper: bool) -> dict[str, Any]:
    with torch.device("meta"):
        model = ResNet(depth, paper=paper)
    rows = stages(model)
    return {"multiply_adds": sum(row["multiply_adds"] for row in rows.values()), "field": rows["head"]["field"]}


def test_where_the_stride_is() -> None:
    """ResNet-50: 4.09 G multiply-adds and a field of 427 in torchvision's form; 3.86 G and 483 in the paper's."""
    ours, papers = counted(50, False), counted(50, True)
    assert ours["multiply_adds"] / 1e9 == pytest.approx(4.09, abs=0.005)
    assert papers["multiply_adds"] / 1e9 == pytest.approx(3.86, abs=0.005)
    assert (ours["field"], papers["field"]) == (427, 483)
    field = 11  # after the stem: 7, and two more places of a jump of 2 for the pooling
    for stage, blocks in enumerate(LAYERS[50]):
        jump = 4 << stage
        field += 2 * jump * blocks - (jump if stage else 0)  # the stride comes with the first 3 x 3
    assert field == 427


def test_multiply_adds_are_torchvisions(evidence) -> None:
    """The table's sum is what torchvision publishes, for ResNet-50 and, counted here, ResNet-18."""
    from torchvision import models

    for depth, count in ((50, evidence()["multiply_adds"]), (18, counted(18, False)["multiply_adds"])):
        published = getattr(models, f"ResNet{depth}_Weights").IMAGENET1K_V1.meta["_ops"]
        assert count / 1e9 == pytest.approx(published, abs=0.001)


def test_stages(evidence) -> None:
    """Stage 4 holds 59% of parameters and 20% of multiply-adds; each stage halves the map and doubles the channels."""
    rows = evidence()["stages"]
    total = {key: sum(row[key] for row in rows.values()) for key in ("parameters", "multiply_adds")}
    assert rows["stage4"]["parameters"] / total["parameters"] == pytest.approx(0.59, abs=0.005)
    assert rows["stage4"]["multiply_adds"] / total["multiply_adds"] == pytest.approx(0.20, abs=0.005)
    shapes = [rows[f"stage{stage}"]["shape"] for stage in (1, 2, 3, 4)]
    assert shapes == [[256 << s, 56 >> s, 56 >> s] for s in range(4)]


def weights(block: nn.Module) -> int:
    return sum(m.weight.numel() for m in block.modules() if isinstance(m, nn.Conv2d))


def test_bottleneck_cost() -> None:
    """69,632 weights at 256 channels, as 17 d^2 of d = 64; two 3 x 3 at 256 have 17 times as many, at 64 73,728."""
    assert weights(Block(256, 64, 1, bottleneck=True)) == 69_632 == 17 * 64**2
    assert weights(Block(256, 256, 1, bottleneck=False)) == 1_179_648
    assert pytest.approx(17, abs=0.1) == 1_179_648 / 69_632
    assert weights(Block(64, 64, 1, bottleneck=False)) == 73_728


@pytest.mark.parametrize("make", [lambda: Residual(16, 16), lambda: Block(16, 4, 1, bottleneck=True)])
def test_zero_branch_passes_on(make) -> None:
    """Last gamma and beta 0: a block returns inputs that are not negative as they are, and gradients where x > 0."""
    torch.manual_seed(0)
    block = make()
    nn.init.zeros_(block.branch[-1].weight)
    x = torch.randn(4, 16, 6, 6).relu().requires_grad_()  # half of what a ReLU returns is 0
    out = block(x)
    assert torch.equal(out, x)
    grad = torch.randn_like(out)
    assert torch.equal(torch.autograd.grad(out, x, grad)[0], torch.where(x > 0, grad, 0))
    nn.init.ones_(block.branch[-1].bias)
    assert not torch.equal(block(x), x)


def test_small_images() -> None:
    """At 32 x 32, ImageNet's stem leaves one pixel before the mean; the stem of use.py 4 x 4."""
    x = torch.rand(2, 3, 32, 32)
    usual, small_stem = ResNet(18, classes=10, width=8), resnet_for_small_images(10, width=8)
    assert nn.Sequential(*list(usual.children())[:-1])(x).shape[2:] == (1, 1)
    assert small_stem[:-3](x).shape[2:] == (4, 4)
    assert all(torch.equal(b.branch[-1].weight, torch.zeros_like(b.branch[-1].weight)) for b in small_stem[3:-3])


def test_grey_images() -> None:
    """One channel is refused; expanded to three, the same images pass through both networks of the page."""
    grey = torch.rand(2, 1, 32, 32)
    for model in (resnet_for_small_images(10, width=8), ResNet(18, classes=10, width=8)):
        with pytest.raises(RuntimeError, match="to have 3 channels, but got 1 channels"):
            model(grey)
        assert model(grey.expand(-1, 3, -1, -1)).shape == (2, 10)


@pytest.mark.parametrize(("out", "stride", "a", "b"), [(32, 1, 16, 32), (16, 2, 32, 16), (32, 2, 32, 16)])
def test_missing_projection(out: int, stride: int, a: int, b: int) -> None:
    """A block that changes channels, size or both without a projection raises that error."""
    block = Residual(16, out, stride)
    block.shortcut = nn.Identity()
    with pytest.raises(RuntimeError, match=rf"The size of tensor a \({a}\) must match the size of tensor b \({b}\)"):
        block(torch.rand(2, 16, 32, 32))


def test_other_head() -> None:
    """A state of 1,000 classes does not load into 10, with strict=False neither; without the last layer's it does.

    torchvision's network, loaded with its old head, then takes a new one.
    """
    from torchvision import models

    state = ResNet(18, width=8).state_dict()
    model = ResNet(18, classes=10, width=8)
    for strict in (True, False):
        with pytest.raises(RuntimeError, match=r"size mismatch for head\.2\.weight"):
            model.load_state_dict(state, strict=strict)
    kept = {name: value for name, value in state.items() if not name.startswith("head.2.")}
    assert set(model.load_state_dict(kept, strict=False).missing_keys) == {"head.2.weight", "head.2.bias"}
    theirs = models.resnet18()
    theirs.load_state_dict(models.resnet18().state_dict())
    with pytest.raises(RuntimeError, match=r"size mismatch for fc\.weight"):
        models.resnet18(num_classes=10).load_state_dict(theirs.state_dict(), strict=False)
    theirs.fc = nn.Linear(theirs.fc.in_features, 10)
    assert theirs(torch.rand(2, 3, 32, 32)).shape == (2, 10)


def test_degradation_on_digits(evidence) -> None:
    """In each seed: plain gets worse from 2 to 8 to 24 layers; residual is better than plain at each depth."""
    plain, residual = (torch.tensor([*evidence("depth")[name].values()]) for name in ("plain", "residual"))
    assert (plain.diff(dim=0) > 0).all()
    assert (residual < plain).all()
    assert residual.mean(dim=1)[2] < plain.mean(dim=1)[1]  # 24 layers with, below 8 without
    assert 1 > residual.mean(dim=1)[2] > residual.mean(dim=1)[0]
    assert plain[-1].min() > 2.2
