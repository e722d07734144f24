"""Broadcasting traps: what the watch finds and does not, the loss of a table in closed form, and the claims."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from snippets.diagnostics.shape_broadcast_traps.evidence import LOSSES, SEEDS
from snippets.diagnostics.shape_broadcast_traps.use import BroadcastWatch, same_shape

COLUMN = torch.linspace(0.1, 0.9, 8)[:, None]
ROW = torch.linspace(0.9, 0.2, 8)

STRETCHING: dict[str, Callable[[], Any]] = {
    "-": lambda: COLUMN - ROW,
    "reversed -": lambda: ROW.sub(COLUMN),
    "+": lambda: COLUMN + ROW,
    "*": lambda: COLUMN * ROW,
    "/": lambda: COLUMN / ROW,
    "**": lambda: COLUMN**ROW,
    "==": lambda: COLUMN == ROW,
    ">": lambda: COLUMN > ROW,
    "maximum": lambda: torch.maximum(COLUMN, ROW),
    "where": lambda: torch.where(COLUMN > 0.5, COLUMN, ROW),
    "lerp": lambda: torch.lerp(COLUMN, ROW, 0.5),
    "addcmul": lambda: torch.addcmul(COLUMN, ROW, ROW),
    "mse_loss": lambda: F.mse_loss(COLUMN, ROW),
    "MSELoss": lambda: nn.MSELoss()(COLUMN, ROW),
    "l1_loss": lambda: F.l1_loss(COLUMN, target=ROW),
    "smooth_l1_loss": lambda: F.smooth_l1_loss(COLUMN, ROW),
    "huber_loss": lambda: F.huber_loss(COLUMN, ROW),
    "poisson_nll_loss": lambda: F.poisson_nll_loss(COLUMN, ROW),
    "gaussian_nll_loss": lambda: F.gaussian_nll_loss(COLUMN, ROW, torch.ones(8)),
}


@pytest.mark.parametrize("operation", STRETCHING)
def test_watch_finds(operation: str) -> None:
    """Each of 19 operations on a column and a row is named with both shapes, and raises where it is strict."""
    assert len(STRETCHING) == 19
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with BroadcastWatch(strict=False) as watch:
            STRETCHING[operation]()
        assert len(watch.found) == 1
        assert "(8, 1)" in watch.found[0]
        assert "(8,)" in watch.found[0]
        assert watch.found[0].endswith("are stretched to (8, 8)")
        with pytest.raises(ValueError, match=r"are stretched to \(8, 8\)"), BroadcastWatch():
            STRETCHING[operation]()


NETWORKS: dict[str, tuple[Callable[[], nn.Module], Tensor]] = {
    "MLP": (lambda: nn.Sequential(nn.Linear(8, 8), nn.LayerNorm(8), nn.GELU(), nn.Dropout(0.1)), torch.rand(8, 8)),
    "one output": (lambda: nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 1)), torch.rand(8, 8)),
    "convolution": (
        lambda: nn.Sequential(nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
        torch.rand(8, 1, 8, 8),
    ),
    "attention": (lambda: nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), torch.rand(8, 5, 8)),
    "LSTM": (lambda: nn.LSTM(8, 8, num_layers=2), torch.rand(5, 8, 8)),
    "embedding": (lambda: nn.Sequential(nn.Embedding(20, 8), nn.RMSNorm(8)), torch.arange(8).reshape(4, 2)),
}


@pytest.mark.parametrize("kind", NETWORKS)
def test_watch_is_silent_in_layers(kind: str) -> None:
    """One training step of each of six networks, with Adam and clipping: nothing is found."""
    make, x = NETWORKS[kind]
    model = make()
    optimizer = torch.optim.Adam(model.parameters())
    assert len(NETWORKS) == 6
    with BroadcastWatch():
        output = model(x)
        output = output[0] if isinstance(output, tuple) else output
        loss = F.mse_loss(output, torch.zeros_like(output)) + 0.1 * (output - output.mean()).abs().mean()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    assert loss.item() > 0


@pytest.mark.parametrize("loss_fn", [F.mse_loss, F.binary_cross_entropy_with_logits, lambda o, t: (o - t).abs().mean()])
def test_same_shape_raises(loss_fn: Callable[[Tensor, Tensor], Tensor]) -> None:
    """Pairs of different shapes raise with both shapes in the message; equal ones give the same loss and gradient."""
    shapes = [(8, 1), (8,), (1, 8), (4, 2), (1,), ()]
    for a in shapes:
        for b in shapes:
            if a != b:
                with pytest.raises(ValueError, match=r"outputs are \(.* and targets \("):
                    same_shape(loss_fn)(torch.ones(a), torch.ones(b))
        outputs = torch.rand(a, requires_grad=True)
        targets = torch.rand(a)
        pair = [f(outputs, targets) for f in (same_shape(loss_fn), loss_fn)]
        assert torch.equal(pair[0], pair[1])
        assert torch.equal(*(torch.autograd.grad(loss, outputs)[0] for loss in pair))


@pytest.mark.parametrize("n", [1, 2, 64])
def test_table_loss_in_closed_form(n: int) -> None:
    """The squared error over the table is the squared distance of the means plus both variances."""
    generator = torch.Generator().manual_seed(n)
    for scale in (0.0, 1.0, 100.0):
        outputs = scale * torch.randn(n, 1, dtype=torch.float64, generator=generator)
        targets = 3 + torch.randn(n, dtype=torch.float64, generator=generator)
        table = (outputs - targets).square().mean()
        variances = outputs.var(correction=0) + targets.var(correction=0)
        assert table.item() == pytest.approx(((outputs.mean() - targets.mean()) ** 2 + variances).item(), rel=1e-12)


TRAPS = [name for name in LOSSES if name not in ("squeezed", "weights in a row")]


def test_what_torch_says(evidence: Any) -> None:
    """Of four traps: an error once, a warning once, nothing twice; nothing in the two programs without a trap."""
    numbers = evidence()
    assert list(numbers) == list(LOSSES)
    said = {name: set(numbers[name]["said"]) for name in LOSSES}
    assert [said[name] for name in TRAPS] == [{"a warning"}, {"nothing"}, {"an error"}, {"nothing"}]
    assert said["squeezed"] == said["weights in a row"] == {"nothing"}


def test_learns_the_mean(evidence: Any) -> None:
    """Column against row: within 0.05 of 1 with each seed, by mse_loss and by the own formula; squeezed below 0.12."""
    numbers = evidence()
    for name in ("mse_loss of column and row", "own formula"):
        assert numbers[name]["last"] == pytest.approx([1.0] * SEEDS, abs=0.05)
    assert max(numbers["squeezed"]["last"]) < 0.12


def test_weights_without_effect(evidence: Any) -> None:
    """Weights in a column: above 1.1 with each seed; in a row below 0.15."""
    numbers = evidence()
    assert min(numbers["weights in a column"]["last"]) > 1.1
    assert max(numbers["weights in a row"]["last"]) < 0.15


def test_warning_comes_once() -> None:
    """With Python's default filter the line warns in the first of five calls; others warn again, by line and shapes."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.resetwarnings()
        warnings.simplefilter("default")
        for _ in range(5):
            F.mse_loss(COLUMN, ROW)
        assert len(caught) == 1
        F.mse_loss(COLUMN, ROW[:5]), F.mse_loss(COLUMN[:5], ROW)
        assert len(caught) == 3
    assert "Using a target size (torch.Size([8]))" in str(caught[0].message)


