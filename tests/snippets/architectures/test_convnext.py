"""ConvNeXt: equal to torchvision, counts of the paper and of torchvision, and the claims of its page."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from snippets.architectures.convnext.from_scratch import VARIANTS, Block, ChannelNorm, ConvNeXt
from snippets.architectures.convnext.use import Block as SmallBlock
from snippets.architectures.convnext.use import convnext_for_small_images, decay_groups
from snippets.experiment import Stages
from tests.support import oracles  # noqa: F401 - before torchvision
from tests.support.networks import numbers, parameters_of, same_logits


def small() -> tuple[nn.Module, Tensor]:
    """Four stages of one block, an eighth of the width, and 64 by 64 pixels."""
    return ConvNeXt(width=12, blocks=(1, 1, 1, 1), classes=10), torch.randn(2, 3, 64, 64)


def test_equals_torchvision() -> None:
    """T: logits in both modes, with torchvision's weights."""
    from torchvision import models

    same_logits(ConvNeXt, models.convnext_tiny, rename=theirs_by_ours(), shape=(2, 3, 64, 64))


def theirs_by_ours() -> Any:
    """Our names to torchvision's: both register alike but for the place of the layer scale."""
    from torchvision import models

    with torch.device("meta"):
        names = {kind: list(make().state_dict()) for kind, make in (("our", ConvNeXt), ("their", models.convnext_tiny))}
    scales = {kind: [n for n in found if n.endswith("scale")] for kind, found in names.items()}
    others = {kind: [n for n in found if not n.endswith("scale")] for kind, found in names.items()}
    table = dict(zip(scales["our"] + others["our"], scales["their"] + others["their"], strict=True))
    return table.__getitem__


def test_parameters(monkeypatch: pytest.MonkeyPatch, evidence: Any) -> None:
    """T, S, B and L have as many parameters as torchvision's; T as many as timm's and as the experiment counts."""
    import timm
    from torchvision import models

    for name in ("trunc_normal_", "kaiming_uniform_"):  # what fills the weights takes most of the time
        monkeypatch.setattr(nn.init, name, lambda tensor, *_, **__: tensor)
    names = {"T": "Tiny", "S": "Small", "B": "Base", "L": "Large"}
    assert names.keys() == VARIANTS.keys()
    for variant, name in names.items():
        ours = parameters_of(lambda variant=variant: ConvNeXt(*VARIANTS[variant]))
        assert ours == getattr(models, f"ConvNeXt_{name}_Weights").IMAGENET1K_V1.meta["num_params"]
    tiny = parameters_of(ConvNeXt)
    assert tiny == 28_589_128 == evidence()["parameters"]
    assert tiny == parameters_of(lambda: timm.create_model("convnext_tiny"))


def test_new_last_layer() -> None:
    """Where torchvision and timm have the last linear layer: a new one there gives the new number of logits."""
    import timm
    from torchvision import models

    with torch.device("meta"):
        theirs, timms, x = models.convnext_tiny(), timm.create_model("convnext_tiny"), torch.rand(2, 3, 64, 64)
        for head, name in ((theirs.classifier, "2"), (timms.head, "fc")):
            old = head.get_submodule(name)
            assert isinstance(old, nn.Linear)
            setattr(head, name, nn.Linear(old.in_features, 10))
        assert theirs(x).shape == timms(x).shape == (2, 10)


def test_multiply_adds(evidence: Any) -> None:
    """The sum is torchvision's, and 4.5 billion as in the paper."""
    from torchvision import models

    published = models.ConvNeXt_Tiny_Weights.IMAGENET1K_V1.meta["_ops"]
    assert evidence()["multiply_adds"] / 1e9 == pytest.approx(published, abs=0.001)
    assert evidence()["multiply_adds"] / 1e9 == pytest.approx(4.5, abs=0.05)


