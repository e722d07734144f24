"""grad-nan-forward-finite: what it looks like, and every cause of it planted."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch.nn.functional import mse_loss

from snippets.checklist.grad_nan_forward_finite.check import (
    branch_that_is_not_taken,
    epsilon_rounded_away,
    first_broken_operation,
)
from tests.support.planted import Record, Run, causes, prove


def shows(run: Run) -> bool:
    """Every loss is a finite number, and a gradient is NaN."""
    finite = all(map(math.isfinite, run.series("loss")))
    return finite and any(map(math.isnan, run.series("gradient")))


@causes("grad-nan-forward-finite")
def test_cause(cause: str, record_property: Record) -> None:
    """Each cause shows the symptom; its check finds it, stays silent on cure and look-alike; the cure cures it."""
    prove(cause, shows, record_property)


@pytest.mark.filterwarnings("ignore:Anomaly Detection:UserWarning", "ignore:Error detected:UserWarning")
def test_anomaly_names_the_next() -> None:
    """Torch names the square, the check names the root, whose slope is infinite."""
    model = torch.nn.Linear(3, 3, bias=False)
    with torch.no_grad():
        model.weight.zero_()

    def loss_fn(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return outputs.square().sum().sqrt()

    x = torch.ones(1, 3)
    with torch.autograd.set_detect_anomaly(True), pytest.raises(RuntimeError, match="PowBackward0"):
        loss_fn(model(x), x).backward()
    assert first_broken_operation(model, loss_fn, x, x)[0] == "Sqrt"


@pytest.mark.parametrize("root", [lambda x: x.std(dim=1), lambda x: torch.linalg.vector_norm(x, dim=1)])
def test_own_roots_are_safe(root: Callable[[torch.Tensor], torch.Tensor]) -> None:
    """Torch's standard deviation of constant values and its norm of zeros have a gradient of 0."""
    x = torch.zeros(2, 3, requires_grad=True)
    root(x).sum().backward()
    assert x.grad is not None
    assert (x.grad == 0).all()


def test_a_squared_distance_is_not_called_unused_and_chance_stays() -> None:
    """The square passes a gradient of 0 to the root; a model that draws numbers leaves the random state alone."""

    class Noisy(torch.nn.Linear):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x) + 0 * torch.rand(1)

    model = Noisy(3, 3, bias=False)
    torch.nn.init.zeros_(model.weight)
    before, x = torch.get_rng_state(), torch.ones(4, 3)
    found = branch_that_is_not_taken(model, lambda out, _: out.square().sum(dim=1).sqrt().square().sum(), x, x)
    assert "or squared after" in found
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("square", [lambda o, y: (o - y) ** 2, lambda o, y: mse_loss(o, y, reduction="none")])
def test_targets_masked_after_the_loss(square: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]) -> None:
    """Masked after the loss, NaN targets leave it finite and make the gradient NaN; masked before, nothing is found."""
    torch.manual_seed(0)
    model, x = torch.nn.Linear(3, 2), torch.randn(8, 3)
    targets = torch.randn(8, 2)
    targets[::2, 0] = torch.nan

    def late(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return square(outputs, targets)[~targets.isnan()].mean()

    def early(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return square(outputs[~targets.isnan()], targets[~targets.isnan()]).mean()

    loss = late(model(x), targets)
    assert torch.isfinite(loss)
    assert torch.autograd.grad(loss, model.weight)[0].isnan().any()
    assert "4 numbers" in branch_that_is_not_taken(model, late, x, targets)
    assert not branch_that_is_not_taken(model, early, x, targets)


def test_epsilons_in_16_bits() -> None:
    """1 - 1e-6 is 1 in both; the next numbers below 1; 1e-8 is 0 in float16 alone."""
    for dtype, below in ((torch.bfloat16, 0.9961), (torch.float16, 0.9995)):
        one = torch.ones((), dtype=dtype)
        assert torch.tensor(1 - 1e-6, dtype=dtype) == one
        assert one.clamp(max=1 - 1e-6) == one
        assert round(torch.nextafter(one, one * 0).item(), 4) == below
    assert torch.tensor(1e-8, dtype=torch.float16) == 0
    assert torch.tensor(1e-8, dtype=torch.bfloat16) > 0


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
@pytest.mark.parametrize("what", ["clamp", "root", "quotient", "sound", "wrong in all"])
def test_small_numbers_in_16_bits(dtype: torch.dtype, what: str) -> None:
    """Found where 16 bits lose them; silent in float32, in a sound formula and where float32 does not help."""
    model = torch.nn.Linear(2, 2, bias=False).to(dtype)
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[20.0, 20.0], [0.0, 0.0]]))
    x = torch.ones(1, 2, dtype=dtype)

    def loss_fn(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        if what == "clamp":
            return torch.log1p(-outputs.sigmoid().clamp(max=1 - 1e-6)).sum(dim=1).exp().sum()
        if what == "root":
            return (outputs.square() + 1e-8).sqrt().sum()
        if what == "quotient":
            return (outputs.square() / (outputs.abs() + 1e-8)).sum()
        if what == "sound":
            return torch.nn.functional.logsigmoid(-outputs).sum(dim=1).exp().sum()
        return outputs.sqrt().sum()

    lost = what == "clamp" or (what in ("root", "quotient") and dtype == torch.float16)
    found = epsilon_rounded_away(model, loss_fn, x, x)
    assert bool(found) == (lost and dtype != torch.float32)


def test_mask_behind_the_root() -> None:
    """Padded points at one place: a mask behind the root gives NaN, one before it a finite gradient."""
    torch.manual_seed(0)
    for padded in (2, 3):
        for before in (False, True):
            points = torch.randn(6, 3)
            points[6 - padded :] = 0
            points.requires_grad_()
            real = torch.arange(6) < 6 - padded
            pairs = real[:, None] & real & ~torch.eye(6, dtype=torch.bool)
            apart = ~torch.eye(6, dtype=torch.bool)
            squares = (points[:, None] - points).square().sum(dim=2)
            distances = squares[pairs].sqrt() if before else squares[apart].sqrt() * pairs[apart]
            distances.sum().backward()
            assert distances.isfinite().all()
            assert bool(points.grad.isfinite().all()) == before
