"""FBNet: equal to timm's network, the search's loss and mixture, and the claims of its page."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from snippets.mobile.fbnet.evidence_search import KERNELS, WEIGHTS, search
from snippets.mobile.fbnet.from_scratch import STAGES, Block, FBNetC
from snippets.mobile.fbnet.use import Choice, search_loss
from tests.support import oracles  # noqa: F401 - before timm
from tests.support.counting import blocks_of, multiply_adds
from tests.support.networks import parameters_of, same_logits

PARAMETERS = 5_572_200


def small() -> tuple[nn.Module, Tensor]:
    """A quarter of the width, for images of 32 by 32."""
    return FBNetC(classes=10, width=0.25), torch.randn(2, 3, 32, 32)


def test_equals_timm() -> None:
    """Logits in both modes, running statistics and 5,572,200 parameters of timm's fbnetc_100."""
    import timm

    same_logits(FBNetC, lambda: timm.create_model("fbnetc_100"))
    assert parameters_of(FBNetC) == parameters_of(lambda: timm.create_model("fbnetc_100")) == PARAMETERS


def test_multiply_adds(evidence: Any) -> None:
    """385 million; without the last layer the 383.0 million of the authors' table; a third of the weights in it."""
    found = evidence()
    assert found["parameters"] == PARAMETERS
    assert found["multiply_adds"] / 1e6 == pytest.approx(385.0, abs=0.05)
    head = found["stages"]["head"]
    assert (found["multiply_adds"] - head["multiply_adds"]) / 1e6 == pytest.approx(383.0, abs=0.05)
    assert head["parameters"] / PARAMETERS == pytest.approx(0.356, abs=1e-3)


