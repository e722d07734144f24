"""Batch renormalization: equal to a second derivation, its two limits, its gradient, and the claims of its page."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from snippets.experiment import PLACE, SHAPE
from snippets.normalization.batch_renormalization.from_scratch import BatchRenorm
from snippets.normalization.batch_renormalization.use import BatchRenorm2d, set_limits

KINDS = {0: nn.BatchNorm1d, 1: nn.BatchNorm1d, 2: nn.BatchNorm2d, 3: nn.BatchNorm3d}


def batches(axes: int, count: int = 10) -> list[torch.Tensor]:
    """Batches of 3 samples and 4 channels whose mean and spread change."""
    torch.manual_seed(0)
    return [(1 + i / 3) * torch.randn(3, 4, *[2] * axes, dtype=torch.float64) + i / 2 for i in range(count)]


def sides(layers: list[nn.Module], x: torch.Tensor) -> list[list[torch.Tensor]]:
    """Output, gradients and buffers of each layer for one batch."""
    found = []
    for layer in layers:
        layer.zero_grad()
        own = x.clone().requires_grad_()
        out = layer(own)
        (out * torch.arange(out.numel()).view(out.shape).sin()).sum().backward()
        moved = [b for name, b in layer.named_buffers() if name.startswith("running")]
        found.append([out, own.grad, *(p.grad for p in layer.parameters()), *moved])
    return found


@pytest.mark.parametrize(("r_max", "d_max"), [(1.0, 0.0), (1.5, 0.5), (3.0, 5.0)])
def test_equals_torch_based(r_max: float, d_max: float) -> None:
    """Output, gradients and running statistics equal the class that calls torch, over ten batches and in eval mode."""
    ours, torchs = BatchRenorm(4, r_max, d_max).double(), BatchRenorm2d(4).double()
    torchs.r_max, torchs.d_max = r_max, d_max
    for x in batches(2):
        torch.testing.assert_close(*sides([ours, torchs], x))
    torch.testing.assert_close(*sides([ours.eval(), torchs.eval()], x))


@pytest.mark.parametrize("axes", KINDS)
def test_without_room_it_is_batch_norm(axes: int) -> None:
    """r_max = 1, d_max = 0: torch's batch normalization over ten batches; so is a new layer of use.py."""
    layers = [
        BatchRenorm(4, 1, 0).double(),
        KINDS[axes](4).double(),
        *([BatchRenorm2d(4).double()] if axes == 2 else []),
    ]
    for x in batches(axes):
        first, *others = sides(layers, x)
        for other in others:
            torch.testing.assert_close(first, other)


@pytest.mark.parametrize("axes", KINDS)
def test_without_limits_it_is_eval_mode(axes: int) -> None:
    """With limits of 1e6, the output in train mode is that of eval mode before the statistics move."""
    layer = BatchRenorm(4, 1e6, 1e6).double()
    for p in layer.parameters():
        nn.init.normal_(p)
    for x in batches(axes):
        expected = layer.eval()(x)
        torch.testing.assert_close(layer.train()(x), expected)


def test_gradient_is_batch_norms() -> None:
    """The input's gradient is batch normalization's times r, without parts along the mean and the normalized values."""
    x = batches(2)[3]
    torch.manual_seed(1)
    g = torch.randn_like(x)
    grads = []
    for layer in (BatchRenorm(4, 1e6, 1e6), nn.BatchNorm2d(4), BatchRenorm(4).eval()):
        own = x.clone().requires_grad_()
        (layer.double()(own) * g).sum().backward()
        grads.append(own.grad)
    std = (x.var((0, 2, 3), correction=0) + 1e-5).sqrt().view(1, 4, 1, 1)  # r, for the running variance is 1
    torch.testing.assert_close(grads[0], grads[1] * std / (1 + 1e-5) ** 0.5)
    normal = (x - x.mean((0, 2, 3), keepdim=True)) / std
    for part in (torch.ones_like(x), normal):
        assert (grads[0] * part).sum((0, 2, 3)).abs().max() < 1e-3
        assert (grads[2] * part).sum((0, 2, 3)).abs().max() > 0.1  # of eval mode


@pytest.mark.parametrize(
    ("step", "r_max", "d_max"),
    [
        (0, 1, 0),
        (5_000, 1, 0),
        (15_000, 1 + 2 * 10 / 35, 2.5),
        (25_000, 1 + 2 * 20 / 35, 5),
        (40_000, 3, 5),
        (90_000, 3, 5),
    ],
)
def test_limits_follow_the_paper(step: int, r_max: float, d_max: float) -> None:
    """1 and 0 for 5,000 steps, r to 3 at 40,000, d to 5 at 25,000, in all layers of a model."""
    model = nn.Sequential(BatchRenorm2d(2), nn.Sequential(BatchRenorm2d(2)), nn.BatchNorm2d(2))
    set_limits(model, step)
    for layer in (model[0], model[1][0]):
        assert (layer.r_max, layer.d_max) == pytest.approx((r_max, d_max))


def test_better_where_batches_are_bad(evidence) -> None:
    """2 samples, and 16 of two classes: each seed better than batch normalization; 16 mixed: means within 3 points."""
    plain, renorm = (evidence()[f"batch {name}"] for name in ("normalization", "renormalization"))
    for kind in ("2 samples", "16 of two classes"):
        assert (torch.tensor(renorm[kind]) > torch.tensor(plain[kind])).all()
    mixed = [torch.tensor(rows["16 samples"]).mean() for rows in (plain, renorm)]
    assert (mixed[0] - mixed[1]).abs() < 0.03


def test_figure_shows_the_channel_in_the_whole_batch(evidence) -> None:
    """The framed channel in each sample, nothing else."""
    expected = torch.zeros(SHAPE, dtype=torch.bool)
    expected[:, PLACE[1]] = True
    assert torch.equal(torch.tensor(evidence("axes"), dtype=torch.bool), expected)
