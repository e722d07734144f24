"""input-layout-scrambled: what it looks like, and every cause of it planted."""

from __future__ import annotations

import pytest
import torch
from sklearn.datasets import load_sample_image
from torch import nn
from torch.nn.functional import cross_entropy, scaled_dot_product_attention

from snippets.checklist.input_layout_scrambled import check
from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """Shapes fit, no error comes, and accuracy stays low."""
    return run.error is None and run.last("accuracy") < 0.7


@causes("input-layout-scrambled")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_a_layer_that_takes_the_batch_for_time_is_found_whatever_layer_it_is() -> None:
    """Attention over samples does not care for their order, so samples are replaced."""
    torch.manual_seed(0)
    x = torch.randn(6, 12, 32)
    for batch_first in (False, True):
        block = nn.TransformerEncoderLayer(32, 4, 64, batch_first=batch_first)
        recurrent = nn.GRU(32, 8, batch_first=batch_first)
        block.linear1.eval()
        assert bool(check.samples_that_see_each_other(block, x)) is not batch_first
        assert bool(check.samples_that_see_each_other(outputs_of(recurrent), x)) is not batch_first
        assert block.training
        assert not block.linear1.training


def outputs_of(recurrent: nn.Module) -> nn.Module:
    """A module that gives the outputs of a recurrent one without its state."""

    class Outputs(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.recurrent = recurrent

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.recurrent(x)[0]

    return Outputs()


class Attention(nn.Module):
    """Self-attention whose heads are split and merged well or badly."""

    def __init__(self, split: bool, merge: bool) -> None:
        super().__init__()
        self.split, self.merge = split, merge
        self.qkv, self.out = nn.Linear(32, 96), nn.Linear(32, 32)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        n, t, width = x.shape
        heads = [
            a.view(n, t, 4, 8).transpose(1, 2) if self.split else a.reshape(n, 4, t, 8)
            for a in self.qkv(x).chunk(3, -1)
        ]
        mixed = scaled_dot_product_attention(*heads)
        return self.out(mixed.transpose(1, 2).reshape(n, t, width) if self.merge else mixed.reshape(n, t, width))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("split", "merge"), [(True, True), (True, False), (False, True), (False, False)])
def test_heads_that_are_split_or_merged_wrongly_are_found(split: bool, merge: bool, dtype: torch.dtype) -> None:
    """Also where both are wrong; sound attention is sound in half precision, too."""
    torch.manual_seed(0)
    attention = Attention(split, merge).to(dtype)
    finding = check.attention_that_moves_tokens(attention, torch.randn(4, 12, 32, dtype=dtype))
    assert bool(finding) is not (split and merge)


def test_classes_that_stand_first_are_not_compared() -> None:
    """Logits for segmentation and for sequences as cross_entropy wants them, and losses of half-precision logits."""
    torch.manual_seed(0)
    for shape in ((4, 10, 6), (4, 5, 8, 8)):
        outputs, targets = torch.randn(shape), torch.randint(5, (shape[0], *shape[2:]))
        assert not check.loss_of_rearranged_logits(outputs, targets, cross_entropy(outputs, targets))
    outputs, targets = torch.randn(4, 6, 10).bfloat16(), torch.randint(10, (4, 6))
    loss = cross_entropy(outputs.float().transpose(1, 2), targets)
    assert not check.loss_of_rearranged_logits(outputs, targets, loss)
    rearranged = cross_entropy(outputs.float().view(4, 10, 6), targets)
    assert check.loss_of_rearranged_logits(outputs, targets, rearranged)


def test_photographs_in_bytes() -> None:
    """A photograph that was reshaped is found in bytes, too; one whose axes changed places is sound."""
    picture = torch.tensor(load_sample_image("china.jpg"))[None, :256, :256]
    assert check.pictures_that_were_reshaped(picture.reshape(1, 3, 256, 256))
    assert not check.pictures_that_were_reshaped(picture.permute(0, 3, 1, 2))


def test_heads_of_stretches() -> None:
    """Without the transpose a head holds the numbers of its stretch alone; with it, a part of every token."""
    for heads, tokens, width in ((4, 16, 8), (2, 6, 4)):
        x = torch.arange(tokens).float()[None, :, None].expand(3, tokens, width)
        split = x.reshape(3, heads, tokens, -1)
        length = tokens // heads
        for head in range(heads):
            assert split[:, head].unique().tolist() == list(range(head * length, (head + 1) * length))
            right = x.reshape(3, tokens, heads, -1).transpose(1, 2)[:, head]
            assert right.unique().tolist() == list(range(tokens))
