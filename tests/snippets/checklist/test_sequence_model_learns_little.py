"""sequence-model-learns-little: what it looks like, and every cause of it planted."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from snippets.checklist.sequence_model_learns_little import check
from tests.support.planted import Record, Run, causes, prove

Kind = type[nn.LSTM] | type[nn.GRU] | type[nn.RNN]


def shows(run: Run) -> bool:
    """The recurrent network is worse than a linear classifier that only counts the words."""
    return run.last("accuracy") < run.last("bag")


@causes("sequence-model-learns-little")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


class Reader(nn.Module):
    """Recurrent layers, read in one of several ways; its middle is frozen in evaluation mode."""

    def __init__(self, how: str, kind: Kind = nn.LSTM, both: bool = False, batch_first: bool = True) -> None:
        super().__init__()
        self.how, self.batch_first = how, batch_first
        self.embed = nn.Embedding(9, 8)
        self.norm = nn.BatchNorm1d(8).eval()
        self.rnn = kind(8, 6, num_layers=2, dropout=0.5, batch_first=batch_first, bidirectional=both)
        self.head = nn.LazyLinear(3)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.norm(self.embed(x).transpose(1, 2)).transpose(1, 2)
        lengths = (x != 0).sum(dim=1).cpu()
        if "packed" in self.how:
            packed = pack_padded_sequence(hidden, lengths, batch_first=True, enforce_sorted=False)
            packed, state = self.rnn(packed)
            states, _ = pad_packed_sequence(packed, batch_first=True)
        else:
            states, state = self.rnn(hidden if self.batch_first else hidden.transpose(0, 1))
            states = states if self.batch_first else states.transpose(0, 1)
        state = state[0] if isinstance(state, tuple) else state
        rows = torch.arange(len(x))
        read = {
            "last": lambda: states[:, -1],
            "end": lambda: states[rows, lengths - 1],
            "state": lambda: state[-2:].transpose(0, 1).flatten(1) if self.rnn.bidirectional else state[-1],
            "mean": lambda: states.sum(dim=1) / lengths[:, None] if "packed" in self.how else states.mean(dim=1),
            "third": lambda: states[:, 2],
            "all": lambda: states,
        }
        result: Tensor = self.head(read[self.how.split()[0]]())
        return result


def sentences(pad: bool = True, time: int = 12) -> Tensor:
    """Token numbers from 1, some of them with padding 0 behind."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randint(1, 9, (16, time), generator=generator)
    if pad:
        x[torch.arange(time) >= torch.randint(2, time + 1, (16, 1), generator=generator)] = 0
        x[0] = 1
    return x


def built(*args: object, **kwargs: object) -> Reader:
    """A reader whose lazy layer has its size, in training mode."""
    torch.manual_seed(0)
    model = Reader(*args, **kwargs)  # type: ignore[arg-type]
    with torch.no_grad():
        model(sentences())
    return model


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
@pytest.mark.parametrize("both", [False, True])
def test_padding_is_blamed_where_it_is_read(kind: Kind, both: bool) -> None:
    """Packed layers pass, read in any way; the last position, an unpacked state and a mean do not; modes stay."""
    for how in ("state packed", "end packed", "mean packed"):
        assert not check.reads_past_the_end(built(how, kind, both), sentences())
    for how in ("last", "state", "mean"):
        model = built(how, kind, both)
        assert check.reads_past_the_end(model, sentences())
        assert not check.reads_past_the_end(model, sentences(pad=False))
        assert model.training
        assert not model.norm.training
    assert not check.reads_past_the_end(built("all", kind, both), sentences())


