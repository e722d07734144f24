"""MnasNet: equal to torchvision and timm, their counts, and the claims of its page."""

from __future__ import annotations

import random
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from snippets.experiment import stages
from snippets.mobile.mnasnet.from_scratch import STAGES, InvertedResidual, MnasNet, Squeeze
from snippets.mobile.mnasnet.use import Candidate, reward
from tests.support import oracles  # noqa: F401 - before torchvision
from tests.support.counting import blocks_of, multiply_adds
from tests.support.networks import parameters_of, same_logits


def small() -> tuple[nn.Module, Tensor]:
    """A1, at a quarter of its width."""
    return MnasNet("a1", width=0.25, classes=10, dropout=0.0), torch.randn(2, 3, 32, 32)


@pytest.mark.parametrize(("width", "name"), [(0.5, "mnasnet0_5"), (1.0, "mnasnet1_0")])
def test_equals_torchvision(width: float, name: str) -> None:
    """B1: logits in both modes, and the running statistics, with torchvision's weights."""
    from torchvision import models

    same_logits(partial(MnasNet, "b1", width), getattr(models, name))


def test_equals_timm() -> None:
    """A1: logits in both modes, and the running statistics, with timm's weights; its momentum is torch's default."""
    import timm

    same_logits(partial(MnasNet, "a1", momentum=0.1), partial(timm.create_model, "semnasnet_100", drop_rate=0.2))


def test_parameters() -> None:
    """B1 as many as torchvision's, at its four widths, and timm's; A1 as many as timm's."""
    import timm
    from torchvision import models

    assert parameters_of(partial(MnasNet, "b1")) == parameters_of(partial(timm.create_model, "mnasnet_100"))
    assert (
        parameters_of(partial(MnasNet, "b1")) == models.MNASNet1_0_Weights.IMAGENET1K_V1.meta["num_params"] == 4_383_312
    )
    for width, name in {0.5: "0_5", 0.75: "0_75", 1.3: "1_3"}.items():
        weights = getattr(models, f"MNASNet{name}_Weights").IMAGENET1K_V1
        assert parameters_of(partial(MnasNet, "b1", width)) == weights.meta["num_params"]
    assert (
        parameters_of(partial(MnasNet, "a1")) == parameters_of(partial(timm.create_model, "semnasnet_100")) == 3_887_038
    )
    with torch.device("meta"):
        squeezed = [any(isinstance(m, Squeeze) for m in part.modules()) for part in MnasNet("a1").children()]
        assert not any(isinstance(m, Squeeze) for m in MnasNet("b1").modules())
    assert [place for place, found in enumerate(squeezed) if found] == [3, 5, 6]  # the stem is 0


def test_multiply_adds(evidence: Any) -> None:
    """314 million for B1, as torchvision says, and 312 million for A1."""
    from torchvision import models

    with torch.device("meta"):
        a1 = stages(MnasNet("a1"))
    total = evidence()["multiply_adds"]
    assert total / 1e9 == pytest.approx(models.MNASNet1_0_Weights.IMAGENET1K_V1.meta["_ops"], abs=0.0006)
    assert round(total / 1e6) == 314
    assert round(sum(row["multiply_adds"] for row in a1.values()) / 1e6) == 312


