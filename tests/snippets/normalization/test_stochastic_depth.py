"""Stochastic depth: equal to torchvision and timm under one seed, closed forms, and the claims of its page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from snippets.normalization.stochastic_depth.evidence import train
from snippets.normalization.stochastic_depth.from_scratch import SkippedBlock, survival
from snippets.normalization.stochastic_depth.use import DropPath, Residual, drop_path_rates
from tests.support import oracles  # noqa: F401 - before torchvision
from tests.support.rates import learning_rate_times

WIDE, WIDE_DROPPED = "200 images, width 32, last rate 0", "200 images, width 32, last rate 0.5"
NARROW, NARROW_DROPPED = "1,000 images, width 12, last rate 0", "1,000 images, width 12, last rate 0.5"


def seeded(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Its output under seed 0."""
    torch.manual_seed(0)
    return function(x)


@pytest.mark.parametrize("shape", [(16, 3), (16, 5, 3), (16, 3, 4, 4), (16, 3, 2, 4, 4)])
@pytest.mark.parametrize("p", [0.0, 0.2, 0.5, 0.9])
def test_equals_torchvision_and_timm(p: float, shape: tuple[int, ...]) -> None:
    """Outputs and gradients of DropPath equal those of both libraries under one seed, in four dtypes and two modes."""
    from timm.layers import DropPath as TimmsDropPath
    from torchvision.ops import StochasticDepth

    for dtype in (torch.float32, torch.float64, torch.bfloat16, torch.float16):
        x = torch.randn(shape).to(dtype).requires_grad_()
        grad = torch.randn(shape).to(dtype)
        for training in (True, False):
            layers: list[nn.Module] = [DropPath(p), StochasticDepth(p, "row"), TimmsDropPath(p)]
            outputs = [seeded(layer.train(training), x) for layer in layers]
            gradients = [torch.autograd.grad(out, x, grad, allow_unused=True)[0] for out in outputs]
            for out, gradient in zip(outputs[1:], gradients[1:], strict=True):
                assert torch.equal(outputs[0], out)
                assert torch.equal(gradients[0], gradient)


@pytest.mark.parametrize("p", [0.2, 0.5, 0.9])
def test_mean_of_training_is_evaluation(p: float) -> None:
    """A sample is x or x + branch(x) / (1 - p); the mean over draws is x + branch(x), which evaluation returns."""
    torch.manual_seed(0)
    block = Residual(nn.Linear(3, 3).double(), p)
    x = torch.tensor([[-1.0, 0.5, 2.0]], dtype=torch.float64)
    with torch.no_grad():
        out = block(x.expand(100_000, 3))
        for value in out[:50]:
            assert torch.equal(value, x[0]) or torch.allclose(value, x[0] + block.branch(x)[0] / (1 - p))
        spread = (p / (1 - p) / 100_000) ** 0.5 * block.branch(x).abs().max().item()
        torch.testing.assert_close(out.mean(dim=0), block.eval()(x)[0], rtol=0, atol=5 * spread)
        assert torch.equal(block(x), x + block.branch(x))


@pytest.mark.parametrize("p", [0.2, 0.5, 0.9])
def test_paper_and_libraries_agree_up_to_a_factor(p: float) -> None:
    """The paper's block in eval is the libraries' with a branch times 1 - p; in training both add branch / (1 - p)."""
    torch.manual_seed(0)
    linear, x = nn.Linear(4, 4).double(), torch.randn(8, 4, dtype=torch.float64)
    scaled = nn.Linear(4, 4).double()
    with torch.no_grad():
        scaled.weight.copy_((1 - p) * linear.weight)
        scaled.bias.copy_((1 - p) * linear.bias)
    paper, library = SkippedBlock(linear, p), Residual(scaled, p)
    torch.testing.assert_close(paper.eval()(x), library.eval()(x), rtol=1e-12, atol=1e-12)
    ours, theirs = ({tuple(part(x)[0].tolist()) for _ in range(60)} for part in (paper.train(), library.train()))
    assert len(ours) == len(theirs) == 2  # the branch is there or not
    torch.testing.assert_close(torch.tensor(sorted(ours)), torch.tensor(sorted(theirs)), rtol=1e-6, atol=1e-6)


def test_a_quarter_is_skipped() -> None:
    """With a last rate of 0.5 and the linear rule about a quarter of the blocks is skipped, at any depth from 12 on."""
    for depth in (12, 54, 200, 1000):
        assert sum(survival(depth)) / depth == pytest.approx(0.75, abs=0.25 / depth + 1e-12)
        assert sum(drop_path_rates(depth, 0.5)) / depth == pytest.approx(0.25)


