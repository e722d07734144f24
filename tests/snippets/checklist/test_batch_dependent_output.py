"""batch-dependent-output: what it looks like, and every cause of it planted."""

from __future__ import annotations

import warnings

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from snippets.checklist.batch_dependent_output import check
from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """The output of the same sample depends on the size of the batch in which it comes."""
    return max(run.series("largest change")) > 0.01


@causes("batch-dependent-output")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


def test_probabilities_over_the_batch_are_found_as_logarithms_and_in_half_precision() -> None:
    """log_softmax and bfloat16; probabilities over the classes are sound, a batch of one class of outputs, too."""
    torch.manual_seed(0)
    logits = torch.randn(32, 10)
    for outputs in (logits.log_softmax(0), logits.softmax(0).bfloat16()):
        assert check.softmax_over_the_batch(outputs)
    for outputs in (logits, logits.log_softmax(1), logits.softmax(1).bfloat16(), logits[:, 0]):
        assert not check.softmax_over_the_batch(outputs)


class Packed(nn.Module):
    """A recurrent network that packs its sequences, an output for each token."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.lstm = nn.Embedding(20, 8), nn.LSTM(8, 8)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        lengths = (tokens != 0).sum(1)
        x = pack_padded_sequence(self.embedding(tokens).transpose(0, 1), lengths, enforce_sorted=False)
        return pad_packed_sequence(self.lstm(x)[0], total_length=tokens.shape[1])[0].transpose(0, 1)


class Noisy(nn.Module):
    """A layer that draws in evaluation mode, too."""

    def __init__(self) -> None:
        super().__init__()
        self.out = nn.Linear(8, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.out(nn.functional.dropout(x, 0.5))


def test_packed_sequences_and_outputs_for_each_token_are_sound() -> None:
    """The last layer gets no tensor, and more padding lengthens its output."""
    torch.manual_seed(0)
    tokens = torch.randint(1, 20, (4, 9))
    tokens[1:, 6:] = 0
    assert not check.padding_that_counts(Packed(), tokens)
    assert not check.attention_over_the_batch(Packed(), tokens)
    halves = nn.Sequential(nn.Embedding(20, 8), nn.Linear(8, 4)).bfloat16()
    assert not check.padding_that_counts(halves, tokens)


def test_chance_is_no_mixture_and_is_set_back() -> None:
    """Dropout that is never switched off draws the same twice."""
    model, state = Noisy(), torch.get_rng_state()
    assert not check.first_layer_that_mixes(model, torch.ones(5, 8))
    assert torch.equal(state, torch.get_rng_state())


def test_layers_without_running_statistics_look_at_the_batch_in_eval_mode() -> None:
    """The check names them, and eval() does not help."""
    norm = nn.BatchNorm1d(4, track_running_stats=False).eval()
    x = torch.arange(24.0).view(6, 4)
    assert check.statistics_of_the_batch(norm)
    assert not torch.allclose(norm(x)[:2], norm(x[:2]))


def test_a_layer_that_sees_time_first_is_sound_where_time_is_as_long_as_the_batch() -> None:
    """Eight samples of eight steps, transposed before and after; a reshape in place of it is found."""

    class Steps(nn.Module):
        def __init__(self, sound: bool) -> None:
            super().__init__()
            self.sound, self.inner, self.out = sound, nn.Linear(4, 4), nn.Linear(32, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            steps = self.inner(x.transpose(0, 1))
            return self.out(steps.transpose(0, 1).flatten(1) if self.sound else steps.reshape(len(x), -1))

    torch.manual_seed(0)
    x = torch.randn(8, 8, 4)
    assert not check.first_layer_that_mixes(Steps(True), x)
    assert "'out'" in str(check.first_layer_that_mixes(Steps(False), x))


def test_nested_tensors_inside_are_passed_over_and_no_hook_stays() -> None:
    """A transformer with padding takes torch's fast path in evaluation mode; a model that fails keeps its modes."""

    class Masked(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embedding = nn.Embedding(20, 16)
            self.blocks = nn.TransformerEncoder(nn.TransformerEncoderLayer(16, 2, 32, batch_first=True), 2)

        def forward(self, tokens: torch.Tensor) -> torch.Tensor:
            padding = tokens == 0
            out = self.blocks(self.embedding(tokens), src_key_padding_mask=padding)
            return (out * ~padding[..., None]).sum(1) / (~padding).sum(1, keepdim=True)

    tokens = torch.randint(1, 20, (4, 9))
    tokens[1:, 6:] = 0
    model = Masked()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The PyTorch API of nested tensors")
        assert not check.first_layer_that_mixes(model, tokens)
        assert not check.attention_over_the_batch(model, tokens)
        assert not check.padding_that_counts(model, tokens)
    with pytest.raises(IndexError):
        check.first_layer_that_mixes(model, tokens + 100)
    assert all(module.training and not module._forward_hooks for module in model.modules())


def test_normalization_counts_padding() -> None:
    """Group and instance normalization over time give other outputs with padding; LayerNorm of each step does not."""
    torch.manual_seed(0)
    x = torch.randn(2, 8, 20) + 1
    padded = nn.functional.pad(x, (0, 30))
    for layer in (nn.GroupNorm(8, 8), nn.GroupNorm(2, 8), nn.InstanceNorm1d(8)):
        assert (layer(padded)[..., :20] - layer(x)).abs().max() > 0.3
    layer = nn.LayerNorm(8)
    assert torch.allclose(layer(padded.mT)[:, :20], layer(x.mT))
