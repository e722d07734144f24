"""Batch independence: mixing models are found, sound ones are not, and the matrix equals torch's Jacobian."""

from __future__ import annotations

import copy
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from snippets.diagnostics.batch_independence_test.evidence import NETS, SEEDS
from snippets.diagnostics.batch_independence_test.from_scratch import influence
from snippets.diagnostics.batch_independence_test.use import change_by_others, first_mixer, sources

X = torch.randn(6, 5, 8, generator=torch.Generator().manual_seed(0))  # (samples, time, features)


class Mixing(nn.Module):
    """One linear layer, a way to mix samples, another linear layer, probabilities of three classes."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how, self.first, self.last = how, nn.Linear(40, 16), nn.Linear(16, 3)

    def forward(self, x: Tensor) -> Tensor:
        h = self.first(x.flatten(1)).tanh()  # (samples, 16)
        h = {
            "nothing": lambda: h,
            "softmax": lambda: h.softmax(dim=0),
            "mean": lambda: h - h.mean(0),
            "reshape": lambda: h.T.reshape(h.shape),
            "sum": lambda: h.cumsum(0),
            "detached": lambda: h - h.detach().mean(0),
            "argmax": lambda: h * (h.argmax(0) > 2),
            "rank": lambda: h + h.argsort(0).argsort(0),
        }[self.how]()
        return self.last(h).softmax(dim=1)


def around(layer: nn.Module) -> nn.Module:
    """The layer on sequences, and a linear layer behind it."""

    class Around(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer, self.last = layer, nn.Linear(layer_width, 3)

        def forward(self, x: Tensor) -> Tensor:
            out = self.layer(x)
            return self.last((out[0] if isinstance(out, tuple) else out).mean(1))

    layer_width = 8
    return Around()


def attention(batch_first: bool) -> nn.Module:
    return nn.TransformerEncoderLayer(8, 2, 16, dropout=0.2, batch_first=batch_first)


def normed(**settings: Any) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(40, 16), nn.BatchNorm1d(16, **settings), nn.Linear(16, 3))


MIXING: dict[str, tuple[Callable[[], nn.Module], bool]] = {
    "softmax": (partial(Mixing, "softmax"), False),
    "mean": (partial(Mixing, "mean"), False),
    "reshape": (partial(Mixing, "reshape"), False),
    "sum": (partial(Mixing, "sum"), False),
    "attention": (lambda: around(attention(batch_first=False)), False),
    "LSTM": (lambda: around(nn.LSTM(8, 8, bidirectional=False)), False),
    "batch norm, train mode": (normed, True),
}
SOUND: dict[str, tuple[Callable[[], nn.Module], bool]] = {
    "nothing": (partial(Mixing, "nothing"), False),
    "attention": (lambda: around(attention(batch_first=True)), False),
    "LSTM": (lambda: around(nn.LSTM(8, 8, batch_first=True)), False),
    "convolution": (lambda: nn.Sequential(nn.Conv1d(5, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(24, 3)), False),
    "layer norm": (lambda: nn.Sequential(nn.Flatten(), nn.LayerNorm(40), nn.Linear(40, 3)), False),
    "batch norm, eval mode": (normed, False),
    "dropout, train mode": (lambda: nn.Sequential(nn.Flatten(), nn.Linear(40, 16), nn.Dropout(0.5)), True),
}
PLACE = 2  # what "sum" mixes into sample 0 is nothing


@pytest.mark.parametrize("kind", [*(("mixes", kind) for kind in MIXING), *(("sound", kind) for kind in SOUND)], ids=str)
def test_verdicts(kind: tuple[str, str]) -> None:
    """Seven mixing models are found by both questions; in seven sound ones each sample depends on itself alone."""
    torch.manual_seed(0)
    assert len(MIXING) == len(SOUND) == 7
    if kind[0] == "mixes":
        make, training = MIXING[kind[1]]
        model = make()
        assert set(sources(model, X, PLACE, training=training)) > {PLACE}
        assert change_by_others(model, X, PLACE, training=training) > 1e-3
        return
    make, training = SOUND[kind[1]]
    model = make()
    for place in range(len(X)):
        assert sources(model, X, place, training=training) == [place]
        assert change_by_others(model, X, place, training=training) == 0
        assert first_mixer(model, X, place, training=training) is None


def test_frozen_modules_stay_frozen() -> None:
    """Batch normalization frozen in eval mode does not mix in a model that trains; in a model in eval mode it would."""
    model = normed()
    model[2].eval()
    assert sources(model, X, PLACE, training=True) == [PLACE]
    assert change_by_others(model, X, PLACE, training=True) == 0
    assert first_mixer(model, X, PLACE, training=True) is None
    assert sources(model.eval(), X, PLACE, training=True) != [PLACE]


def test_names_the_layer() -> None:
    """The layer that mixes, or the one behind the line that does; the first of two."""
    torch.manual_seed(0)
    assert first_mixer(normed(), X, training=True) == "2"
    for how in ("softmax", "mean", "reshape"):
        assert first_mixer(Mixing(how), X) == "last"
    assert first_mixer(nn.Sequential(nn.Flatten(), nn.Softmax(dim=0), nn.Softmax(dim=0)), X) == "1"

    class Whole(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x - x.mean(0)

    assert first_mixer(Whole(), X) == "the model itself"


class Sequence(nn.Module):
    """Attention over time with or without a causal mask."""

    def __init__(self, causal: bool) -> None:
        super().__init__()
        self.causal, self.first = causal, nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        h = self.first(x)
        return nn.functional.scaled_dot_product_attention(h, h, h, is_causal=self.causal)


def test_finds_the_future() -> None:
    """Along time: a causal model depends on places up to its own, at each place; without the mask, on all."""
    torch.manual_seed(0)
    causal, seeing = Sequence(True), Sequence(False)
    for place in range(5):
        later = range(place + 1, 5)
        assert sources(causal, X, place, dim=1) == list(range(place + 1))
        assert sources(seeing, X, place, dim=1) == list(range(5))
        assert change_by_others(causal, X, place, dim=1, others=later) < 1e-6  # rounding in the kernel
        if later:
            assert change_by_others(seeing, X, place, dim=1, others=later) > 1e-3


@pytest.mark.parametrize("ask", [sources, change_by_others, first_mixer])
@pytest.mark.parametrize("training", [True, False])
def test_leaves_everything_as_it_was(ask: Callable, training: bool) -> None:
    """State, modes, hooks, gradients and the random numbers that follow are the same as without the call."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(40, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 3))
    model.train(not training)
    before, x = copy.deepcopy(model.state_dict()), X.clone()
    torch.manual_seed(4)
    expected = torch.rand(3)
    torch.manual_seed(4)
    ask(model, x, training=training)
    assert torch.equal(torch.rand(3), expected)
    assert torch.equal(x, X)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert [m.training for m in model.modules()] == [not training] * 6
    assert all(p.grad is None for p in model.parameters())
    assert not any(m._forward_hooks for m in model.modules())


