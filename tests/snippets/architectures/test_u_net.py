"""U-Net: a second implementation of the paper's figure, counted parameters, sizes, and the claims of its page."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from snippets.architectures.u_net.from_scratch import UNet
from snippets.architectures.u_net.use import UNet as Padded
from tests.support.networks import filled, numbers, parameters_of


def small() -> tuple[nn.Module, Tensor]:
    return Padded(channels=3, classes=10, width=4, depth=2), torch.randn(2, 3, 22, 18)


def two(state: dict[str, Tensor], name: str, x: Tensor) -> Tensor:
    """The two convolutions of a block, from its weights."""
    for place in (0, 2):
        x = F.conv2d(x, state[f"{name}.{place}.weight"], state[f"{name}.{place}.bias"]).relu()
    return x


def test_equals_a_second_implementation() -> None:
    """Outputs equal figure 1 written out with functions: skips are cut in the middle to the size of what comes up."""
    for depth in (1, 2, 4):
        model = filled(partial(UNet, width=2, depth=depth))
        state = dict(model.state_dict())
        size = 188 if depth == 4 else 44
        image = numbers((2, 1, size, size + 16), 1)
        skips, x = [], image
        for level in range(depth):
            skips.append(two(state, f"down.{level}", x))
            x = F.max_pool2d(skips[-1], 2)
        x = two(state, "bottom", x)
        for level in range(depth):
            x = F.conv_transpose2d(x, state[f"up.{level}.weight"], state[f"up.{level}.bias"], stride=2)
            skip = skips.pop()
            top, left = ((a - b) // 2 for a, b in zip(skip.shape[-2:], x.shape[-2:], strict=True))
            skip = skip[..., top : top + x.shape[-2], left : left + x.shape[-1]]
            x = two(state, f"merge.{level}", torch.cat([skip, x], dim=1))
        expected = F.conv2d(x, state["head.weight"], state["head.bias"])
        with torch.no_grad():
            torch.testing.assert_close(model(image), expected, rtol=1e-5, atol=1e-5)


def test_counts() -> None:
    """31,030,658 parameters by the sum over blocks; 23 convolutions; 572 pixels in and 388 out."""

    def block(a: int, b: int) -> int:
        return 9 * a * b + b + 9 * b * b + b

    widths = [64, 128, 256, 512, 1024]
    total = sum(block(a, b) for a, b in zip([1, *widths], widths, strict=False))
    total += sum(4 * 2 * w * w + w + block(2 * w, w) for w in widths[:-1]) + 64 * 2 + 2
    assert parameters_of(UNet) == total == 31_030_658
    with torch.device("meta"):
        model = UNet()
        assert model(torch.empty(1, 1, 572, 572)).shape == (1, 2, 388, 388)
    assert sum(isinstance(module, nn.Conv2d | nn.ConvTranspose2d) for module in model.modules()) == 23


def test_sizes_that_fit() -> None:
    """Without padding a side of n gives n - 184, for n = 16 k + 12 from 188 on, and an error for others."""
    with torch.device("meta"):
        model = UNet(width=1)
        for size in range(180, 300):
            x = torch.empty(1, 1, size, size)
            if size % 16 == 12 and size >= 188:
                assert model(x).shape == (1, 2, size - 184, size - 184)
            else:
                with pytest.raises(RuntimeError):
                    model(x)


def test_padded_takes_any_size() -> None:
    """The padded form returns height and width of its input, from 16 to 40 pixels; alone in training if one has 32."""
    with torch.device("meta"):
        model = Padded(width=1).eval()
        for size in range(16, 41):
            assert model(torch.empty(1, 3, size, 56 - size)).shape == (1, 2, size, 56 - size)
            assert model.train()(torch.empty(2, 3, size, size)).shape == (2, 2, size, size)
            if size < 32:
                with pytest.raises(ValueError, match="Expected more than 1 value per channel when training"):
                    model(torch.empty(1, 3, size, size))
                assert model(torch.empty(1, 3, size, 32)).shape == (1, 2, size, 32)
            else:
                assert model(torch.empty(1, 3, size, size)).shape == (1, 2, size, size)
            model.eval()


def test_receptive_field() -> None:
    """An output pixel sees 188 or 204 pixels a side, by its place, 200 on average over 16 places."""
    model = UNet(width=1).double()
    for name, parameter in model.named_parameters():
        nn.init.constant_(parameter, 0.01 if name.endswith("weight") else 1.0)
    model.pool = nn.ModuleList(nn.AvgPool2d(2) for _ in range(4))  # a maximum has a gradient at one of its inputs only
    x = torch.ones(1, 1, 220, 220, dtype=torch.float64, requires_grad=True)
    y = model(x)
    sides = []
    for i in range(16):
        (slope,) = torch.autograd.grad(y[0, 0, i, i], x, retain_graph=True)
        rows = slope[0, 0].sum(dim=1).nonzero()
        sides.append(int(rows[-1] - rows[0] + 1))
    assert set(sides) == {188, 204}
    assert sum(sides) / 16 == 200


def test_counted_field_is_the_mean(evidence: Any) -> None:
    """The table's receptive field of the output is 200."""
    assert evidence()["stages"]["head"]["field"] == 200


