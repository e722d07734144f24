"""transformer-diverges: what it looks like, and every cause of it planted."""

from __future__ import annotations

import torch
from torch import nn

from snippets.checklist.transformer_diverges import check
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


def test_one_odd_batch_and_fine_tuning_are_sound() -> None:
    """A single loss above the first is noise; post-norm layers with the small learning rate of fine-tuning train."""
    losses = [2.3 - 0.01 * step for step in range(40)]
    losses[7] = 4.0
    assert not check.losses_that_jump_at_first(losses)
    losses[7:10] = [4.0, 5.0, 4.0]
    assert check.losses_that_jump_at_first(losses)
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    model = nn.TransformerEncoder(layer, 4)
    assert not check.post_norm_without_warmup(model, [2e-5] * 9)
    assert check.post_norm_without_warmup(model, [1e-3] * 9)


class SequenceFirst(nn.Module):
    """Embeds (batch, sequence), and hands its layer (sequence, batch, width), or forgets to."""

    def __init__(self, *, turned: bool) -> None:
        super().__init__()
        self.turned, self.embedding = turned, nn.Embedding(9, 8)
        self.layer = nn.TransformerEncoderLayer(8, 2, 16)
        self.head = nn.Linear(8, 9, bias=False)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Return (batch, sequence, classes)."""
        x: torch.Tensor = self.embedding(tokens)
        x = self.layer(x.transpose(0, 1)).transpose(0, 1) if self.turned else self.layer(x)
        return torch.as_tensor(self.head(x))


def test_as_many_places_as_samples_are_not_confused() -> None:
    """A batch of six sequences of six tokens, turned as the layer wants it and not."""
    torch.manual_seed(0)
    tokens = torch.randint(9, (6, 6))
    assert not check.samples_that_see_each_other(SequenceFirst(turned=True), tokens)
    assert check.samples_that_see_each_other(SequenceFirst(turned=False), tokens)


def test_a_table_that_training_enlarged_is_sound() -> None:
    """An rms of 0.14 at a width of 768, shared with the head; and nn.Embedding's own start, which is not."""
    model = SequenceFirst(turned=True)
    model.embedding = nn.Embedding(99, 768)
    model.head = nn.Linear(768, 99, bias=False)
    model.head.weight = model.embedding.weight
    assert check.logits_too_large(model)
    nn.init.normal_(model.embedding.weight, std=0.14)
    assert not check.logits_too_large(model)
