"""MobileViT: equal to timm, counts, what attention reads and costs, and the claims of its page."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from snippets.mobile.mobilevit import use
from snippets.mobile.mobilevit.evidence import share_of_attention
from snippets.mobile.mobilevit.from_scratch import LAYERS, SIZES, InvertedResidual, Layer, MobileViT, MobileViTBlock
from tests.support import oracles  # noqa: F401 - before timm
from tests.support.counting import by_torch
from tests.support.networks import filled, parameters_of, same_logits


def small() -> tuple[nn.Module, Tensor]:
    """A stem, one block that halves the map, both forms of the page's block, and a head."""
    stem = [nn.Conv2d(3, 8, 3, 2, 1), InvertedResidual(8, 12, 2, 2)]
    blocks = [MobileViTBlock(12, 16, 1), use.MobileViTBlock(12, 16, 1)]
    return nn.Sequential(*stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(12, 10)), torch.randn(
        2, 3, 32, 32
    )


@pytest.mark.parametrize("size", SIZES)
def test_equals_timm(size: str) -> None:
    """Logits in both modes, and running statistics, with timm's weights, for S, XS and XXS; images are not square."""
    import timm

    same_logits(lambda: MobileViT(size), lambda: timm.create_model(f"mobilevit_{size}"), shape=(2, 3, 128, 64))


def test_parameters() -> None:
    """As many as timm's, for S, XS and XXS."""
    import timm

    for size, count in {"s": 5_578_632, "xs": 2_317_848, "xxs": 1_272_024}.items():
        assert parameters_of(lambda size=size: MobileViT(size)) == count
        assert parameters_of(lambda size=size: timm.create_model(f"mobilevit_{size}")) == count


def test_multiply_adds(evidence: Any) -> None:
    """2.00 G for 256 × 256, as torch's counter says; the three stages with transformers have 77% of them."""
    assert round(evidence()["multiply_adds"] / 1e9, 2) == 2.00
    assert evidence()["multiply_adds"] == by_torch(MobileViT(), 3, 256, 256)
    rows = evidence()["stages"]
    share = sum(rows[f"stage{i}"]["multiply_adds"] for i in (3, 4, 5)) / evidence()["multiply_adds"]
    assert round(share, 2) == 0.77


def test_cost_of_a_block() -> None:
    """n (27 c² + 2 c d + 8 L d²) + L n² d / 2: 8 random blocks, and those of S, XS and XXS at 256 by 256."""
    chance = random.Random(0)
    cases = [
        (2 * chance.randint(1, 8), 2 * chance.randint(1, 8), chance.randint(1, 48), 4 * chance.randint(1, 40), layers)
        for layers in (1, 2, 3, 4)
        for _ in range(2)
    ]
    for (_, _, *channels), inside, _ in SIZES.values():
        cases += [(s, s, c, d, layers) for s, c, d, layers in zip((32, 16, 8), channels, inside, LAYERS, strict=True)]
    for h, w, c, d, layers in cases:
        n = h * w
        said = n * (27 * c**2 + 2 * c * d + 8 * layers * d**2) + layers * n**2 * d // 2
        assert by_torch(MobileViTBlock(c, d, layers), c, h, w) == said


def test_attention_grows(evidence: Any) -> None:
    """Its products: 9% of 2.00 G at 256, 28% of 10.13 at 512, 61% of 74.64 at 1024; sixteen times for each doubling."""
    before = None
    for size, total, share in ((256, 2.00, 0.09), (512, 10.13, 0.28), (1024, 74.64, 0.61)):
        everything, products = share_of_attention(size)
        assert round(everything / 1e9, 2) == total
        assert round(products / everything, 2) == share
        assert before is None or products == 16 * before
        before = products