def test_stage_three(evidence: Any) -> None:
    """Stage 3 takes 47% of the multiply-adds, each other stage 16 or 17%; stage 4 holds half of the parameters."""
    assert VARIANTS["T"][1] == (3, 3, 9, 3)  # three times as many blocks in stage 3
    rows, total = evidence()["stages"], evidence()
    shares = [rows[f"stage{stage}"]["multiply_adds"] / total["multiply_adds"] for stage in (1, 2, 3, 4)]
    assert [round(share, 2) for share in shares] == [0.17, 0.16, 0.47, 0.16]
    assert rows["stage4"]["parameters"] / total["parameters"] == pytest.approx(0.50, abs=0.005)


@pytest.mark.parametrize(("channels", "more"), [(96, 0.0515), (192, 0.0259), (384, 0.0130), (768, 0.0065)])
def test_cost_of_a_block(channels: int, more: float) -> None:
    """c (49 + 8 c) multiply-adds a pixel; the step from a kernel of 3 to one of 7 adds 5.1% to 0.7%."""
    size = 14
    with torch.device("meta"):
        counter = Stages(Block(channels))
    counter.run(torch.empty(1, channels, size, size, device="meta"))
    counted = sum(row["multiply_adds"] for row in counter.rows.values())
    assert counted == size**2 * channels * (49 + 8 * channels)
    assert (49 + 8 * channels) / (9 + 8 * channels) - 1 == pytest.approx(more, abs=1e-4)


def test_starts_as_the_identity() -> None:
    """With its initial scale of 1e-6, each block of a new ConvNeXt-T changes its input by less than a millionth."""
    torch.manual_seed(0)
    model, x = ConvNeXt(), torch.rand(2, 3, 64, 64)
    seen = []
    for module in model.modules():
        if isinstance(module, Block):
            module.register_forward_hook(
                lambda _, given, out: seen.append(((out - given[0]).norm() / given[0].norm()).item())
            )
    model.eval()(x)
    assert len(seen) == 18
    assert max(seen) < 1e-6


def test_linear_layers_are_convolutions() -> None:
    """Both linear layers as 1x1 convolutions with the same weights: the block computes the same."""
    torch.manual_seed(0)
    block, x = Block(8, scale=1.0).double().eval(), torch.randn(2, 8, 9, 9, dtype=torch.float64)
    expand, narrow = nn.Conv2d(8, 32, 1).double(), nn.Conv2d(32, 8, 1).double()
    with torch.no_grad():
        for conv, linear in ((expand, block.expand), (narrow, block.narrow)):
            conv.load_state_dict({"weight": linear.weight[:, :, None, None], "bias": linear.bias})
        norm = ChannelNorm(8, eps=1e-6).double()
        norm.load_state_dict(block.norm.state_dict())
        y = x + narrow(nn.functional.gelu(expand(norm(block.depthwise(x)))))
        torch.testing.assert_close(block(x), y)


def test_small_block_is_the_same_block() -> None:
    """The block of use.py computes what the block from scratch does, in its output and in all gradients."""
    torch.manual_seed(0)
    ours, theirs = SmallBlock(8, scale=0.5).double(), Block(8, scale=0.5).double()
    with torch.no_grad():
        for target, source in ((theirs.depthwise, ours.depthwise), (theirs.norm, ours.mix[0])):
            target.load_state_dict(source.state_dict())
        theirs.expand.load_state_dict(ours.mix[1].state_dict())
        theirs.narrow.load_state_dict(ours.mix[3].state_dict())
    x = numbers((2, 8, 9, 9), 1).double()
    torch.testing.assert_close(ours(x), theirs(x))
    for model in (ours, theirs):
        model(x).square().sum().backward()
    torch.testing.assert_close(ours.scale.grad, theirs.scale.grad.flatten())
    torch.testing.assert_close(ours.depthwise.weight.grad, theirs.depthwise.weight.grad)


def test_small_images() -> None:
    """At 32 by 32 the usual network leaves one pixel before the mean, the one of use.py 4 by 4."""
    x = torch.rand(2, 3, 32, 32)
    usual = ConvNeXt(width=8, blocks=(1, 1, 1, 1))
    assert nn.Sequential(*list(usual.children())[:-1])(x).shape[2:] == (1, 1)
    assert convnext_for_small_images(10, width=8)[:-4](x).shape[2:] == (4, 4)


