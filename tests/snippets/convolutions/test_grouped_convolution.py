"""Grouped convolution: equal to torch in two ways, its cost, what an output sees, and the claims of its page."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from snippets.convolutions.grouped_convolution.evidence import CHANNELS, SIZE, cost
from snippets.convolutions.grouped_convolution.from_scratch import dense_kernel, group_by_group
from snippets.convolutions.grouped_convolution.use import grouped_branch

Evidence = Callable[..., Any]


def small() -> tuple[nn.Module, Tensor]:
    return grouped_branch(12, 8, group_width=2, stride=2), torch.rand(2, 12, 9, 9)


def test_equals_torch() -> None:
    """Both ways equal torch's groups, in output and gradients of input and weight, in 100 random layers."""
    torch.manual_seed(0)
    draw = random.Random(0)
    for _ in range(100):
        groups, channels, outputs = draw.randint(1, 4), draw.randint(1, 3), draw.randint(1, 3)  # of each group
        geometry = {"stride": draw.randint(1, 3), "padding": draw.randint(0, 2), "dilation": draw.randint(1, 2)}
        kernel = (draw.randint(1, 3), draw.randint(1, 4))
        x = torch.randn(2, groups * channels, 9, 8, dtype=torch.float64, requires_grad=True)
        weight = torch.randn(groups * outputs, channels, *kernel, dtype=torch.float64, requires_grad=True)
        sides = []
        for y in (
            F.conv2d(x, weight, groups=groups, **geometry),
            group_by_group(x, weight, groups, **geometry),
            F.conv2d(x, dense_kernel(weight, groups), **geometry),
        ):
            sides.append([y, *torch.autograd.grad(y.square().sum(), [x, weight])])
        for side in sides[1:]:
            for mine, its in zip(side, sides[0], strict=True):
                torch.testing.assert_close(mine, its)


def test_cost_is_divided_by_the_groups() -> None:
    """Weights and multiply-adds, as torch counts them, of 50 random layers: a dense layer's over g; the bias is not."""
    draw = random.Random(0)
    for _ in range(50):
        groups, k, stride = draw.randint(1, 8), draw.randint(1, 5), draw.randint(1, 2)
        channels, outputs = groups * draw.randint(1, 8), groups * draw.randint(1, 8)
        x = torch.empty(1, channels, 16, 16, device="meta")
        with torch.device("meta"):
            grouped, dense = (nn.Conv2d(channels, outputs, k, stride, groups=g) for g in (groups, 1))
        assert grouped.weight.numel() * groups == dense.weight.numel()
        work = []
        for layer in (grouped, dense):
            with FlopCounterMode(display=False) as counter:
                layer(x)
            work.append(counter.get_total_flops())
        assert work[0] * groups == work[1]
        assert grouped.bias is not None
        assert grouped.bias.numel() == outputs


def test_extremes() -> None:
    """One group is the dense convolution, and as many groups as channels the depthwise one."""
    torch.manual_seed(0)
    x = torch.randn(1, 6, 5, 5, requires_grad=True)
    for groups, seen in ((1, list(range(6))), (6, [2])):
        (grad,) = torch.autograd.grad(nn.Conv2d(6, 6, 3, groups=groups)(x)[0, 2].sum(), x)
        assert grad[0].flatten(1).abs().sum(dim=1).nonzero().flatten().tolist() == seen
    assert nn.Conv2d(6, 6, 3, groups=1).weight.shape == nn.Conv2d(6, 6, 3).weight.shape


def test_groups_do_not_meet(evidence: Evidence) -> None:
    """Two grouped layers see the own group; with a channel shuffle between, or a 1 × 1 after one, all channels."""
    reached = {name: torch.tensor(seen, dtype=torch.bool) for name, seen in evidence()["reach"].items()}
    three, five = (torch.zeros(CHANNELS, SIZE, SIZE, dtype=torch.bool) for _ in range(2))
    three[:, 2:5, 2:5] = True
    five[:, 1:6, 1:6] = True
    own = torch.tensor([True] * 3 + [False] * 3)[:, None, None]
    assert torch.equal(reached["2 groups"], three & own)
    assert torch.equal(reached["2 groups, twice"], five & own)
    assert torch.equal(reached["2 groups, then 1×1"], three)
    assert torch.equal(reached["2 groups, channel shuffle, 2 groups"], five)


