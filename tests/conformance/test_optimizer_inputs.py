"""Every optimizer of the guide on inputs that people really have: right, or refused by an error that names the input.

Nothing here names an optimizer. torch's classes have faults of their own, which the guide cannot mend (a copy of LBFGS
does not step, Adafactor divides by zero elements): copies, zero-element parameters and half precision are asked of the
guide's classes alone.
"""

import copy
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.support.every_optimizer import FOUND, refuses, start

OURS = [name for name, (make, _) in FOUND.items() if type(make(start())).__module__.startswith("snippets.")]
every_optimizer = pytest.mark.parametrize("name", FOUND)
each_of_ours = pytest.mark.parametrize("name", OURS)


@pytest.fixture(autouse=True)
def sparse_checks() -> Iterator[None]:
    """torch warns until one says whether sparse tensors are to be checked."""
    with torch.sparse.check_sparse_tensor_invariants(True):
        yield


def descend(optimizer: torch.optim.Optimizer, parameters: list, steps: int, loss_of: Callable[..., Tensor]) -> None:
    """Take steps with a closure; an optimizer that refuses dense gradients gets the same ones as sparse."""
    getattr(optimizer, "train", lambda: None)()

    def closure(sparse: bool) -> float:
        optimizer.zero_grad()
        loss = loss_of(parameters)
        if loss.requires_grad:
            loss.backward()
        for p in parameters:
            if sparse and p.grad is not None:
                p.grad = p.grad.to_sparse(1)
        return loss.item()

    for _ in range(steps):
        try:
            optimizer.step(lambda: closure(sparse=False))
        except RuntimeError as error:
            if "sparse gradients" not in str(error) and "dense gradients" not in str(error):
                raise
            optimizer.step(lambda: closure(sparse=True))


def refusal(run: Callable[[], None]) -> str:
    """The message by which an optimizer refuses its input, or nothing."""
    try:
        run()
    except (RuntimeError, ValueError) as error:
        return str(error)
    return ""


def weighted_squares(parameters: list[Tensor]) -> Tensor:
    """A quadratic; of a complex parameter the same number as of its real and imaginary parts."""
    real = [torch.view_as_real(p) if p.is_complex() else p for p in parameters]
    terms = [(torch.linspace(0.1, 3, p.numel(), dtype=p.dtype).reshape(p.shape) * p * p).sum() for p in real]
    return torch.stack(terms).sum()


@every_optimizer
def test_complex_parameter_equals_its_real_twin(name: str) -> None:
    """After 30 steps: as real and imaginary parts, each a number of its own; or an error that says complex."""
    make, _ = FOUND[name]
    value = torch.randn(4, 3, dtype=torch.complex128, generator=torch.Generator().manual_seed(0))
    p, twin = (torch.nn.Parameter(t.clone()) for t in (value, torch.view_as_real(value)))
    message = refusal(lambda: descend(make([p]), [p], 30, weighted_squares))
    assert bool(message) == refuses(name, "complex parameters"), message
    if message:
        assert "complex" in message.lower()
        assert torch.equal(p, value), "it complained after it had moved the parameter"
        return
    descend(make([twin]), [twin], 30, weighted_squares)
    torch.testing.assert_close(torch.view_as_real(p.detach()), twin.detach(), rtol=1e-9, atol=1e-12)
    assert not torch.equal(p, value)


@each_of_ours
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision(name: str, dtype: torch.dtype) -> None:
    """Parameters stay finite and of their type, or an error names the type."""
    make, _ = FOUND[name]
    parameters = [torch.nn.Parameter(p.detach().to(dtype)) for p in start(torch.float32)]
    message, kind = refusal(lambda: descend(make(parameters), parameters, 12, weighted_squares)), str(dtype)[6:]
    assert bool(message) == refuses(name, kind), message
    if message:
        assert kind in message
        return
    assert all(p.isfinite().all() and p.dtype == dtype for p in parameters)


@each_of_ours
def test_zero_element_parameter(name: str) -> None:
    """A parameter without elements changes nothing for the one beside it."""
    make, _ = FOUND[name]
    (alone, _), (beside, _) = start(), start()
    empty = torch.nn.Parameter(torch.ones(0, 3, dtype=torch.float64))
    descend(make([alone]), [alone], 3, weighted_squares)
    descend(make([beside, empty]), [beside, empty], 3, weighted_squares)
    assert torch.equal(alone, beside)
    assert not torch.equal(alone, start()[0])


@every_optimizer
def test_step_without_any_gradient(name: str) -> None:
    """A step in which no parameter has a gradient moves nothing and raises nothing, as in torch."""
    make, _ = FOUND[name]
    parameters = start()
    descend(make(parameters), parameters, 2, lambda parameters: torch.zeros(()))
    assert all(torch.equal(p, q) for p, q in zip(parameters, start(), strict=True))


def pickled(pair: Any) -> Any:
    return pickle.loads(pickle.dumps(pair))


@each_of_ours
@pytest.mark.parametrize("copied", [copy.deepcopy, pickled])
def test_copy_goes_on_by_itself(name: str, copied: Callable[[Any], Any]) -> None:
    """A copy of parameters and optimizer, made between steps, trains as the original does, and leaves it alone."""
    make, _ = FOUND[name]
    parameters = start()
    optimizer = make(parameters)
    descend(optimizer, parameters, 2, weighted_squares)
    others, other = copied((parameters, optimizer))
    before = [p.detach().clone() for p in parameters]
    descend(other, others, 7, weighted_squares)
    assert all(torch.equal(p, q) for p, q in zip(parameters, before, strict=True))
    assert not torch.equal(others[0], start()[0])
    descend(optimizer, parameters, 7, weighted_squares)
    assert all(torch.equal(p, q) for p, q in zip(parameters, others, strict=True))


def test_enough_is_tried() -> None:
    """The suite finds the guide's classes and torch's."""
    assert len(OURS) >= 25
    assert len(FOUND) - len(OURS) >= 15
