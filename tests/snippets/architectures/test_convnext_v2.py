"""ConvNeXt V2: equal to timm's, counts of timm and of torchvision, and the claims of its page."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from snippets.architectures.convnext.from_scratch import Block as OldBlock
from snippets.architectures.convnext.from_scratch import ConvNeXt
from snippets.architectures.convnext_v2.from_scratch import VARIANTS, Block, ConvNeXtV2, GlobalResponseNorm
from snippets.architectures.convnext_v2.use import Block as SmallBlock
from snippets.architectures.convnext_v2.use import convnextv2_for_small_images, finetune_groups
from tests.support import oracles  # noqa: F401 - before torchvision
from tests.support.networks import filled, numbers, parameters_of, same_logits


def small() -> tuple[nn.Module, Tensor]:
    """Four stages of one block, an eighth of the width, and 64 by 64 pixels; the new layers are at work."""
    model = ConvNeXtV2(width=12, blocks=(1, 1, 1, 1), classes=10)
    for module in model.modules():
        if isinstance(module, GlobalResponseNorm):
            nn.init.constant_(module.weight, 0.5)
    return model, torch.randn(2, 3, 64, 64)


@pytest.fixture
def unfilled(monkeypatch: pytest.MonkeyPatch) -> None:
    """What fills the weights takes most of the time, and here they are copied or only counted."""
    for name in ("trunc_normal_", "kaiming_uniform_"):
        monkeypatch.setattr(nn.init, name, lambda tensor, *_, **__: tensor)


@pytest.mark.usefixtures("unfilled")
def test_equals_timm() -> None:
    """T: logits in both modes, with timm's weights."""
    import timm

    same_logits(ConvNeXtV2, lambda: timm.create_model("convnextv2_tiny", drop_path_rate=0.2), shape=(2, 3, 64, 64))


@pytest.mark.usefixtures("unfilled")
def test_parameters(evidence: Any) -> None:
    """All eight sizes have as many parameters as timm's, T as many as the experiment counts; huge has 660 million."""
    import timm

    assert len(VARIANTS) == 8
    for name, variant in VARIANTS.items():
        ours = parameters_of(lambda variant=variant: ConvNeXtV2(*variant))
        assert ours == parameters_of(lambda name=name: timm.create_model(f"convnextv2_{name}")), name
        if name == "tiny":
            assert ours == 28_635_496 == evidence()["parameters"]
    assert ours == 660_289_640


def test_multiply_adds(evidence: Any) -> None:
    """The sum is 4.456 billion, the number that torchvision gives for ConvNeXt-T."""
    from torchvision import models

    published = models.ConvNeXt_Tiny_Weights.IMAGENET1K_V1.meta["_ops"]
    assert round(evidence()["multiply_adds"] / 1e9, 3) == published == 4.456


@pytest.mark.parametrize("channels", [8, 40, 96])
def test_seven_more_a_channel(channels: int) -> None:
    """A block holds 7 c parameters more than V1's: 8 c of the new layer, c fewer for the scale; T 46,368, or 0.16%."""
    assert parameters_of(lambda: Block(channels)) - parameters_of(lambda: OldBlock(channels)) == 7 * channels
    assert parameters_of(lambda: GlobalResponseNorm(4 * channels)) == 8 * channels
    if channels == 96:
        old, new = parameters_of(ConvNeXt), parameters_of(ConvNeXtV2)
        assert new - old == 46_368
        assert round((new - old) / old, 4) == 0.0016


def with_scale_inside(old: nn.Module) -> dict[str, Tensor]:
    """V1's state as V2's: the layer scale is multiplied into the second linear layer."""
    state = old.state_dict()
    for name in [n for n in state if n.endswith(".scale")]:
        scale, block = state.pop(name).flatten(), name.removesuffix("scale")
        state[f"{block}narrow.weight"] = state[f"{block}narrow.weight"] * scale[:, None]
        state[f"{block}narrow.bias"] = state[f"{block}narrow.bias"] * scale
        for new in ("weight", "bias"):
            state[f"{block}respond.{new}"] = torch.zeros(4 * len(scale))
    return {name.replace("head.1.", "head.2."): value for name, value in state.items()}


def small_v1() -> ConvNeXt:
    return ConvNeXt(width=8, blocks=(1, 1, 2, 1), classes=10)


def test_holds_every_v1() -> None:
    """V1's scale in the second linear layer, weight and bias of the new layer at 0: the same logits."""
    old, new = filled(small_v1), ConvNeXtV2(width=8, blocks=(1, 1, 2, 1), classes=10)
    with torch.no_grad():
        for name, parameter in old.named_parameters():
            if name.endswith("scale"):
                parameter.copy_(0.5 + numbers(parameter.shape, 5).abs())
    new.load_state_dict(with_scale_inside(old))
    x = numbers((2, 3, 64, 64), 2)
    for training in (False, True):
        new_logits = new.train(training)(x)
        for module in new.modules():
            if hasattr(module, "p"):
                module.p = 0.0
        if training:
            new_logits = new(x)
        torch.testing.assert_close(new_logits, old.train(training)(x), rtol=1e-4, atol=1e-5)
    assert new_logits.std() > 0.01


def test_v1_weights_do_not_load() -> None:
    """V1's state lacks weight and bias of the new layer, and has a scale that V2 does not know."""
    with pytest.raises(RuntimeError, match=r"(?s)Missing key\(s\) in state_dict.*respond\.weight.*Unexpected.*scale"):
        ConvNeXtV2(width=8, blocks=(1, 1, 2, 1), classes=10).load_state_dict(small_v1().state_dict())


