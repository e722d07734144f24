"""MixNet: equal to timm's networks, what a mixed convolution is, and the claims of its page."""

from __future__ import annotations

import random
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from snippets.experiment import stages
from snippets.mobile.mixnet.from_scratch import SIZES, Mixed, MixNet, S, Squeeze
from snippets.mobile.mixnet.use import MixConv2d, mixed_block
from tests.support import oracles  # noqa: F401 - before timm
from tests.support.networks import filled, parameters_of, same_logits

PARAMETERS = {"s": 4_134_606, "m": 5_014_382, "l": 7_329_252}


def small() -> tuple[nn.Module, Tensor]:
    """The small form at a quarter of its width."""
    return MixNet("s", classes=10, width=0.25), torch.randn(2, 3, 32, 32)


@pytest.mark.parametrize("size", ["s", "m"])
def test_equals_timm(size: str) -> None:
    """Logits in both modes and running statistics of timm's network, S and M."""
    import timm

    same_logits(lambda: MixNet(size), lambda: timm.create_model(f"mixnet_{size}"), shape=(2, 3, 32, 32))


def test_parameters() -> None:
    """S, M and L have as many parameters as timm's, also those that take the authors' weights."""
    import timm

    for size, count in PARAMETERS.items():
        assert parameters_of(partial(MixNet, size)) == count
        for name in (f"mixnet_{size}", f"tf_mixnet_{size}"):
            assert parameters_of(partial(timm.create_model, name)) == count


def test_multiply_adds(evidence: Any) -> None:
    """239 million for S, 339 for M, 555 for L; S's last layer has 37% of its parameters."""
    found = evidence()
    assert found["parameters"] == PARAMETERS["s"]
    totals = {}
    for size in SIZES:
        with torch.device("meta"):
            totals[size] = sum(row["multiply_adds"] for row in stages(MixNet(size)).values())
    assert totals["s"] == found["multiply_adds"]
    assert {size: round(total / 1e6) for size, total in totals.items()} == {"s": 239, "m": 339, "l": 555}
    assert found["stages"]["head"]["parameters"] / PARAMETERS["s"] == pytest.approx(0.37, abs=0.005)


