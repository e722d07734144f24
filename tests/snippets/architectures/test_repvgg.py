"""RepVGG: equal to timm, the same after the branches became one convolution, and the claims of its page."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from snippets.architectures.repvgg.from_scratch import VARIANTS, RepBlock, RepVGG, as_convolution, fused
from snippets.architectures.repvgg.use import RepBlock as UseBlock
from snippets.architectures.repvgg.use import repvgg_for_small_images
from snippets.experiment import Stages
from tests.support import oracles  # noqa: F401 - before timm
from tests.support.networks import filled, numbers, parameters_of, same_logits


def small() -> tuple[nn.Module, Tensor]:
    """A block with a stride and one or two more in each stage, an eighth of the width."""
    return RepVGG((1, 2, 2, 1), width=0.125, last=0.25, classes=10), torch.randn(2, 3, 64, 64)


def test_equals_timm() -> None:
    """A0: logits in both modes and running statistics, with timm's weights."""
    import timm

    same_logits(RepVGG, lambda: timm.create_model("repvgg_a0"), shape=(2, 3, 64, 64))


def test_parameters(evidence: Any) -> None:
    """A0 to A2 and B0 to B3 have as many parameters as timm's; A0 as many as the experiment counts."""
    import timm

    for name, settings in VARIANTS.items():
        ours = parameters_of(lambda settings=settings: RepVGG(*settings))
        assert ours == parameters_of(lambda name=name: timm.create_model(f"repvgg_{name.lower()}"))
    assert list(VARIANTS) == ["A0", "A1", "A2", "B0", "B1", "B2", "B3"]
    assert sum(row["parameters"] for row in evidence()["training"].values()) == parameters_of(RepVGG) == 9_108_968


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize(("channels", "out"), [(6, 6), (3, 8), (8, 5)])
@pytest.mark.parametrize("size", [7, 8])
def test_fused_is_equal(channels: int, out: int, stride: int, size: int) -> None:
    """Both ways to fuse give the block's outputs in eval mode and each other's kernel, with and without identity."""
    block = filled(lambda: RepBlock(channels, out, stride)).eval()
    other = UseBlock(channels, out, stride).eval()
    other.load_state_dict(block.state_dict())
    x = numbers((2, channels, size, size), 5)
    expected = block(x)
    torch.testing.assert_close(other(x), expected)
    single = as_convolution(block)
    other.fuse()
    assert other.single is not None
    torch.testing.assert_close(single(x).relu(), expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(other(x), expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(single.weight, other.single.weight, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(single.bias, other.single.bias, rtol=1e-5, atol=1e-5)
    assert (block.identity is None) == (stride == 2 or channels != out)


def test_fused_network_is_equal() -> None:
    """The whole network before and after: its logits stay to 1e-5; those of use.py too, also when fused twice."""
    model = filled(lambda: small()[0]).eval()
    x = numbers((2, 3, 64, 64), 1)
    plain = fused(model)
    assert {type(m) for m in plain.modules() if not list(m.children())} <= {
        *(nn.Conv2d, nn.ReLU, nn.Linear, nn.AdaptiveAvgPool2d, nn.Flatten)
    }
    torch.testing.assert_close(plain(x), model(x), rtol=1e-5, atol=1e-5)
    other = filled(lambda: repvgg_for_small_images(10, widths=(8, 12), blocks=2)).eval()
    before = other(x)
    for _ in range(2):
        for module in other:
            if isinstance(module, UseBlock):
                module.fuse()
        torch.testing.assert_close(other(x), before, rtol=1e-5, atol=1e-5)
    assert not any(isinstance(m, nn.BatchNorm2d) for m in other.modules())


def test_table(evidence: Any) -> None:
    """9.11 million parameters and 1.51 billion multiply-adds become 8.31 and 1.36; stage 3 holds over half of both."""
    rows, total = evidence()["training"], evidence()
    counts = {key: sum(row[key] for row in rows.values()) for key in ("parameters", "multiply_adds")}
    assert counts["parameters"] / 1e6 == pytest.approx(9.11, abs=0.005)
    assert total["parameters"] / 1e6 == pytest.approx(8.31, abs=0.005)
    assert counts["multiply_adds"] / 1e9 == pytest.approx(1.51, abs=0.005)
    assert total["multiply_adds"] / 1e9 == pytest.approx(1.36, abs=0.005)
    for key in counts:
        assert total["stages"]["stage3"][key] > 0.5 * total[key]


@pytest.mark.parametrize(("channels", "out", "stride"), [(4, 4, 1), (6, 3, 2)])
def test_cost_of_the_branches(channels: int, out: int, stride: int) -> None:
    """In training a block takes 10 / 9 of the multiply-adds of its single convolution."""
    counts = []
    for module in (RepBlock(channels, out, stride), as_convolution(RepBlock(channels, out, stride))):
        counter = Stages(nn.Sequential(module).eval().to("meta"))
        counter.run(torch.empty(1, channels, 8, 8, device="meta"))
        counts.append(sum(row["multiply_adds"] for row in counter.rows.values()))
    assert 9 * counts[0] == 10 * counts[1]


def test_branches_change_the_step() -> None:
    """Without normalization, a step of SGD on the branches moves the fused kernel's centre twice as far as without."""
    torch.manual_seed(0)
    large, small = nn.Conv2d(3, 5, 3, padding=1, bias=False).double(), nn.Conv2d(3, 5, 1, bias=False).double()
    single = nn.Conv2d(3, 5, 3, padding=1, bias=False).double()

    def kernel() -> Tensor:
        return large.weight.detach() + nn.functional.pad(small.weight.detach(), (1, 1, 1, 1))

    single.load_state_dict({"weight": kernel()})
    x, before = torch.randn(4, 3, 8, 8, dtype=torch.float64), kernel()
    torch.testing.assert_close(large(x) + small(x), single(x))
    for output in (large(x) + small(x), single(x)):
        output.tanh().square().sum().backward()
    torch.optim.SGD([large.weight, small.weight, single.weight], lr=0.01).step()
    moved, alone = kernel() - before, single.weight.detach() - before
    factor = torch.ones(3, 3, dtype=torch.float64)
    factor[1, 1] = 2
    torch.testing.assert_close(moved, alone * factor)


def test_small_images() -> None:
    """At 32 by 32, A0 leaves one pixel before the mean over the map, the network of use.py 8 by 8."""
    x = torch.rand(2, 3, 32, 32)
    usual = RepVGG((1, 1, 1, 1), width=0.125, last=0.25)
    assert nn.Sequential(*list(usual.children())[:-1])(x).shape[2:] == (1, 1)
    assert repvgg_for_small_images(10, widths=(8, 8, 8), blocks=1)[:-3](x).shape[2:] == (8, 8)


def test_train_mode_differs() -> None:
    """The fused block gives the outputs of eval mode; in train mode the branches take the batch's statistics."""
    torch.manual_seed(0)
    block = RepBlock(4, 4)
    x = 3 * torch.randn(8, 4, 6, 6) + 1
    single = as_convolution(copy.deepcopy(block))
    assert (block.train()(x) - single(x).relu()).abs().max() > 1
    for _ in range(300):
        block(x)  # its running statistics become the batch's
    torch.testing.assert_close(block.eval()(x), as_convolution(block)(x).relu(), rtol=1e-4, atol=1e-4)


def test_optimizer_keeps_old_parameters() -> None:
    """An optimizer that was made before fusing changes nothing of the fused network."""
    model = repvgg_for_small_images(3, widths=(4,), blocks=2)
    optimizer = torch.optim.SGD(model[:2].parameters(), lr=1.0)
    for module in model[:2]:
        assert isinstance(module, UseBlock)
        module.eval().fuse()
    model(torch.rand(2, 3, 8, 8)).sum().backward()
    before = copy.deepcopy(model.state_dict())
    optimizer.step()
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    torch.optim.SGD(model.parameters(), lr=1.0).step()
    assert not all(torch.equal(before[name], value) for name, value in model.state_dict().items())


def test_quiet_channel_ruins_rounding() -> None:
    """A running variance of 0.0001 makes a weight of 95; in 8 bits with one scale all others below 0.37 become 0."""
    torch.manual_seed(0)
    block = UseBlock(16, 16)
    assert block.identity is not None
    block.identity.get_buffer("running_var")[3] = 1e-4
    block.eval().fuse()
    assert block.single is not None
    kernel = block.single.weight.detach()
    assert kernel.abs().max() == kernel[3, 3, 1, 1]
    assert kernel[3, 3, 1, 1].item() == pytest.approx(95, abs=1)
    scale = kernel.abs().max() / 127
    rounded = (kernel / scale).round() * scale
    others = kernel.abs() < 0.37
    assert others.float().mean() > 0.99
    assert (rounded[others] == 0).all()
    own = kernel.flatten(1).abs().amax(dim=1)[:, None, None, None] / 127  # a scale for each output channel
    kept = (kernel / own).round() * own
    rest = [c for c in range(16) if c != 3]
    assert (kept[rest] - kernel[rest]).norm() < 0.05 * kernel[rest].norm()