def block_at_work(gamma: float) -> Block:
    torch.manual_seed(0)
    block = Block(6).double().eval()
    nn.init.constant_(block.respond.weight, gamma)
    nn.init.normal_(block.respond.bias, std=0.1)
    return block


def test_sees_the_whole_map() -> None:
    """With a weight of 0 an output depends on 7 by 7 places, otherwise on the whole map; of its own image only."""
    for gamma, seen in ((0.0, 49), (0.5, 15 * 15)):
        x = torch.randn(2, 6, 15, 15, dtype=torch.float64, requires_grad=True)
        for channel in range(6):
            slope = torch.autograd.grad(block_at_work(gamma)(x)[0, channel, 7, 7], x)[0].abs().sum(dim=1)
            assert (slope[0] > 0).sum() == seen
            assert slope[1].sum() == 0


def masked(block: Block, x: Tensor, mask: Tensor, hide: bool) -> Tensor:
    """The block on a map of which the places with a mask of 0 are hidden, as in the authors' JAX code."""
    last = mask.permute(0, 2, 3, 1)
    y = block.depthwise(x * mask if hide else x).permute(0, 2, 3, 1)
    y = block.gelu(block.expand(block.norm(y)))
    return x + block.narrow(block.respond(y * last if hide else y)).permute(0, 3, 1, 2)


def test_masks_hide() -> None:
    """Hidden places set to 0 before the convolution and before the sizes: what is seen does not depend on them."""
    x = torch.randn(2, 6, 12, 12, dtype=torch.float64)
    mask = (torch.arange(12) // 4 % 2 == 0).to(x).expand(2, 1, 12, 12)
    other = torch.where(mask == 0, torch.randn_like(x), x)
    for gamma in (0.0, 0.5):
        block = block_at_work(gamma)
        with torch.no_grad():
            hidden, leaking = (
                [(masked(block, each, mask, hide) * mask) for each in (x, other)] for hide in (True, False)
            )
        torch.testing.assert_close(hidden[0], hidden[1], rtol=0, atol=1e-12)
        assert (leaking[0] - leaking[1]).abs().max() > 1e-3


def test_padding_counts() -> None:
    """Zeros beside the map change every output once the weight is not 0; with a weight of 0 they change none."""
    x = torch.randn(2, 6, 11, 11, dtype=torch.float64)
    padded = nn.functional.pad(x, (0, 9, 0, 4))
    for gamma, changes in ((0.0, False), (0.5, True)):
        block = block_at_work(gamma)
        with torch.no_grad():
            moved = (block(padded)[:, :, :11, :11] - block(x)).abs()
        assert bool((moved > 1e-9).all()) is changes
        assert bool((moved > 1e-9).any()) is changes


def test_small_block_is_the_same_block() -> None:
    """The block of use.py computes what the block from scratch does, in its output and in all gradients."""
    torch.manual_seed(0)
    ours, theirs = SmallBlock(8).double(), Block(8).double()
    theirs.load_state_dict(dict(zip(theirs.state_dict(), ours.state_dict().values(), strict=True)))
    with torch.no_grad():
        for respond in (ours.mix[3], theirs.respond):
            respond.weight.copy_(numbers((32,), 1))
            respond.bias.copy_(numbers((32,), 2))
    x = numbers((2, 8, 9, 9), 1).double()
    torch.testing.assert_close(ours(x), theirs(x))
    for model in (ours, theirs):
        model(x).square().sum().backward()
    for own, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(own.grad, other.grad)


def test_what_decays() -> None:
    """Each layer learns 0.9 times as fast as the next; matrices and kernels decay, and nothing is left out or twice."""
    model = convnextv2_for_small_images(10, width=8)
    groups = finetune_groups(model, lr=1e-3)
    assert len(groups) == 2 * len(model)
    for place, layer in enumerate(model):
        own = {id(p): name for name, p in layer.named_parameters()}
        for group in groups:
            if group["params"] and id(group["params"][0]) in own:
                assert group["lr"] == pytest.approx(1e-3 * 0.9 ** (len(model) - 1 - place))
    decayed = [p for group in groups if group["weight_decay"] == 0.05 for p in group["params"]]
    others = [p for group in groups if group["weight_decay"] == 0 for p in group["params"]]
    assert all(p.dim() in (2, 4) for p in decayed)
    assert all(p.dim() == 1 for p in others)
    assert sorted(map(id, decayed + others)) == sorted(id(p) for p in model.parameters())


def test_authors_shape_decays() -> None:
    """With the authors' shape (1, 1, 1, 4 c) the new layer's weight and bias have more than one dimension.

    A rule by dimensions takes them for matrices; `finetune_groups` does not.
    """
    model = convnextv2_for_small_images(10, width=8)
    for module in model.modules():
        if isinstance(module, nn.Module) and type(module).__name__ == "GlobalResponseNorm":
            for name in ("weight", "bias"):
                setattr(module, name, nn.Parameter(getattr(module, name).reshape(1, 1, 1, -1).detach()))
    theirs = {id(p) for p in model.parameters() if p.shape[:3] == (1, 1, 1)}
    assert len(theirs) == 20
    assert theirs <= {id(p) for p in model.parameters() if p.dim() > 1}
    groups = finetune_groups(model, lr=1e-3)
    assert not theirs & {id(p) for group in groups if group["weight_decay"] for p in group["params"]}
    assert model(torch.rand(1, 3, 32, 32)).shape == (1, 10)