def test_mixed_is_one_padded_depthwise() -> None:
    """Forty random layers: a depthwise convolution of the largest size whose smaller kernels stand among zeros."""
    draw = random.Random(0)
    torch.manual_seed(0)
    for _ in range(40):
        kernels = draw.sample([1, 3, 5, 7, 9], draw.randint(1, 4))
        channels, stride = draw.randint(len(kernels), 12), draw.randint(1, 2)
        layer: Any = MixConv2d(channels, kernels, stride).double()
        x = torch.randn(2, channels, draw.randint(6, 11), 9, dtype=torch.float64, requires_grad=True)
        largest = max(kernels)
        wide = [F.pad(part.weight, [(largest - part.kernel_size[0]) // 2] * 4) for part in layer.parts]
        theirs = F.conv2d(x, torch.cat(wide), stride=stride, padding=largest // 2, groups=channels)
        ours = layer(x)
        torch.testing.assert_close(ours, theirs)
        grad = torch.randn_like(ours)
        torch.testing.assert_close(torch.autograd.grad(ours, x, grad)[0], torch.autograd.grad(theirs, x, grad)[0])
        if stride == 1:
            other = Mixed(channels, channels, kernels, depthwise=True).double()
            other.load_state_dict(layer.state_dict())
            torch.testing.assert_close(other(x), ours)
    for wrong in ((3, 4), (3, 3, 3)):
        with pytest.raises(ValueError, match="needs odd kernels, at most one for each of 2 channels"):
            MixConv2d(2, wrong)


def test_weights_are_the_mean_square() -> None:
    """Equal parts: channels times the mean of k²; 3, 5, 7 cost 27.7 weights a channel, 56% of 7×7's 49."""
    for kernels in ((3,), (3, 5), (3, 5, 7), (3, 5, 7, 9), (3, 5, 7, 9, 11)):
        channels = 60
        count = sum(p.numel() for p in MixConv2d(channels, kernels).parameters())
        assert count == channels * sum(k**2 for k in kernels) / len(kernels)
    mean = (9 + 25 + 49) / 3
    assert mean == pytest.approx(27.7, abs=0.05)
    assert mean / 49 == pytest.approx(0.56, abs=0.006)


def test_parts_see_differently_far() -> None:
    """Gradients: part n of a layer reads k_n × k_n pixels of its own channels, and no other channel."""
    kernels = (3, 5, 7, 9, 11)
    layer: Any = MixConv2d(10, kernels)
    for part in layer.parts:
        nn.init.ones_(part.weight)
    x = torch.zeros(1, 10, 15, 15, requires_grad=True)
    y = layer(x)
    for channel in range(10):
        read = torch.autograd.grad(y[0, channel, 7, 7], x, retain_graph=True)[0][0] > 0
        assert read[channel].sum() == kernels[channel // 2] ** 2
        assert read.sum() == read[channel].sum()


def test_two_parts_are_groups() -> None:
    """1×1 over two equal parts is a grouped convolution with 2 groups: same numbers, half the weights of one."""
    torch.manual_seed(0)
    for channels, out in ((8, 24), (40, 12)):
        layer: Any = Mixed(channels, out, [1, 1])
        grouped = nn.Conv2d(channels, out, 1, groups=2, bias=False)
        grouped.weight.data = torch.cat([part.weight for part in layer.parts])
        x = torch.randn(2, channels, 5, 5)
        torch.testing.assert_close(layer(x), grouped(x))
        assert 2 * sum(p.numel() for p in layer.parameters()) == channels * out


def test_halves_meet_only_in_the_squeeze() -> None:
    """S, second blocks of stages 1 and 2: no gradient from one half to the other but through the squeeze."""
    model = filled(MixNet).eval()
    for stage, has in (("stage1", False), ("stage2", True)):
        blocks: Any = model.get_submodule(stage)
        second = blocks[1]
        channels = second.branch[0].shares[0] * 2
        x = torch.randn(1, channels, 6, 6, requires_grad=True)
        places = [n for n, layer in enumerate(second.branch) if isinstance(layer, Squeeze)]
        assert bool(places) == has
        for squeeze in (True, False):
            if not squeeze:
                for place in places:
                    second.branch[place] = nn.Identity()
            gradient = torch.autograd.grad(second(x)[:, : channels // 2].square().sum(), x)[0]
            assert gradient[:, : channels // 2].abs().max() > 0
            assert bool(gradient[:, channels // 2 :].abs().max() > 0) == (squeeze and has)


def test_large_kernels_stand_late() -> None:
    """S: up to 3 in stage 1, 7 in stages 2 and 3, 9 in stage 4 and 11 in stage 5."""
    assert [max(max(row.kernels) for row in stage) for stage in S] == [3, 7, 7, 9, 11]
    assert S[-1][0].kernels == (3, 5, 7, 9, 11)
    assert S[-1][0].stride == 2


def test_taps_on_padding() -> None:
    """On 7 × 7, 53% of the taps of a 9×9 kernel lie on padding, 18% of those of 3×3."""
    shares = {}
    for kernel in (3, 5, 7, 9):
        inside = F.conv2d(torch.ones(1, 1, 7, 7), torch.ones(1, 1, kernel, kernel), padding=kernel // 2).sum().item()
        shares[kernel] = 1 - inside / (49 * kernel**2)
    assert shares[9] == pytest.approx(0.53, abs=0.005)
    assert shares[3] == pytest.approx(0.18, abs=0.005)
    assert list(shares.values()) == sorted(shares.values())


def test_block_of_the_code() -> None:
    """The block halves odd and even maps as its 3×3 part would alone, and all parts agree."""
    for size in range(4, 12):
        for stride in (1, 2):
            y = mixed_block(4, 6, (3, 5, 7), stride).eval()(torch.zeros(1, 4, size, size))
            assert y.shape == (1, 6, -(-size // stride), -(-size // stride))
