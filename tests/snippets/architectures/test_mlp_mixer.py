"""MLP-Mixer: equal to timm's, counts of timm, and the claims of its page."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from snippets.architectures.mlp_mixer.from_scratch import VARIANTS, Block, MLPMixer
from snippets.architectures.mlp_mixer.use import Mixer, grown
from snippets.experiment import Stages
from tests.support import oracles  # noqa: F401 - before timm
from tests.support.networks import filled, numbers, parameters_of, same_logits


def small() -> tuple[nn.Module, Tensor]:
    """Two blocks of 32 channels on 16 patches; the head does not start at 0, so that outputs differ."""
    model = MLPMixer(patch=8, blocks=2, channels=32, size=32, classes=10)
    nn.init.normal_(model.head.weight, std=0.1)
    return model, torch.randn(2, 3, 32, 32)


def small_filled() -> MLPMixer:
    model = filled(lambda: MLPMixer(patch=4, blocks=2, channels=16, size=24, classes=10)).double()
    assert isinstance(model, MLPMixer)
    return model


def test_equals_timm() -> None:
    """S/16: logits in both modes, with timm's weights."""
    import timm

    ours = VARIANTS["S/16"]
    same_logits(lambda: MLPMixer(*ours), lambda: timm.create_model("mixer_s16_224"), shape=(1, 3, 224, 224))


def test_parameters(monkeypatch: pytest.MonkeyPatch, evidence: Any) -> None:
    """Six sizes have as many parameters as timm's; B/16 as many as the experiment counts."""
    import timm

    for name in ("kaiming_normal_", "kaiming_uniform_", "xavier_uniform_", "normal_"):
        monkeypatch.setattr(nn.init, name, lambda tensor, *_, **__: tensor)  # what fills takes most of the time
    assert len(VARIANTS) == 6
    for name, variant in VARIANTS.items():
        ours = parameters_of(lambda variant=variant: MLPMixer(*variant))
        theirs = f"mixer_{name.replace('/', '').lower()}_224"
        assert ours == parameters_of(lambda theirs=theirs: timm.create_model(theirs)), name
        if name == "B/16":
            assert ours == 59_880_472 == evidence()["parameters"]


def test_mixing_channels_costs_most(evidence: Any) -> None:
    """95% of the parameters and 88% of the multiply-adds; mixing patches 3% and 11%."""
    rows, total = evidence()["stages"], evidence()
    for name, parameters, multiply_adds in (("mixing channels", 0.95, 0.88), ("mixing patches", 0.03, 0.11)):
        assert round(rows[name]["parameters"] / total["parameters"], 2) == parameters
        assert round(rows[name]["multiply_adds"] / total["multiply_adds"], 2) == multiply_adds
    assert rows["stem"]["field"] == 16
    assert total["multiply_adds"] == sum(row["multiply_adds"] for row in rows.values())


