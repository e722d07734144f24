"""MobileOne: equal to timm, equal before and after fusing, what both forms cost, and the claims of its page."""

from __future__ import annotations

import copy
import random
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from snippets.mobile.mobileone import use
from snippets.mobile.mobileone.from_scratch import BRANCHES, WIDTHS, Block, MobileOne, deployed
from tests.support import oracles  # noqa: F401 - before timm
from tests.support.counting import blocks_of, multiply_adds
from tests.support.networks import filled, numbers, parameters_of, same_logits


def small() -> tuple[nn.Module, Tensor]:
    """Few and narrow blocks with all branches: two stages without squeezes, two with."""
    return MobileOne("s4", classes=10, depths=(1, 2, 1, 1), base=(4, 8, 8, 16)), torch.randn(2, 3, 32, 32)


@pytest.mark.parametrize("size", ["s0", "s2", "s4"])
def test_equals_timm(size: str) -> None:
    """Logits in both modes, and running statistics, with timm's weights, for S0, S2, S4, in the form with branches."""
    import timm

    shape = (2, 3, 96, 96) if size == "s0" else (2, 3, 64, 64)  # on 64 S0's batch statistics amplify rounding to 7e-5
    same_logits(lambda: MobileOne(size), lambda: timm.create_model(f"mobileone_{size}"), shape=shape)


def test_parameters() -> None:
    """With branches as many as timm's; deployed 2.1, 4.8, 7.8, 10.1, 14.8 million, as the paper's table rounds them."""
    import timm

    rounded = []
    for size in WIDTHS:
        assert parameters_of(lambda size=size: MobileOne(size)) == parameters_of(
            lambda size=size: timm.create_model(f"mobileone_{size}")
        )
        rounded.append(round(parameters_of(lambda size=size: deployed(MobileOne(size))) / 1e6, 1))
    assert rounded == [2.1, 4.8, 7.8, 10.1, 14.8]


@pytest.mark.parametrize("size", ["s0", "s4"])
def test_fusing_changes_nothing(size: str) -> None:
    """Statistics and weights unlike the start's, S0 and S4: logits in eval mode to 1e-5 of their size, in float32."""
    model, x = filled(lambda: MobileOne(size)).eval(), numbers((1, 3, 64, 64), 5)
    with torch.no_grad():
        before, after = model(x), deployed(model)(x)
    assert (after - before).norm() <= 1e-5 * before.norm()
    assert not any(isinstance(m, nn.BatchNorm2d) for m in deployed(model).modules())


def test_fused_as_timm_does() -> None:
    """timm's own fusing of S0, with the same weights, gives the same logits."""
    import timm
    from timm.utils.model import reparameterize_model

    ours, theirs = filled(lambda: MobileOne("s0")).eval(), timm.create_model("mobileone_s0").eval()
    values = ours.state_dict().values()
    theirs.load_state_dict(dict(zip(theirs.state_dict(), values, strict=True)))
    x = numbers((1, 3, 64, 64), 5)
    with torch.no_grad():
        a, b = deployed(ours)(x), reparameterize_model(theirs)(x)
    assert (a - b).norm() <= 1e-5 * b.norm()


def test_costs(evidence: Any) -> None:
    """Deployed, 275 to 2,979 million multiply-adds; trained, S0 takes 3.8 times as many, S1 to S4 up to 1% more."""
    sizes = evidence()["sizes"]
    millions = [round(sizes[size]["deployed"]["multiply_adds"] / 1e6) for size in WIDTHS]
    assert millions == [275, 825, 1298, 1896, 2979]
    ratio = {size: n["trained"]["multiply_adds"] / n["deployed"]["multiply_adds"] for size, n in sizes.items()}
    assert round(ratio.pop("s0"), 1) == 3.8
    assert all(1 < each < 1.01 for each in ratio.values())
    assert evidence()["multiply_adds"] == sizes["s1"]["deployed"]["multiply_adds"]


