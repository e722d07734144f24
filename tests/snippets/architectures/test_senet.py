"""Squeeze-and-excitation: equal to timm and torchvision, counts in closed form, and the claims of its page."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from snippets.architectures.senet.from_scratch import LAYERS, Block, SEResNet, SqueezeExcite
from snippets.architectures.senet.use import Residual, se_resnet_for_small_images
from snippets.architectures.senet.use import SqueezeExcite as Linears
from tests.support import oracles  # noqa: F401 - before torchvision
from tests.support.networks import filled, numbers, parameters_of, same_logits, take_weights


def small() -> tuple[nn.Module, Tensor]:
    """An eighth of the width, and 32 by 32 pixels."""
    return SEResNet(classes=10, width=8, reduction=8), torch.randn(2, 3, 32, 32)


def test_equals_timm() -> None:
    """SE-ResNet-50: logits in both modes and running statistics, with timm's weights."""
    import timm

    same_logits(SEResNet, lambda: timm.create_model("seresnet50"), shape=(2, 3, 64, 64))


def test_parameters() -> None:
    """SE-ResNet-50 and 152 have as many parameters as timm's."""
    import timm

    assert parameters_of(SEResNet) == 28_088_024 == parameters_of(lambda: timm.create_model("seresnet50"))
    assert parameters_of(lambda: SEResNet(152)) == parameters_of(lambda: timm.create_model("seresnet152"))


@pytest.mark.parametrize(("channels", "reduction"), [(32, 16), (64, 4), (48, 8)])
def test_gate_equals_libraries(channels: int, reduction: int) -> None:
    """Gate from scratch, gate of use.py, torchvision's and timm's: equal outputs and gradients, one set of weights."""
    from timm.layers import SEModule
    from torchvision.ops import SqueezeExcitation

    hidden = channels // reduction
    ours = filled(lambda: SqueezeExcite(channels, reduction))
    others: list[nn.Module] = [
        SqueezeExcitation(channels, hidden),
        SEModule(channels, rd_channels=hidden),
    ]
    for other in others:
        take_weights(other, ours)
    if hidden >= 8:
        linears = Linears(channels, reduction)
        names = list(linears.state_dict())
        values = [value.flatten(1) if value.dim() == 4 else value for value in ours.state_dict().values()]
        state = dict(zip(names, values, strict=True))
        linears.load_state_dict(state)
        others.append(linears)
    assert hidden < 8 or len(others) == 3
    x = numbers((3, channels, 5, 4), 1).requires_grad_()
    expected = ours(x)
    grad = numbers(expected.shape, 2)
    for other in others:
        out = other(x)
        torch.testing.assert_close(out, expected)
        found, wanted = (
            torch.autograd.grad(y, [x, *module.parameters()], grad, retain_graph=True)
            for y, module in ((out, other), (expected, ours))
        )
        for one, two in zip(found, wanted, strict=True):
            torch.testing.assert_close(one.flatten(), two.flatten())