def test_equal_work_moves_more(evidence: Evidence) -> None:
    """g groups and root g times the channels: equal weights and multiply-adds; at 64 groups 5.0 times as much moves."""
    costs = evidence()["costs"]
    equal = [costs[f"{c:,} channels, groups: {g}"] for c, g in ((128, 1), (256, 4), (512, 16), (1024, 64))]
    assert len({(row["weights"], row["multiply_adds"]) for row in equal}) == 1
    moved = [row["moved"] for row in equal]
    assert moved == sorted(moved)
    assert moved[-1] / moved[0] == pytest.approx(5.0, abs=0.05)
    assert cost(256, 4) == equal[1]


def test_fewer_for_each_number(evidence: Evidence) -> None:
    """At 128 channels, 16 groups save 94% of the multiply-adds and 40% of the numbers moved."""
    costs = evidence()["costs"]
    dense, grouped = (costs[f"128 channels, groups: {g}"] for g in (1, 16))
    assert 1 - grouped["multiply_adds"] / dense["multiply_adds"] == pytest.approx(0.94, abs=0.005)
    assert 1 - grouped["moved"] / dense["moved"] == pytest.approx(0.40, abs=0.005)


def test_paths_are_one_block() -> None:
    """32 small paths of 1 × 1, 3 × 3, 1 × 1 with ReLU, added up, equal one path with a grouped 3 × 3."""
    torch.manual_seed(0)
    x = torch.randn(2, 64, 7, 7, dtype=torch.float64)
    paths, width = 32, 4
    first = torch.randn(paths * width, 64, 1, 1, dtype=torch.float64)
    middle = torch.randn(paths * width, width, 3, 3, dtype=torch.float64)
    last = torch.randn(64, paths * width, 1, 1, dtype=torch.float64)
    together = F.conv2d(F.conv2d(F.conv2d(x, first).relu(), middle, padding=1, groups=paths).relu(), last)
    added = torch.zeros_like(together)
    for p in range(paths):
        own = slice(p * width, (p + 1) * width)
        added += F.conv2d(F.conv2d(F.conv2d(x, first[own]).relu(), middle[own], padding=1).relu(), last[:, own])
    torch.testing.assert_close(added, together)


@pytest.mark.parametrize("groups", [4, 16, 64])
def test_fan_out_is_too_small(groups: int) -> None:
    """Kaiming with fan_out divides a grouped layer's weights by root g, and the output's second moment by g."""
    torch.manual_seed(0)
    x = torch.randn(4, 64, 12, 12).relu()
    layer = nn.Conv2d(64, 64, 3, groups=groups, bias=False)
    moments, spreads = [], []
    for mode in ("fan_in", "fan_out"):
        several = []
        for _ in range(10):
            nn.init.kaiming_normal_(layer.weight, mode=mode)
            several.append(torch.stack([layer(x).relu().square().mean(), layer.weight.var()]).detach())
        moment, variance = torch.stack(several).mean(dim=0).tolist()
        moments.append(moment)
        spreads.append(variance**0.5)
    assert spreads[0] / spreads[1] == pytest.approx(groups**0.5, rel=0.05)
    assert moments[0] / moments[1] == pytest.approx(groups, rel=0.2)
    assert moments[0] == pytest.approx(x.square().mean().item(), rel=0.2)
    own = grouped_branch(64, 64, group_width=64 // groups)[3].weight
    assert own.std().item() == pytest.approx((2 / (9 * 64 / groups)) ** 0.5, rel=0.15)


def test_channels_must_be_divisible() -> None:
    """Both numbers of channels are multiples of the groups, or the constructor says which is not."""
    for channels, outputs, name in ((10, 8, "in_channels"), (8, 10, "out_channels")):
        with pytest.raises(ValueError, match=f"{name} must be divisible by groups"):
            nn.Conv2d(channels, outputs, 3, groups=4)
    with pytest.raises(ValueError, match="no multiple of group_width"):
        grouped_branch(64, 30, group_width=4)


def test_dense_weights_do_not_fit() -> None:
    """conv2d expects 64 channels, load_state_dict sees a size mismatch; the blocks on the diagonal fit."""
    torch.manual_seed(0)
    x, dense = torch.randn(1, 8, 5, 5), nn.Conv2d(8, 8, 3, bias=False)
    with pytest.raises(RuntimeError, match="to have 64 channels, but got 8 channels instead"):
        F.conv2d(x, dense.weight, groups=8)
    grouped = nn.Conv2d(8, 8, 3, groups=4, bias=False)
    with pytest.raises(RuntimeError, match="size mismatch for weight"):
        grouped.load_state_dict(dense.state_dict())
    blocks = torch.cat([dense.weight[i : i + 2, i : i + 2] for i in range(0, 8, 2)])
    grouped.load_state_dict({"weight": blocks})
    kept = dense.weight.detach() * dense_kernel(torch.ones_like(blocks), 4)
    torch.testing.assert_close(grouped(x), F.conv2d(x, kept))
