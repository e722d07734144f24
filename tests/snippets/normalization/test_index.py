"""Claims of the normalization section's index page: which elements share statistics, and what the layers cost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval
from torchvision import models

Evidence = Callable[..., Any]


def test_only_batch_norm_reaches_other_samples(evidence: Evidence) -> None:
    """Of the six layers of the figure, batch normalization alone moves with other samples, and with all of them."""
    masks = {name: torch.tensor(mask) for name, mask in evidence("axes").items()}
    assert len(masks) == 6
    others = {name: mask[[0, 2]].sum().item() for name, mask in masks.items()}
    assert [name for name, count in others.items() if count] == ["batch normalization"]
    assert masks["batch normalization"][:, 2].all()
    assert masks["batch normalization"].sum() == 3 * 9
    assert masks["layer normalization, channels"].equal(masks["RMS normalization, channels"])


def test_group_norm_has_both_ends() -> None:
    """One group: layer normalization over the sample; a group for each channel: instance normalization. 1-D to 3-D."""
    for space in ((7,), (5, 4), (3, 4, 2)):
        x = 3 * torch.randn(4, 6, *space, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) + 2
        whole = nn.LayerNorm(x.shape[1:], elementwise_affine=False, dtype=torch.float64)
        torch.testing.assert_close(nn.GroupNorm(1, 6, affine=False)(x), whole(x))
        instance = (nn.InstanceNorm1d, nn.InstanceNorm2d, nn.InstanceNorm3d)[len(space) - 1]
        torch.testing.assert_close(nn.GroupNorm(6, 6, affine=False)(x), instance(6)(x))


def test_folds_into_the_convolution() -> None:
    """Each of the three networks has batch normalization; folded into a convolution it gives the same in evaluation."""
    for make in (models.resnet50, models.efficientnet_b0, models.mobilenet_v3_large):
        with torch.device("meta"):
            assert any(isinstance(module, nn.BatchNorm2d) for module in make(weights=None).modules())
    torch.manual_seed(0)
    conv, norm = nn.Conv2d(3, 8, 3, dtype=torch.float64), nn.BatchNorm2d(8, dtype=torch.float64)
    for _ in range(5):
        norm(conv(3 * torch.randn(16, 3, 8, 8, dtype=torch.float64) + 1))
    pair, x = nn.Sequential(conv, norm).eval(), torch.randn(4, 3, 8, 8, dtype=torch.float64)
    torch.testing.assert_close(fuse_conv_bn_eval(conv.eval(), norm)(x), pair(x))


def test_only_batch_norm_differs_in_evaluation(evidence: Evidence) -> None:
    """In the table: running numbers, another output in evaluation, and another output in other company."""
    table = evidence("costs")
    assert len(table) == 6
    for name, row in table.items():
        is_batch_norm = name.startswith("BatchNorm")
        assert bool(row["buffers"]) == row["modes differ"] == row["batch matters"] == is_batch_norm, name


def test_whole_sample_weights(evidence: Evidence) -> None:
    """A weight and a bias for each of 64 x 28 x 28 elements, against each of 64 channels."""
    table = evidence("costs")
    whole, channels = (
        table[name]["parameters"] for name in ("LayerNorm([64, 28, 28])", "LayerNorm(64), channels last")
    )
    assert whole == 784 * channels == 2 * 64 * 28 * 28


def test_rms_norm_is_not_fused_on_the_cpu(evidence: Evidence) -> None:
    """Several kernels forward where layer normalization has one, and more memory than another copy of the input."""
    table = evidence("costs")
    row = table["RMSNorm(64), channels last"]
    assert row["forward"] > 2
    assert 1 <= row["kept"] < 1.1
    assert all(other["kept"] < 0.1 for name, other in table.items() if not name.startswith("RMS"))
    assert table["LayerNorm(64), channels last"]["forward"] == 1