def test_what_decays() -> None:
    """Kernels and matrices decay; biases, normalizations and layer scales do not, and nothing is left out or twice."""
    model = convnext_for_small_images(10, width=8)
    decayed, others = decay_groups(model)
    names = {id(p): name for name, p in model.named_parameters()}
    assert {names[id(p)].rpartition(".")[2] for p in decayed["params"]} == {"weight"}
    assert all(p.dim() in (2, 4) for p in decayed["params"])
    assert {names[id(p)].rpartition(".")[2] for p in others["params"]} == {"weight", "bias", "scale"}
    assert (decayed["weight_decay"], others["weight_decay"]) == (0.05, 0.0)
    assert sorted(map(id, decayed["params"] + others["params"])) == sorted(names)


def test_shape_of_layer_scale() -> None:
    """torchvision's layer scales have the shape (channels, 1, 1), as from scratch; timm's have one dimension."""
    import timm
    from torchvision import models

    with torch.device("meta"):
        for model, name, dims in (
            (models.convnext_tiny(), "layer_scale", 3),
            (timm.create_model("convnext_tiny"), "gamma", 1),
        ):
            found = [p for key, p in model.named_parameters() if key.endswith(name)]
            assert len(found) == 18
            assert {p.dim() for p in found} == {dims}
            assert all(p.shape[0] == p.numel() for p in found)
    assert Block(8).scale.shape == (8, 1, 1)


def test_layer_norm_needs_channels_last() -> None:
    """nn.LayerNorm(96) refuses a map with its channels first; where the width is 96 too, it takes the wrong axis."""
    norm = nn.LayerNorm(96)
    with pytest.raises(RuntimeError, match=r"Given normalized_shape=\[96\], expected input with shape \[\*, 96\]"):
        norm(torch.rand(2, 96, 56, 56))
    with torch.device("meta"):
        network = ConvNeXt()
        assert network.stage1(network.stem(torch.empty(1, 3, 384, 384))).shape == (1, 96, 96, 96)
    x = torch.rand(2, 96, 4, 96)
    assert norm(x).mean(dim=3).abs().max() < 1e-5 < ChannelNorm(96)(x).mean(dim=3).abs().max()
    assert ChannelNorm(96)(x).mean(dim=1).abs().max() < 1e-5


def test_group_norm_is_another_norm() -> None:
    """GroupNorm(1, c) normalizes all pixels of an image together, ChannelNorm each pixel by itself."""
    x = torch.randn(2, 8, 5, 5, dtype=torch.float64)
    x[:, :, 0, 0] *= 100
    one, group = ChannelNorm(8).double()(x), nn.GroupNorm(1, 8).double()(x)
    assert one.std(dim=1, correction=0).sub(1).abs().max() < 0.01
    assert group.std(dim=1, correction=0).max() > 3 * group.std(dim=1, correction=0).median()


@pytest.mark.parametrize(("size", "ignored"), [(64, 0), (65, 1), (66, 2), (67, 3), (95, 3), (96, 0)])
def test_edges_are_cut_off(size: int, ignored: int) -> None:
    """The stem has no padding: rows and columns beyond the last multiple of 4 change nothing."""
    torch.manual_seed(0)
    model = ConvNeXt(width=8, blocks=(1, 1, 1, 1), classes=4).eval()
    for block in model.modules():
        if isinstance(block, Block):
            nn.init.ones_(block.scale)  # so that its gradient counts
    x = torch.rand(1, 3, size, size, requires_grad=True)
    reached = torch.autograd.grad(model(x)[0, 0], x)[0].abs().sum(dim=(0, 1)) > 0
    assert reached[: size - ignored, : size - ignored].all()
    assert not reached[size - ignored :].any()
    assert not reached[:, size - ignored :].any()