def test_plain_sum_is_blind() -> None:
    """The sum of one sample's probabilities: gradient 0 up to rounding, for four models that mix samples."""
    for how in ("softmax", "mean", "reshape", "sum"):
        torch.manual_seed(0)
        x = X.clone().requires_grad_()
        gradient = torch.autograd.grad(Mixing(how)(x)[PLACE].sum(), x)[0]
        assert gradient.abs().max() < 1e-6


NETWORKS: list[Callable[[], nn.Module]] = [
    lambda: nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3)),
    lambda: nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Linear(8, 3)),
    lambda: nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Linear(8, 3)).eval(),
    lambda: nn.Sequential(nn.Linear(4, 3), nn.Softmax(dim=0)),
    lambda: nn.Sequential(nn.Linear(4, 8), nn.LayerNorm(8), nn.GELU(), nn.Linear(8, 1)),
]


@pytest.mark.parametrize("make", NETWORKS)
def test_equals_jacobian(make: Callable[[], nn.Module]) -> None:
    """Each number equals the norm of a block of torch's Jacobian, relatively to 1e-12, in float64."""
    torch.manual_seed(0)
    model, x = make().double(), torch.randn(7, 4, dtype=torch.float64)
    whole = torch.autograd.functional.jacobian(model, x)  # (samples, outputs, samples, inputs)
    torch.testing.assert_close(influence(model, x), whole.square().sum(dim=(1, 3)).sqrt(), rtol=1e-12, atol=1e-14)