def cost(channels: int, out: int, stride: int, h: int, w: int, branches: int | None, squeezed: bool) -> int:
    """The page's formulas: of a pair with its branches, or deployed (None); squeezes are counted once an image."""
    nine, through = (9, out) if branches is None else (9 * branches + 1, branches * out)
    squeezes = 2 * channels * (channels // 16) + 2 * out * (out // 16) if squeezed else 0
    return (h // stride) * (w // stride) * channels * (nine + through) + squeezes


def test_cost_of_a_pair() -> None:
    """Both formulas for 30 random pairs, with both strides, one to four branches and squeezes; and for each pair of S0
    to S4 on an image of 224 by 224."""
    chance = random.Random(0)
    for _ in range(30):
        channels, out = chance.choice((16, 32, 64)), chance.choice((16, 32, 48, 64))
        stride, branches, squeezed = chance.choice((1, 2)), chance.randint(1, 4), chance.random() < 0.5
        h, w = 2 * chance.randint(1, 10), 2 * chance.randint(1, 10)
        with torch.device("meta"):
            depthwise = Block(channels, channels, 3, stride, channels, branches, squeezed)
            pair = nn.Sequential(depthwise, Block(channels, out, 1, 1, 1, branches, squeezed))
        shape = (channels, h, w)
        assert multiply_adds(deployed(pair), *shape) == cost(channels, out, stride, h, w, None, squeezed)
        assert multiply_adds(pair, *shape) == cost(channels, out, stride, h, w, branches, squeezed)
    for size in WIDTHS:
        with torch.device("meta"):
            _, *blocks = blocks_of(MobileOne(size), Block, 3, 224, 224)  # without the stem
        for (first, (channels, h, w), one), (second, inside, other) in zip(blocks[::2], blocks[1::2], strict=True):
            out, stride = second.branches[0][0].out_channels, h // inside[1]
            squeezed = isinstance(first.after, nn.Sequential)
            assert one + other == cost(channels, out, stride, h, w, BRANCHES.get(size, 1), squeezed)


def random_block(seed: int, make: Any) -> Any:
    """A block in float64 whose statistics and factors are not those of the start."""
    torch.manual_seed(seed)
    block = make().double()
    for module in block.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.normal_(module.weight)
            nn.init.normal_(module.bias)
            nn.init.normal_(module.running_mean)
            nn.init.uniform_(module.running_var, 0.1, 3)
    return block


SHAPES = [
    (6, 6, 3, 1, 6),
    (6, 6, 3, 2, 6),
    (6, 9, 1, 1, 1),
    (6, 6, 1, 1, 1),
    (4, 8, 3, 1, 2),
    (6, 6, 5, 1, 3),
    (3, 6, 3, 2, 1),
]


@pytest.mark.parametrize("branches", [1, 2, 4])
def test_blocks_fuse(branches: int) -> None:
    """Depthwise, pointwise and grouped blocks, strides 1 and 2, kernels 1, 3, 5: one convolution, to 1e-10."""
    for channels, out, kernel, stride, groups in SHAPES:
        x = torch.randn(2, channels, 9, 8, dtype=torch.float64)
        for block in (
            random_block(branches, lambda: Block(channels, out, kernel, stride, groups, branches, False)),  # noqa: B023
            random_block(branches, lambda: use.RepConv(channels, out, kernel, stride, groups, branches)),  # noqa: B023
        ):
            fused = block.eval().fused()
            torch.testing.assert_close(fused(x), block(x), rtol=1e-10, atol=1e-10)
            assert fused[0].weight.shape == (out, channels // groups, kernel, kernel)


def test_block_of_the_code_equals_the_networks() -> None:
    """The block to copy and the one from scratch, in both modes, with the same weights; and `deploy` fuses each."""
    for channels, out, kernel, stride, groups in SHAPES:
        theirs = random_block(0, lambda: Block(channels, out, kernel, stride, groups, 2, False))  # noqa: B023
        ours = use.RepConv(channels, out, kernel, stride, groups, 2).double()
        for mine, its in zip(ours.branches, theirs.branches, strict=False):
            mine.load_state_dict(its.state_dict())
        if theirs.skip is not None:
            ours.branches[-1][1].load_state_dict(theirs.skip.state_dict())
        x = torch.randn(3, channels, 7, 8, dtype=torch.float64)
        for training in (False, True):
            torch.testing.assert_close(ours.train(training)(x), theirs.train(training)(x))
        small_one = use.deploy(nn.Sequential(ours))
        torch.testing.assert_close(small_one(x), ours.eval()(x))
        assert not any(isinstance(m, use.RepConv) for m in small_one.modules())


def test_fused_is_the_eval_mode() -> None:
    """The fused block equals eval mode, and not train mode, whose statistics are the batch's; for three blocks."""
    for channels, out, kernel, stride, groups in SHAPES[:3]:
        block = random_block(1, lambda: Block(channels, out, kernel, stride, groups, 2, False))  # noqa: B023
        x, fused = torch.randn(4, channels, 8, 8, dtype=torch.float64), block.fused()
        torch.testing.assert_close(fused(x), block.eval()(x))
        assert not torch.allclose(fused(x), block.train()(x), atol=0.05)


def test_training_after_fusing_differs() -> None:
    """One step of SGD on the fused block and on the block in eval mode, same loss: equal outputs become different."""
    block = random_block(2, lambda: Block(6, 6, 3, 1, 6, 4, False)).eval()
    fused, x = block.fused(), torch.randn(4, 6, 8, 8, dtype=torch.float64)
    torch.testing.assert_close(fused(x), block(x))
    for model in (fused, block):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        model(x).square().mean().backward()
        optimizer.step()
    assert not torch.allclose(fused(x), block(x), atol=1e-3)


def test_dead_channels_become_large_weights() -> None:
    """A channel with running variance 0 and factor 1 gets the weight 316 through the skip; with variance 1, 1."""
    block = Block(2, 2, 3, 1, 2, 1, False).eval()
    with torch.no_grad():
        block.branches[0][0].weight.zero_()
        block.branches[1][0].weight.zero_()
        block.skip.running_var.copy_(torch.tensor([0.0, 1.0]))
    middle = block.fused()[0].weight[:, 0, 1, 1]
    assert middle[0].item() == pytest.approx(316, abs=0.5)
    assert middle[1].item() == pytest.approx(1, abs=1e-4)


def test_deployed_leaves_the_original_alone() -> None:
    """`deployed` and `deploy` work on a copy: blocks, parameters, statistics and mode stay."""
    for model, fuse in (
        (MobileOne("s1", depths=(1, 1, 1, 1), base=(4, 4, 4, 4)), deployed),
        (nn.Sequential(use.RepConv(3, 8), use.RepConv(8, 8, groups=8)), use.deploy),
    ):
        before = copy.deepcopy(model.train().state_dict())
        assert fuse(model).state_dict().keys() != before.keys()
        assert model.training
        assert model.state_dict().keys() == before.keys()
        assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