def test_cost(evidence: Any) -> None:
    """150 G multiply-adds for 572 pixels; the way up takes more than half of them and under half of the parameters."""
    kept = evidence()
    stages = kept["stages"]
    assert kept["multiply_adds"] == pytest.approx(150.4e9, rel=1e-3)
    up = {name: row for name, row in stages.items() if name.startswith(("up", "merge", "head"))}
    assert sum(row["multiply_adds"] for row in up.values()) > kept["multiply_adds"] / 2
    assert sum(row["parameters"] for row in up.values()) < kept["parameters"] / 2
    assert stages["bottom"]["parameters"] > 0.45 * kept["parameters"]
    assert stages["bottom"]["multiply_adds"] < 0.08 * kept["multiply_adds"]


def test_skips_bring_the_place(evidence: Any) -> None:
    """Within 15 by 15 pixels lies over 98% of the gradient with skips, under 5% without; half of it within 75."""
    shares = evidence()["influence"]
    assert shares["with skips"]["15"] > 0.98
    assert shares["without skips"]["15"] < 0.05
    assert shares["without skips"]["69"] < 0.5 < shares["without skips"]["75"]


def test_initialization_decides() -> None:
    """With the paper's initialization, under 15% of the gradient is within 15 by 15 pixels, with skips too."""
    for seed in range(2):
        torch.manual_seed(seed)
        model, x = UNet(width=8), torch.randn(1, 1, 220, 220, requires_grad=True)
        for module in model.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                reached = module.in_channels * (9 if module.kernel_size == (3, 3) else 1)  # upsampling overlaps nothing
                nn.init.normal_(module.weight, std=(2 / reached) ** 0.5)
                nn.init.zeros_(module.bias)
        y = model(x)
        (slope,) = torch.autograd.grad(y[0, 0, y.shape[-2] // 2, y.shape[-1] // 2], x)
        size = slope[0, 0].abs() / slope.abs().sum()
        assert 0.03 < size[103:118, 103:118].sum() < 0.15


def test_tiles_equal_the_whole() -> None:
    """Without padding, tiles at multiples of 16 pixels give the whole image's output; a shift by 8 does not."""
    model = filled(lambda: UNet(width=2)).eval()
    x = numbers((1, 1, 236, 236), 5)
    with torch.no_grad():
        whole = model(x)
        for top in (0, 16, 32):
            for left in (0, 16):
                tile = model(x[..., top : top + 204, left : left + 204])
                torch.testing.assert_close(tile, whole[..., top : top + 20, left : left + 20], rtol=1e-4, atol=1e-5)
        shifted = model(x[..., 8:212, 8:212])
    assert (shifted - whole[..., 8:28, 8:28]).abs().max() > 0.01


def test_padding_changes_the_edges() -> None:
    """With padding, a tile's output at its edge differs from the whole image's by more than a tenth of its size."""
    model = filled(lambda: Padded(channels=1, width=2)).eval()
    x = numbers((1, 1, 160, 160), 5)
    with torch.no_grad():
        whole, tile = model(x)[..., 32:128, 32:128], model(x[..., 32:128, 32:128])
    difference = (tile - whole).abs()
    assert difference[..., 0, :].mean() > 0.1 * whole[..., 0, :].abs().mean()
    assert difference[..., 0, :].mean() > 10 * difference[..., 40:56, 40:56].mean()


def test_odd_sizes_do_not_match() -> None:
    """A side of 50 with padding 1 gives the error that the page quotes; the form that resizes to the skip takes it."""
    with pytest.raises(RuntimeError, match="Sizes of tensors must match except in dimension 1"):
        UNet(width=1, padding=1)(torch.zeros(1, 1, 50, 50))
    assert Padded(width=1)(torch.zeros(1, 3, 50, 50)).shape[-2:] == (50, 50)


def test_label_255() -> None:
    """A label of 255 is refused; ignore_index=255 leaves those pixels out of the mean."""
    scores, labels = torch.randn(1, 2, 4, 4), torch.zeros(1, 4, 4, dtype=torch.long)
    labels[0, 0] = 255
    with pytest.raises(IndexError, match="Target 255 is out of bounds"):
        F.cross_entropy(scores, labels)
    left = F.cross_entropy(scores[:, :, 1:], labels[:, 1:])
    torch.testing.assert_close(F.cross_entropy(scores, labels, ignore_index=255), left)