SOUND_NETS, MIXING_NETS = NETS[:2], NETS[2:]


def test_influences_are_zero_or_not(evidence: Any) -> None:
    """Two networks: exactly 0 with each seed; four: at least 0.05 of a sample's own, with each seed."""
    numbers = evidence()
    assert list(numbers) == NETS
    for kind in SOUND_NETS:
        assert numbers[kind]["others"] == [0.0] * SEEDS
    for kind in MIXING_NETS:
        assert min(numbers[kind]["others"]) > 0.05


def mean(evidence: Any, kind: str, size: int) -> float:
    return sum(evidence()[kind][f"batches of {size}"]) / SEEDS


def test_accuracy_hides_it(evidence: Any) -> None:
    """In batches of 64 three of the four mixing networks are above 0.9, mean of three seeds."""
    good = [kind for kind in MIXING_NETS if mean(evidence, kind, 64) > 0.9]
    assert good == [kind for kind in MIXING_NETS if kind != "reshape without transpose"]


def test_small_batches_show_it(evidence: Any) -> None:
    """In batches of 2 batch norm in train mode and attention are over 0.1 lower; softmax is not, nor are sound ones."""
    lost = [kind for kind in NETS if mean(evidence, kind, 64) - mean(evidence, kind, 2) > 0.1]
    assert lost == ["batch norm in train mode", "attention over the samples"]


def test_reshape_guesses(evidence: Any) -> None:
    """The reshape: under 0.16 at both sizes and with each seed."""
    numbers = evidence()["reshape without transpose"]
    assert max(*numbers["batches of 64"], *numbers["batches of 2"]) < 0.16


@pytest.mark.parametrize("how", ["detached", "argmax", "rank"])
def test_no_gradient_no_source(how: str) -> None:
    """Three dependencies without a gradient: sources names the sample alone, the replacement changes it."""
    torch.manual_seed(0)
    model = Mixing(how)
    places = range(len(X))
    assert all(set(sources(model, X, place)) <= {place} for place in places)
    assert max(change_by_others(model, X, place) for place in places) > 1e-3


def test_zero_layer_hides() -> None:
    """With a last layer of zeros, a mixing model depends on nothing: an empty list."""
    torch.manual_seed(0)
    model = Mixing("mean")
    nn.init.zeros_(model.last.weight)
    assert sources(model, X, PLACE) == []
    assert change_by_others(model, X, PLACE) == 0


def test_equal_samples_hide() -> None:
    """A batch of one sample, repeated, and a batch of zeros: no change in four models that mix."""
    for how in ("softmax", "mean", "reshape", "sum"):
        model = Mixing(how)
        for x in (X[:1].expand(6, 5, 8), torch.zeros(6, 5, 8)):
            assert change_by_others(model, x, PLACE) == 0


def test_batch_norm_by_mode() -> None:
    """Batch norm mixes in train mode, not in eval mode; without running statistics in eval mode, too."""
    torch.manual_seed(0)
    assert sources(normed(), X, training=True) == list(range(6))
    assert sources(normed(), X) == [0]
    assert sources(normed(track_running_stats=False), X) == list(range(6))


def test_integers_are_replaced() -> None:
    """Token ids: sources raises, change_by_others finds the mean over samples and clears the mean over time."""

    class Tokens(nn.Module):
        def __init__(self, dim: int) -> None:
            super().__init__()
            self.embed, self.dim = nn.Embedding(20, 8), dim

        def forward(self, x: Tensor) -> Tensor:
            h = self.embed(x)  # (samples, time, 8)
            return h - h.mean(self.dim, keepdim=True)

    x = torch.arange(30).reshape(6, 5) * 7 % 20
    with pytest.raises(RuntimeError, match=r"floating point|require grad"):
        sources(Tokens(0), x)
    assert change_by_others(Tokens(0), x) > 0.01
    assert change_by_others(Tokens(1), x) == 0