def cost(channels: int, out: int, kernel: int, expansion: int, stride: int, h: int, w: int) -> int:
    """The page's formula."""
    wide = expansion * channels
    return h * w * channels * wide + (h // stride) * (w // stride) * wide * (kernel**2 + out)


def test_cost_of_a_block() -> None:
    """The formula for 80 random blocks, of both strides and expansions from 1; and for each block of FBNet-C on an
    image of 224 by 224."""
    chance = random.Random(0)
    for _ in range(80):
        channels, out, kernel = chance.choice((8, 16, 40)), chance.choice((8, 16, 24, 40)), chance.choice((3, 5))
        expansion, stride = chance.choice((1, 3, 6)), chance.choice((1, 2))
        h, w = 2 * chance.randint(1, 10), 2 * chance.randint(1, 10)
        with torch.device("meta"):
            block = Block(channels, out, kernel, expansion, stride)
        assert multiply_adds(block, channels, h, w) == cost(channels, out, kernel, expansion, stride, h, w)
    with torch.device("meta"):
        blocks = iter(blocks_of(FBNetC(), Block, 3, 224, 224))
    for out, stride, chosen in STAGES:
        for place, (kernel, expansion) in enumerate(chosen):
            _, (channels, h, w), found = next(blocks)
            assert found == cost(channels, out, kernel, expansion, 1 if place else stride, h, w)
    assert next(blocks, None) is None


def test_what_the_search_chose() -> None:
    """15 of 21 blocks have 5×5, all halving ones expansion 6; smaller expansions: only blocks after a stage's first."""
    blocks = [block for *_, chosen in STAGES for block in chosen]
    assert len(blocks) == 21
    assert sum(kernel == 5 for kernel, _ in blocks) == 15
    assert all(chosen[0][1] == 6 for _, stride, chosen in STAGES if stride == 2)
    assert sum(stride == 2 for _, stride, _ in STAGES) == 4
    assert sum(expansion < 6 for *_, chosen in STAGES[1:] for _, expansion in chosen[1:]) == 5
    assert all(chosen[0][1] == 6 for *_, chosen in STAGES[1:])


def test_keeps_the_first_convolution() -> None:
    """At expansion 1 the 1×1 convolution stays; without it, as in MobileNetV2, there would be 1,536 weights fewer."""
    saved = 0
    for module in FBNetC().modules():
        if isinstance(module, Block):
            first = module.branch[0]
            assert isinstance(first, nn.Conv2d)
            assert first.kernel_size == (1, 1)
            if first.in_channels == first.out_channels:
                saved += sum(p.numel() for p in module.branch[:2].parameters())
    assert saved == 1_536


def choice() -> Choice:
    torch.manual_seed(0)
    blocks = [nn.Identity(), *(nn.Conv2d(4, 4, k, padding=k // 2) for k in (1, 3, 5))]
    return Choice(blocks, [0.5, 1.0, 4.0, 9.0])


def test_cost_has_a_gradient() -> None:
    """Twenty draws: output and cost are the mixture by the shares; the cost's gradient has the sign of what a block
    costs more than the mixture."""
    layer, x = choice(), torch.randn(2, 4, 6, 6)
    for seed in range(20):
        torch.manual_seed(seed)
        shares = nn.functional.gumbel_softmax(layer.scores, tau=2.0)
        torch.manual_seed(seed)
        mixture, cost = layer(x, temperature=2.0)
        wanted = sum(share * block(x) for share, block in zip(shares, layer.blocks, strict=True))
        torch.testing.assert_close(mixture, wanted)
        torch.testing.assert_close(cost, (shares * layer.costs).sum())
        gradient = torch.autograd.grad(cost, layer.scores)[0]
        slope = shares.detach() * (layer.costs - cost.detach()) / 2.0  # of a softmax at temperature 2
        torch.testing.assert_close(gradient, slope)
        assert torch.equal(gradient > 0, layer.costs > cost)
        assert gradient[0] < 0 < gradient[-1]
    with pytest.raises(ValueError, match="2 blocks have 3 costs"):
        Choice([nn.Identity(), nn.Identity()], [1.0, 2.0, 3.0])


def test_loss_of_the_search() -> None:
    """CE α log(cost)^β, values and gradients by differences; with β 0 the cost does not count."""
    torch.manual_seed(0)
    for alpha, beta in ((0.2, 0.6), (1.0, 2.0), (0.5, 0.0)):
        task, cost = torch.tensor(1.7, dtype=torch.float64), torch.tensor(9.0, dtype=torch.float64, requires_grad=True)
        loss = search_loss(task, cost, alpha, beta)
        assert loss.item() == pytest.approx(1.7 * alpha * torch.tensor(9.0).log().item() ** beta, rel=1e-6)
        assert torch.autograd.gradcheck(lambda c, t=task, a=alpha, b=beta: search_loss(t, c, a, b), (cost,))
        assert bool(torch.autograd.grad(loss, cost)[0] != 0) == (beta != 0)


def test_temperature_makes_choices_definite() -> None:
    """Equal scores, a thousand draws: largest share below 0.3 on average at temperature 20, above 0.99 at 0.01."""
    torch.manual_seed(0)
    largest = {t: nn.functional.gumbel_softmax(torch.zeros(1000, 4), tau=t).max(1).values for t in (20.0, 1.0, 0.01)}
    means = [values.mean().item() for values in largest.values()]
    assert means == sorted(means)
    assert 0.25 <= means[0] < 0.3
    assert means[-1] > 0.99


def test_mixture_runs_every_block() -> None:
    """Multiply-adds of the mixture are the sum over all candidates; those of the chosen network one of them."""
    layer, x, counts = choice(), torch.zeros(1, 4, 8, 8), []
    for block in [layer, *layer.blocks]:
        with FlopCounterMode(display=False) as counter:
            block(x)
        counts.append(counter.get_total_flops())
    assert counts[0] == sum(counts[1:])
    with torch.no_grad():
        layer.scores.copy_(torch.tensor([0.0, 0.0, 3.0, 1.0]))
    assert layer.best() is layer.blocks[2]


def test_cheaper_as_cost_weighs_more(evidence: Any) -> None:
    """7×7 without a weight, 5×5 from 0.3 to 1.2, 3×3 from 2.4 on: the largest share of four."""
    found = evidence("search")
    chosen = []
    for beta in WEIGHTS:
        shares = found[f"{beta:g}"]
        chosen.append(max(shares, key=lambda name: shares[name]))
    assert chosen == ["7×7", "5×5", "5×5", "5×5", "3×3", "3×3"]
    assert set(search(0.0)) == set(KERNELS)