@pytest.mark.parametrize("depth", [50, 101, 152])
def test_weights_of_the_gates(depth: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The gates' weights are 2/r times the sum of C^2 over the blocks, for each depth, at 16."""
    monkeypatch.setattr(nn.init, "kaiming_normal_", lambda tensor, *_, **__: tensor)
    with torch.device("meta"):
        found = [m for m in SEResNet(depth).modules() if isinstance(m, SqueezeExcite)]
    held = sum(m.weight.numel() for gate in found for m in gate.modules() if isinstance(m, nn.Conv2d))
    assert held == 2 * squares(depth) / 16


def squares(depth: int) -> int:
    """Sum over the blocks of the square of their output channels."""
    return sum(blocks * (256 << stage) ** 2 for stage, blocks in enumerate(LAYERS[depth]))


def test_reductions(evidence: Any) -> None:
    """For each reduction of the table the weights are 2/r times the sum of squares; twice r, half of them."""
    rows = evidence()["gates"]
    assert set(rows) == {"4", "8", "16", "32"}
    for reduction, row in rows.items():
        assert row["multiply_adds"] == 2 * squares(50) / int(reduction)


def test_what_the_gates_cost(evidence: Any) -> None:
    """At 16, beside torchvision's ResNet-50: 9.9% more parameters, 0.06% more multiply-adds, 0.13% for the products."""
    from torchvision import models

    numbers_, meta = evidence(), models.ResNet50_Weights.IMAGENET1K_V1.meta
    assert numbers_["without"]["parameters"] == meta["num_params"]
    assert numbers_["without"]["multiply_adds"] / 1e9 == pytest.approx(meta["_ops"], abs=0.001)
    gates = numbers_["gates"]["16"]
    assert gates["gates"] == 16
    assert gates["parameters"] / numbers_["without"]["parameters"] == pytest.approx(0.099, abs=5e-4)
    assert gates["multiply_adds"] / numbers_["without"]["multiply_adds"] == pytest.approx(0.0006, abs=5e-5)
    products = sum(blocks * (256 << stage) * (56 >> stage) ** 2 for stage, blocks in enumerate(LAYERS[50]))
    assert products / numbers_["without"]["multiply_adds"] == pytest.approx(0.0013, abs=5e-5)


def test_last_stage_holds_most() -> None:
    """The three gates of the last stage hold 62% of the gates' parameters in SE-ResNet-50."""
    with torch.device("meta"):
        model = SEResNet()
    last, total = (
        sum(p.numel() for m in part.modules() if isinstance(m, SqueezeExcite) for p in m.parameters())
        for part in (model.get_submodule("stage4"), model)
    )
    assert last / total == pytest.approx(0.62, abs=0.005)


def test_gate_ignores_positions() -> None:
    """Pixels in another order: the same gate; another image in the batch: no change; another image: another gate."""
    torch.manual_seed(0)
    layer, x = SqueezeExcite(32).double(), torch.randn(4, 32, 6, 6, dtype=torch.float64)
    gate = layer.gate(x)
    shuffled = x.flatten(2)[:, :, torch.randperm(36)].reshape(x.shape)
    torch.testing.assert_close(layer.gate(shuffled), gate)
    torch.testing.assert_close(layer.gate(x[:1]), gate[:1])
    assert (gate[0] - gate[1]).abs().max() > 1e-6
    assert gate.shape == (4, 32, 1, 1)
    assert gate.min() > 0
    assert gate.max() < 1


def test_gates_start_at_a_half() -> None:
    """In a new SE-ResNet-50 of a quarter of the width, each block's gates are 0.48 to 0.52 in the mean, three seeds."""
    for seed in range(3):
        torch.manual_seed(seed)
        model, seen = SEResNet(classes=10, width=16).train(), []
        for module in model.modules():
            if isinstance(module, SqueezeExcite):
                module.gate.register_forward_hook(lambda _, __, out: seen.append(out.mean().item()))  # noqa: B023
        with torch.no_grad():
            model(torch.randn(4, 3, 64, 64))
        assert len(seen) == 16
        assert min(seen) > 0.48
        assert max(seen) < 0.52


def test_gates_that_start_open() -> None:
    """Zero weights and a bias of 4 in the last layer: all gates are 0.982; with torch's defaults a branch halves."""
    torch.manual_seed(0)
    x = torch.randn(8, 64, 7, 7)
    usual, opened = Linears(64), Linears(64)
    nn.init.zeros_(opened.gate[2].weight)
    nn.init.constant_(opened.gate[2].bias, 4.0)
    assert (usual(x).norm() / x.norm()).item() == pytest.approx(0.5, abs=0.05)
    torch.testing.assert_close(opened(x), 0.982 * x, rtol=1e-3, atol=1e-5)
    opened(x).square().sum().backward()
    assert opened.gate[2].weight.grad.abs().max() > 0  # they learn


def test_padding_changes_the_gate() -> None:
    """A map in a frame of zeros four times its area has a quarter of the means, and other outputs inside."""
    torch.manual_seed(0)
    layer, x = SqueezeExcite(32).double(), torch.rand(1, 32, 8, 8, dtype=torch.float64)
    padded = nn.functional.pad(x, (4, 4, 4, 4))
    torch.testing.assert_close(padded.mean(dim=(2, 3)), x.mean(dim=(2, 3)) / 4)
    assert (layer(padded)[:, :, 4:-4, 4:-4] - layer(x)).abs().max() > 1e-3


def test_gate_stands_before_the_sum() -> None:
    """With its gates shut, a block returns its input, where a gated sum would be zero."""
    torch.manual_seed(0)
    x = torch.rand(2, 64, 6, 6)
    for block in (Block(64, 16, 1), Residual(64, 64)):
        last = block.get_submodule("branch")[-1]
        layer = last.gate[-2]
        nn.init.zeros_(layer.weight)
        nn.init.constant_(layer.bias, -1000.0)
        torch.testing.assert_close(block(x), x)
        assert last(x).abs().max() == 0


def test_few_channels_fail() -> None:
    """8 channels at a reduction of 16 leave no hidden channel, and the first image fails; use.py keeps eight."""
    with pytest.warns(UserWarning, match="zero-element"):
        layer = SqueezeExcite(8)
    with pytest.raises(RuntimeError, match="expected weight to be at least 1 at dimension 0"):
        layer(torch.rand(2, 8, 3, 3))
    assert Linears(8).gate[0].out_features == 8
    assert Linears(8)(torch.rand(2, 8, 3, 3)).shape == (2, 8, 3, 3)


def test_small_images() -> None:
    """At 32 by 32 the usual network leaves one pixel before the mean, the one of use.py 4 by 4."""
    x = torch.rand(2, 3, 32, 32)
    usual = SEResNet(classes=10, width=16)
    assert nn.Sequential(*list(usual.children())[:-1])(x).shape[2:] == (1, 1)
    assert se_resnet_for_small_images(10, width=16)[:-3](x).shape[2:] == (4, 4)