def cost(channels: int, out: int, kernel: int, factor: int, stride: int, squeeze: bool, h: int, w: int) -> int:
    """The page's formula; at factor 1 the first convolution is left out."""
    wide = factor * channels
    widen = h * w * channels * wide if factor > 1 else 0
    after = (h // stride) * (w // stride) * wide * (kernel**2 + out)
    return widen + after + (2 * wide * round(channels / 4) if squeeze else 0)


def test_cost_of_a_block() -> None:
    """The formula for 80 random blocks, with and without squeeze, stride and first convolution; and for each block of
    B1 and A1 on an image of 224 by 224."""
    chance = random.Random(0)
    for _ in range(80):
        channels, out, kernel = chance.choice((8, 16, 40)), chance.choice((8, 16, 24, 40)), chance.choice((3, 5))
        factor, stride, squeeze = chance.choice((1, 3, 6)), chance.choice((1, 2)), chance.random() < 0.5
        h, w = 2 * chance.randint(1, 10), 2 * chance.randint(1, 10)
        with torch.device("meta"):
            block = InvertedResidual(channels, out, kernel, factor, stride, squeeze, 0.1)
        assert multiply_adds(block, channels, h, w) == cost(channels, out, kernel, factor, stride, squeeze, h, w)
    for name, stages_of in STAGES.items():
        with torch.device("meta"):
            blocks = iter(blocks_of(MnasNet(name), InvertedResidual, 3, 224, 224))
        for kernel, factor, out, count, stride, squeeze in stages_of:
            for place in range(count):
                _, (channels, h, w), found = next(blocks)
                assert found == cost(channels, out, kernel, factor, 1 if place else stride, squeeze, h, w)
        assert next(blocks, None) is None


def test_cost_of_the_squeeze() -> None:
    """In A1 the squeezes hold 7% of the parameters."""
    with torch.device("meta"):
        inside = sum(p.numel() for m in MnasNet("a1").modules() if isinstance(m, Squeeze) for p in m.parameters())
    assert inside / 3_887_038 == pytest.approx(0.07, abs=0.005)


def test_reward_trade() -> None:
    """At any accuracy, latency and target: twice the time is worth 5% of the accuracy, at the default power."""
    chance = random.Random(0)
    for _ in range(100):
        accuracy, latency, target = chance.uniform(0.01, 1), chance.uniform(1, 500), chance.uniform(1, 500)
        slow, fast = Candidate("slow", 1.05 * accuracy, 2 * latency), Candidate("fast", accuracy, latency)
        assert reward(slow, target) == pytest.approx(reward(fast, target), rel=0.001)
        said = accuracy * (latency / target) ** -0.07
        assert reward(fast, target) == pytest.approx(said)
    with pytest.raises(ValueError, match="latencies must be positive"):
        reward(Candidate("none", 0.7, 0), 10)


def test_target_only_scales() -> None:
    """Random candidates keep their order under any target with one power; with 0 and -1 the winner changes."""
    chance = random.Random(0)
    changed = 0
    for _ in range(50):
        candidates = [Candidate(str(n), chance.uniform(50, 80), chance.uniform(5, 200)) for n in range(6)]
        targets = [chance.uniform(5, 200) for _ in range(5)]
        power = -chance.uniform(0.01, 1)
        orders = [sorted(candidates, key=partial(reward, target=t, below=power, above=power)) for t in targets]
        assert all(order == orders[0] for order in orders)
        winners = {max(candidates, key=partial(reward, target=t, below=0, above=-1)).name for t in (5, 200)}
        changed += len(winners) > 1
    assert changed > 25


def test_momentum_of_torchvision() -> None:
    """Each batch normalization of each of torchvision's four, and of ours by default: 0.0003; torch's own is 0.1."""
    from torchvision import models

    with torch.device("meta"):
        networks = [getattr(models, f"mnasnet{name}")() for name in ("0_5", "0_75", "1_0", "1_3")]
        for model in (*networks, MnasNet("b1"), MnasNet("a1")):
            norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
            assert norms
            assert all(m.momentum == pytest.approx(0.0003) for m in norms)
    assert nn.BatchNorm2d(1).momentum == 0.1


@pytest.mark.parametrize(("momentum", "updates", "left"), [(0.0003, 1000, 0.74), (0.1, 100, 0.0)])
def test_slow_statistics(momentum: float, updates: int, left: float) -> None:
    """What is left of the old mean and variance after updates by batches whose mean is 0 and whose variance is 1."""
    norm = nn.BatchNorm1d(1, momentum=momentum).double()
    assert norm.running_mean is not None
    assert norm.running_var is not None
    norm.running_mean.fill_(1)
    norm.running_var.fill_(2)
    batch = torch.tensor([[-1.0], [1.0]], dtype=torch.float64) / 2**0.5  # its variance, as torch keeps it, is 1
    with torch.no_grad():
        for _ in range(updates):
            norm(batch)
    tolerance = 0.001 if left else 1e-4
    assert norm.running_mean.item() == pytest.approx(left, abs=tolerance)
    assert norm.running_var.item() - 1 == pytest.approx(left, abs=tolerance)


def test_time_of_an_operation(evidence: Any) -> None:
    """The authors' times: 0.23 to 0.43 ms for a million multiply-adds; least at width 1.4, most at 0.35, more on 96."""
    shares = evidence("latency")["milliseconds_per_million"]
    every = [share for row in shares.values() for share in row]
    assert len(every) == 25
    assert (round(min(every), 2), round(max(every), 2)) == (0.23, 0.43)
    assert all(row[0] == min(row) and row[-1] == max(row) for row in shares.values())
    sizes = [shares[str(size)] for size in (224, 192, 160, 128, 96)]
    assert all(large < small for large, small in zip(sizes[0], sizes[-1], strict=True))