def test_warning_as_error() -> None:
    """With the filter of the page each call raises."""
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="Using a target size")
        for _ in range(2):
            with pytest.raises(UserWarning, match="Using a target size"):
                F.mse_loss(COLUMN, ROW)


def test_keepdim_by_coincidence() -> None:
    """64 samples of 64 features: runs, without a finding, and is not what keepdim gives; 32 samples raise."""
    x = torch.randn(64, 64, generator=torch.Generator().manual_seed(0))
    with BroadcastWatch():
        wrong = x - x.mean(1)
    assert not torch.allclose(wrong, x - x.mean(1, keepdim=True), atol=0.01)
    assert torch.allclose(wrong[:, 5], x[:, 5] - x[5].mean())  # the mean of sample 5 is taken from feature 5
    with pytest.raises(RuntimeError, match="must match the size"):
        x[:32] - x[:32].mean(1)


def test_squeeze_removes_the_batch() -> None:
    """squeeze() of (1, 1) is (), squeeze(1) is (1,); with eight samples both are (8,)."""
    assert COLUMN[:1].squeeze().shape == ()
    assert COLUMN[:1].squeeze(1).shape == (1,)
    assert COLUMN.squeeze().shape == COLUMN.squeeze(1).shape == (8,)


def test_accuracy_of_a_half() -> None:
    """Balanced targets: the table's mean is 0.5 for random, perfect, wrong and constant outputs."""
    targets = torch.arange(64) % 2
    random = torch.randn(64, generator=torch.Generator().manual_seed(0)) > 0
    for right in (random, targets == 1, targets == 0, torch.ones(64).bool()):
        assert (right[:, None] == targets).float().mean() == 0.5


def test_in_place_refuses() -> None:
    """A row += column raises, with the text of the page."""
    with pytest.raises(RuntimeError, match=r"output with shape \[64\] doesn't match the broadcast shape \[64, 64\]"):
        torch.zeros(64).add_(torch.zeros(64, 1))


def test_tables_can_be_allowed() -> None:
    """A table of distances is found, and with its name in allow it is not."""
    with BroadcastWatch(strict=False) as watch:
        COLUMN - ROW
    assert len(watch.found) == 1
    with BroadcastWatch(allow={"sub"}):
        assert (COLUMN - ROW).shape == (8, 8)


def test_inside_of_torch_is_not_seen() -> None:
    """cosine_similarity of (8, 1) and (1, 8) computes with (8, 8); nothing is found, and same_shape raises."""
    row = ROW[None]
    with BroadcastWatch():
        F.cosine_similarity(COLUMN, row)
    assert not torch.equal(F.cosine_similarity(COLUMN, row), F.cosine_similarity(COLUMN, COLUMN))
    with pytest.raises(ValueError, match="outputs are"):
        same_shape(F.cosine_similarity)(COLUMN, row)