def test_padding_of_numbers_and_models_without_recurrence() -> None:
    """Steps whose features are all 0 are padding; a mean over positions without a recurrent layer is passed."""
    x = torch.randn(8, 10, 4, generator=torch.Generator().manual_seed(0))
    x[:4, 6:] = 0

    class Series(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn, self.head = nn.GRU(4, 5, batch_first=True), nn.Linear(5, 1)

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            states, state = self.rnn(x)
            return self.head(states[:, -1]), state

    assert "4 of 4" in check.reads_past_the_end(Series(), x)
    mean = nn.Sequential(nn.Embedding(9, 8), nn.AdaptiveAvgPool2d((1, 8)), nn.Flatten(), nn.Linear(8, 2))
    assert not check.reads_past_the_end(mean, sentences())


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
@pytest.mark.parametrize("first", [False, True])
def test_the_backward_half_is_blamed_at_the_end_only(kind: Kind, first: bool) -> None:
    """The end of sentences, packed or not, is found; final states, means, another place and one direction pass."""
    for how in ("last", "end", "end packed"):
        assert "rnn: the backward half" in check.backward_half_at_the_end(built(how, kind, True, first), sentences())
    for how in ("state", "state packed", "mean", "mean packed", "third", "all"):
        if "packed" in how and not first:
            continue
        assert not check.backward_half_at_the_end(built(how, kind, True, first), sentences())
    assert not check.backward_half_at_the_end(built("last", kind, False, first), sentences())
    model = built("last", kind, True, first)
    assert not check.backward_half_at_the_end(model, sentences(time=12)[:, :1])
    assert all(p.grad is None for p in model.parameters())
    assert not model.rnn._forward_hooks


def test_pieces_that_continue_each_other_pass() -> None:
    """A state that is handed on gives the same outputs; a lost one does not, nor does one that comes from elsewhere."""

    class Stream(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn, self.head, self.state = nn.GRU(4, 5, batch_first=True), nn.Linear(5, 1), None

        def forward(self, x: Tensor, state: Tensor | None = None) -> tuple[Tensor, Tensor]:
            states, state = self.rnn(x, state)
            return self.head(states[:, -1]), state

    x, model = torch.randn(6, 9, 4, generator=torch.Generator().manual_seed(0)), Stream()

    def handed_on(x: Tensor) -> Tensor:
        state = None
        for piece in x.split(4, dim=1):
            outputs, state = model(piece, state)
        return outputs

    assert not check.pieces_against_the_whole(model, x)
    assert not check.pieces_against_the_whole(model, x, handed_on)
    assert "by up to" in check.pieces_against_the_whole(model, x, lambda x: model(x[:, 8:])[0])
    assert "by up to" in check.pieces_against_the_whole(model, x, lambda x: model(x, torch.ones(1, 6, 5))[0])


def test_a_state_kept_inside_the_model_is_left_as_it_was() -> None:
    """A model that keeps its state from call to call has the same state after a check."""

    class Keeps(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn, self.state = nn.GRU(4, 5, batch_first=True), torch.ones(1, 6, 5)

        def forward(self, x: Tensor) -> Tensor:
            states, self.state = self.rnn(x, self.state)
            return states[:, -1]

    model, x = Keeps(), torch.randn(6, 9, 4, generator=torch.Generator().manual_seed(0))
    assert not check.pieces_against_the_whole(model, x)
    assert torch.equal(model.state, torch.ones(1, 6, 5))


class Head(nn.Module):
    """A recurrent layer read at its end, with something behind it."""

    calls: Tensor

    def __init__(self, after: Callable[[Tensor], Tensor], both: bool = False, packed: bool = False) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.after, self.packed, self.embed = after, packed, nn.Embedding(9, 8)
        self.rnn = nn.GRU(8, 6, batch_first=True, bidirectional=both)
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        hidden, lengths = self.embed(x), (x != 0).sum(dim=1).cpu()
        if self.packed:
            packed = pack_padded_sequence(hidden, lengths, batch_first=True, enforce_sorted=False)
            return self.after(self.rnn(packed)[1][-1])
        return self.after(self.rnn(hidden)[0][:, -1])


def test_padding_in_other_models_and_values() -> None:
    """Squeezed outputs do no harm; a 0 that is a word is no padding; rounding in bfloat16 is no change."""
    squeezed = Head(lambda state: state[:, :1].squeeze())
    assert check.reads_past_the_end(squeezed, sentences())
    assert squeezed.calls == 0
    words = torch.randint(0, 9, (64, 12), generator=torch.Generator().manual_seed(0))
    assert (words[:, -1] == 0).any()
    assert not check.reads_past_the_end(squeezed, words)
    coarse = Head(
        lambda state: state * 1.004 ** state.shape[0], packed=True
    ).bfloat16()  # depends on the batch a little
    assert not check.reads_past_the_end(coarse, sentences()[:3])


def test_a_half_read_at_the_end_is_found_behind_a_dead_unit() -> None:
    """Samples whose outputs have no slope at all are no witnesses against it."""
    model = Head(lambda state: torch.relu(state[:, 6:].sum(dim=1, keepdim=True)), both=True)
    outputs = model(sentences(pad=False))
    assert (outputs == 0).any()
    assert (outputs > 0).any()
    assert check.backward_half_at_the_end(model, sentences(pad=False))


def test_random_outputs_are_not_compared_in_pieces() -> None:
    """A model that draws in evaluation mode says nothing about pieces."""
    model = Head(lambda state: nn.functional.dropout(state, 0.5, training=True))

    def words(x: Tensor) -> Tensor:
        torch.rand(3)
        return model(x)

    assert not check.pieces_against_the_whole(model, sentences(pad=False), words)


def test_where_a_backward_half_has_seen_all() -> None:
    """The backward half is the final backward state at position 0, and that of one step at the last."""
    torch.manual_seed(0)
    layer = nn.GRU(4, 5, batch_first=True, bidirectional=True)
    x = torch.randn(3, 7, 4)
    states, last = layer(x)
    assert torch.allclose(states[:, 0, 5:], last[1])
    assert torch.allclose(states[:, -1, :5], last[0])
    assert torch.allclose(states[:, -1, 5:], layer(x[:, -1:])[1][1], atol=1e-6)


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
def test_packed_states_are_those_of_the_end(kind: Kind) -> None:
    """h_n of packed sequences is the state of each sequence read alone, in the order of the batch."""
    torch.manual_seed(0)
    layer, x, lengths = kind(4, 5, batch_first=True), torch.randn(3, 7, 4), torch.tensor([2, 7, 5])

    def final(state: Tensor | tuple[Tensor, Tensor]) -> Tensor:
        return (state[0] if isinstance(state, tuple) else state)[-1]

    packed = final(layer(pack_padded_sequence(x, lengths.cpu(), batch_first=True, enforce_sorted=False))[1])
    alone = torch.cat([final(layer(x[i : i + 1, :n])[1]) for i, n in enumerate(lengths.tolist())])
    assert torch.allclose(packed, alone, atol=1e-6)
    assert not torch.allclose(final(layer(x)[1])[0], alone[0], atol=1e-2)