@pytest.mark.parametrize(("patches", "channels"), [(49, 512), (196, 768), (64, 128), (9, 10)])
def test_cost_of_a_block(patches: int, channels: int) -> None:
    """2 S C (D_S + D_C) multiply-adds, with D_S = C / 2 and D_C = 4 C in the published sizes."""
    with torch.device("meta"):
        counter = Stages(Block(patches, channels))
    counter.run(torch.empty(1, patches, channels, device="meta"))
    counted = sum(row["multiply_adds"] for row in counter.rows.values())
    assert counted == 2 * patches * channels * (channels // 2 + 4 * channels)


def test_both_are_convolutions() -> None:
    """The block again, by convolutions: kernels as large as the map that all channels share, and 1x1 convolutions."""
    model = small_filled()
    block, x = model.blocks[0], torch.randn(2, 16, 6, 6, dtype=torch.float64)
    first, second = block.mix_patches[0], block.mix_patches[2]
    wide, narrow = block.mix_channels[0], block.mix_channels[2]

    def normal(layer: nn.LayerNorm, image: Tensor) -> Tensor:
        return layer(image.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)

    with torch.no_grad():
        alone = normal(block.norm1, x).reshape(32, 1, 6, 6)  # each channel is an image of its own
        hidden = F.gelu(F.conv2d(alone, first.weight.view(-1, 1, 6, 6), first.bias))  # (32, inside, 1, 1)
        back = F.conv2d(hidden, second.weight[:, :, None, None], second.bias)  # (32, 36, 1, 1)
        y = x + back.reshape(2, 16, 6, 6)
        hidden = F.gelu(F.conv2d(normal(block.norm2, y), wide.weight[:, :, None, None], wide.bias))
        y = y + F.conv2d(hidden, narrow.weight[:, :, None, None], narrow.bias)
        torch.testing.assert_close(block(x.flatten(2).transpose(1, 2)), y.flatten(2).transpose(1, 2))


def test_sees_the_whole_image() -> None:
    """After one block, each output has a slope to each pixel of its image, and to no other image."""
    model, x = small_filled(), numbers((2, 3, 24, 24), 4).double().requires_grad_()
    y = model.blocks[0](model.stem(x).flatten(2).transpose(1, 2))
    for patch in (0, 17, 35):
        slope = torch.autograd.grad(y[0, patch, 3], x, retain_graph=True)[0].abs().sum(dim=1)
        assert (slope[0] > 0).all()
        assert slope[1].sum() == 0


def shuffled(x: Tensor, order: Tensor, patch: int) -> Tensor:
    """Images whose patches stand in another order."""
    side = x.shape[-1] // patch
    cut = F.unfold(x, patch, stride=patch)[:, :, order]
    return F.fold(cut, (side * patch, side * patch), patch, stride=patch)


def test_order_of_patches() -> None:
    """Patches of all images in another order, and the weights that mix them with it: the same logits."""
    model, other = small_filled(), small_filled()
    order = torch.randperm(36, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        for block in other.blocks:
            block.mix_patches[0].weight.copy_(block.mix_patches[0].weight[:, order])
            block.mix_patches[2].weight.copy_(block.mix_patches[2].weight[order])
            block.mix_patches[2].bias.copy_(block.mix_patches[2].bias[order])
        x = numbers((3, 3, 24, 24), 6).double()
        torch.testing.assert_close(other(shuffled(x, order, 4)), model(x))
        assert (model(shuffled(x, order, 4)) - model(x)).abs().max() > 1e-3


def test_does_not_move_along() -> None:
    """An image moved around by one patch: the features are not those of the image, moved; the stem's are."""
    model, x = small_filled(), numbers((1, 3, 24, 24), 6).double()
    with torch.no_grad():
        features, moved = (
            model.blocks(model.stem(each).flatten(2).transpose(1, 2)).transpose(1, 2).reshape(1, 16, 6, 6)
            for each in (x, x.roll(4, dims=3))
        )
        assert (features.roll(1, dims=3) - moved).abs().max() > 0.1
        stem, moved_stem = model.stem(x), model.stem(x.roll(4, dims=3))
        torch.testing.assert_close(stem.roll(1, dims=3), moved_stem)


@pytest.mark.parametrize("factor", [2, 3])
def test_grown_is_the_mean_of_parts(factor: int) -> None:
    """Right after growing, logits are the mean of the old network's for the factor² parts of the image."""
    torch.manual_seed(0)
    model = Mixer(classes=5, side=4, patch=2, channels=8, inside=6).double()
    nn.init.normal_(model.head.weight)
    large = grown(model, factor).double()
    x = torch.randn(2, 3, 8 * factor, 8 * factor, dtype=torch.float64)
    parts = [part for row in x.chunk(factor, dim=2) for part in row.chunk(factor, dim=3)]
    assert len(parts) == factor**2
    with torch.no_grad():
        expected = torch.stack([model(part) for part in parts]).mean(dim=0)
        torch.testing.assert_close(large(x), expected, rtol=1e-6, atol=1e-6)  # its weights went through float32


def test_one_size_only() -> None:
    """Images of another size, smaller or larger, are refused with torch's words."""
    model = Mixer(classes=10)
    model(torch.rand(1, 3, 32, 32))
    for size in (28, 36, 64):
        with pytest.raises(RuntimeError, match="mat1 and mat2 shapes cannot be multiplied"):
            model(torch.rand(1, 3, size, size))


def test_head_starts_at_zero() -> None:
    """The first loss is ln(classes), and only the head has a gradient; after one update all parameters have one."""
    torch.manual_seed(0)
    model = MLPMixer(patch=8, blocks=2, channels=32, size=32, classes=7)
    x, y = torch.randn(14, 3, 32, 32), torch.arange(14) % 7
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    loss = F.cross_entropy(model(x), y)
    assert loss.item() == pytest.approx(math.log(7), abs=1e-6)
    loss.backward()
    moved = {name for name, p in model.named_parameters() if p.grad is not None and p.grad.abs().max() > 0}
    assert moved <= {"head.weight", "head.bias"}
    assert "head.weight" in moved
    optimizer.step()
    optimizer.zero_grad()
    F.cross_entropy(model(x), y).backward()
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in model.parameters())


def test_gelu_by_tanh() -> None:
    """In S/32 the approximation by tanh moves the logits, by less than 1% of the largest."""
    model, x = filled(lambda: MLPMixer(*VARIANTS["S/32"])), numbers((1, 3, 224, 224), 3)
    with torch.no_grad():
        exact = model(x)
        for module in model.modules():
            if isinstance(module, nn.GELU):
                module.approximate = "tanh"
        moved = (model(x) - exact).abs().max() / exact.abs().max()
    assert 1e-5 < moved < 0.01
