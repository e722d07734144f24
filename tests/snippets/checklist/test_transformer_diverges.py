"""transformer-diverges: what it looks like, and every cause of it planted."""

from __future__ import annotations

import torch
from torch import nn

from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """The loss is not below that of guessing one of ten, log(10) = 2.30, by more than 0.3."""
    return run.last("loss") > 2.0


@causes("transformer-diverges")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_defaults() -> None:
    """nn.TransformerEncoderLayer and its decoder normalize after the addition, and take the batch as second axis."""
    for kind in (nn.TransformerEncoderLayer, nn.TransformerDecoderLayer):
        layer = kind(8, 2)
        assert not layer.norm_first
        assert not layer.self_attn.batch_first
    assert abs(nn.Embedding(1000, 64).weight.std().item() - 1) < 0.02


def test_scale_keeps_softmax_soft() -> None:
    """Products of unit-variance vectors of width 256: unscaled, the softmax picks one of 64; scaled, it does not."""
    torch.manual_seed(0)
    scores = torch.randn(64, 256) @ torch.randn(256, 64)
    assert scores.softmax(dim=1).amax(dim=1).mean() > 0.8
    assert (scores / 16).softmax(dim=1).amax(dim=1).mean() < 0.2