def test_rates_of_libraries() -> None:
    """Rates equal timm's helper and torchvision's ConvNeXt; both EfficientNets end below the given number."""
    import timm
    import torchvision
    from timm.layers import calculate_drop_path_rates
    from torchvision.ops import StochasticDepth

    def rates_of(model: nn.Module) -> list[float]:
        return [module.p for module in model.modules() if isinstance(module, StochasticDepth)]

    for depth in (1, 2, 12, 54):
        assert drop_path_rates(depth, 0.3) == pytest.approx(calculate_drop_path_rates(0.3, depth), abs=1e-7)
    with torch.device("meta"):
        convnext = torchvision.models.convnext_tiny()
        efficientnet = torchvision.models.efficientnet_b0()
    assert rates_of(convnext) == pytest.approx(drop_path_rates(18, 0.1))
    assert rates_of(efficientnet) == pytest.approx([0.2 * i / 16 for i in range(16)])
    assert max(rates_of(efficientnet)) == pytest.approx(0.1875)
    with torch.device("meta"):
        timms = timm.create_model("efficientnet_b0", drop_path_rate=0.2)
    assert max(m.drop_prob for m in timms.modules() if isinstance(m, timm.layers.DropPath)) == pytest.approx(0.1875)


def test_dropped_samples_teach_nothing() -> None:
    """The gradient of the branch is that of the kept samples alone, divided by 1 - p."""
    torch.manual_seed(0)
    block, x = Residual(nn.Linear(4, 4).double(), 0.5), torch.randn(16, 4, dtype=torch.float64)
    out = block(x)
    kept = (out != x).any(dim=1)
    assert 0 < kept.sum() < 16
    parameters = list(block.branch.parameters())
    ours = torch.autograd.grad(out.square().sum(), parameters)
    alone = (x[kept] + block.branch(x[kept]) / 0.5).square().sum()
    for gradient, expected in zip(ours, torch.autograd.grad(alone, parameters), strict=True):
        torch.testing.assert_close(gradient, expected, rtol=1e-12, atol=1e-12)


def test_skipped_block_has_no_gradient() -> None:
    """A block that the batch skips has grad None; with DropPath all parameters have one, at 0.9 and five seeds."""
    for seed in range(5):
        torch.manual_seed(seed)
        x = torch.randn(4, 8)
        skipped, masked = SkippedBlock(nn.Linear(8, 8), p=1.0), Residual(nn.Linear(8, 8), p=0.9)
        (skipped(x).sum() + masked(x).sum() + x.requires_grad_().sum()).backward()
        assert all(p.grad is None for p in skipped.parameters())
        assert all(p.grad is not None for p in masked.parameters())


def test_on_the_whole_block_it_erases_samples() -> None:
    """DropPath on x + branch(x) sets whole samples to zero; on the branch alone no sample is lost."""
    torch.manual_seed(0)
    x, branch = torch.randn(200, 8), nn.Linear(8, 8)
    wrong = DropPath(0.3)(x + branch(x))
    assert (wrong == 0).all(dim=1).float().mean().item() == pytest.approx(0.3, abs=0.1)
    right = Residual(branch, 0.3)(x)
    assert not (right == 0).all(dim=1).any()


def test_refuses() -> None:
    """p below 0, of 1 and above is refused."""
    for p in (-0.1, 1.0, 2.0):
        with pytest.raises(ValueError, match=r"p must be at least 0 and below 1, got"):
            DropPath(p)


def scores(evidence: Any, name: str) -> Tensor:
    """Accuracy (removed, seeds)."""
    return torch.tensor(evidence()[name])


def test_removed_blocks_cost_little(evidence: Any) -> None:
    """Half of the blocks removed: without it the mean loses over 3 points; with it under 1, and each seed under 3."""
    without, dropped = scores(evidence, WIDE), scores(evidence, WIDE_DROPPED)
    assert (without[0] - without[4]).mean() > 0.03
    assert (dropped[0] - dropped[4]).mean() < 0.01
    assert (dropped[0] - dropped[4]).max() < 0.03
    assert without[6].mean() < 0.8 < dropped[6].mean()  # what the figure's text says


def test_full_network_gains_nothing(evidence: Any) -> None:
    """With all blocks the mean on 200 images gains less than half a point and loses less than two."""
    difference = scores(evidence, WIDE_DROPPED)[0] - scores(evidence, WIDE)[0]
    assert -0.02 < difference.mean() < 0.005


def test_narrow_network_loses(evidence: Any) -> None:
    """At width 12 the full network loses over three points in the mean.

    At ten times the learning rate the means differ by less than that.
    """
    difference = scores(evidence, NARROW)[0] - scores(evidence, NARROW_DROPPED)[0]
    assert difference.mean() > 0.03
    data = load_digits()
    x, y = torch.tensor(data.data, dtype=torch.float32) / 16, torch.tensor(data.target)
    with learning_rate_times(10):
        without, dropped = (torch.tensor(train(last, 1000, 12, x, y)[0]).mean() for last in (0.0, 0.5))
    assert (without - dropped).abs() < min(0.03, difference.mean())


def test_random_labels_make_it_help(evidence: Any) -> None:
    """Right labels: the means differ by under a point. 40% random: over two points higher, for 8 seeds or more."""
    rows = {name: torch.tensor(runs) for name, runs in evidence("noise").items()}
    right, random = rows["right labels"], rows["40% of the labels drawn at random"]
    assert right.shape == random.shape == (2, 12)
    assert (right[1].mean() - right[0].mean()).abs() < 0.01
    assert random[1].mean() - random[0].mean() > 0.02
    assert (random[1] > random[0]).sum() >= 8