def test_a_quarter_of_the_products() -> None:
    """Four sequences of n / 4 tokens need a quarter of the products of one of n, for five sizes of the map."""
    for side in (4, 6, 8, 16, 32):
        n, d = side * side, 24
        layer = Layer(d)
        rest = n * d * (3 * d + d + 2 * d + 2 * d)
        whole = by_torch(layer, n, d) - rest
        assert whole == 2 * n * n * d
        with torch.device("meta"):
            parts = 4 * (by_torch(layer, n // 4, d) - rest // 4)
        assert 4 * parts == whole


def reached(block: MobileViTBlock, local: bool) -> Tensor:
    """Which pixels of 8 × 8 the first one depends on after the transformer; with the 3 × 3 before it or without."""
    x = torch.randn(1, 4, 8, 8, dtype=torch.float64, requires_grad=True)
    if not local:
        block.local = nn.Sequential()
    kept: list[Tensor] = []
    block.leave.register_forward_hook(lambda module, inputs, output: kept.append(inputs[0]))
    block(x)
    (grad,) = torch.autograd.grad(kept[0][0, :, 0, 0].square().sum(), x)
    return grad[0].abs().sum(dim=0) > 1e-12


def test_one_pixel_in_four() -> None:
    """Without the convolution the first pixel sees those with even row and column alone, with it all 64."""
    torch.manual_seed(0)
    expected = torch.zeros(8, 8, dtype=torch.bool)
    expected[::2, ::2] = True
    assert torch.equal(reached(MobileViTBlock(4, 8, 2).double().eval(), local=False), expected)
    assert reached(MobileViTBlock(4, 8, 2).double().eval(), local=True).all()


def test_no_positions() -> None:
    """The transformer maps patches in another order to its outputs in that order; ten random orders, three depths."""
    torch.manual_seed(0)
    for layers in (1, 2, 4):
        transformer = MobileViTBlock(4, 16, layers).double().eval().transformer
        x = torch.randn(4, 9, 16, dtype=torch.float64)
        for _ in range(10):
            order = torch.randperm(9)
            torch.testing.assert_close(transformer(x[:, order]), transformer(x)[:, order])


def test_block_of_the_code_equals_the_networks() -> None:
    """The block from torch's own layers computes what the block from scratch does, in both modes, for three sizes."""
    torch.manual_seed(0)
    ours, theirs = use.MobileViTBlock(6, 16, 2), filled(lambda: MobileViTBlock(6, 16, 2))
    names = {"norm1": "norm1", "qkv": "self_attn.in_proj_", "out": "self_attn.out_proj", "norm2": "norm2"}
    names |= {"mlp.0": "linear1", "mlp.2": "linear2"}
    state = {}
    for name, value in theirs.state_dict().items():
        for old, new in names.items():
            if f".{old}." in name and name.startswith("transformer"):
                name = name.replace(f"{old}.", new if new.endswith("_") else f"{new}.")
                break
        state[name] = value
    ours.load_state_dict(state)
    for training in (True, False):
        for height, width in ((2, 2), (8, 8), (6, 10)):
            x = torch.randn(2, 6, height, width)
            torch.testing.assert_close(ours.train(training)(x), theirs.train(training)(x), rtol=1e-4, atol=1e-4)


def test_sides_are_multiples_of_64() -> None:
    """128 × 192 works; 224 ends with a map of 7 × 7, and is refused by that text; timm's resizes it."""
    import timm

    model = filled(lambda: MobileViT("xxs", classes=10)).eval()
    assert model(torch.randn(1, 3, 128, 192)).shape == (1, 10)
    for side, odd in ((224, 7), (160, 5), (96, 3)):
        text = rf"unflatten: Provided sizes \[{odd // 2}, 2\] don't multiply up to the size of dim 3 \({odd}\)"
        with pytest.raises(RuntimeError, match=text):
            model(torch.randn(1, 3, side, side))
    assert timm.create_model("mobilevit_xxs").eval()(torch.randn(1, 3, 96, 96)).shape == (1, 1000)


def test_inputs_are_not_standardized() -> None:
    """timm's settings of the weights of S, XS, XXS: mean 0 and standard deviation 1; MobileNetV3's are ImageNet's."""
    import timm

    for size in SIZES:
        settings = timm.get_pretrained_cfg(f"mobilevit_{size}.cvnets_in1k")
        assert (settings.mean, settings.std) == ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    other = timm.get_pretrained_cfg("mobilenetv3_large_100.ra_in1k")
    assert other.mean == (0.485, 0.456, 0.406)
