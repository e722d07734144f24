"""Every optimizer of the guide on inputs that people really have: right, or refused by an error that names the input.

Nothing here names an optimizer. torch's classes have faults of their own, which the guide cannot mend (a copy of LBFGS
does not step, and it views gradients as they lie in memory; Adafactor divides by zero elements): copies, zero-element
parameters and half precision are asked of the guide's classes alone.
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


@every_optimizer
def test_not_contiguous_parameter_equals_its_contiguous_twin(name: str) -> None:
    """A matrix that lies in memory by columns, as after `.T`, trains as the one that lies by rows.

    One of torch's classes may refuse it, by an error about its strides.
    """
    make, _ = FOUND[name]
    rows, columns = start(), [torch.nn.Parameter(p.detach().T.contiguous().T) for p in start()]
    assert not any(p.is_contiguous() for p in columns)
    descend(make(rows), rows, 8, weighted_squares)
    if message := refusal(lambda: descend(make(columns), columns, 8, weighted_squares)):
        assert name not in OURS
        assert "size and stride" in message
        return
    for p, q in zip(rows, columns, strict=True):
        torch.testing.assert_close(p, q, rtol=1e-9, atol=0)  # sums of another order round otherwise
    assert not torch.equal(rows[0], start()[0])


@every_optimizer
def test_tied_parameter_is_refused(name: str) -> None:
    """A parameter given twice, as tied weights are in a hand-made list, would be moved twice a step.

    torch.optim.Optimizer warns of one within a group, which the suite makes an error, and refuses one in two groups.
    """
    make, _ = FOUND[name]
    tied, other = start()
    with pytest.raises((ValueError, UserWarning), match=r"duplicate|parameter groups"):
        make([tied, tied, other])
    with pytest.raises(ValueError, match=r"more than one parameter group|parameter groups"):
        make([{"params": [tied]}, {"params": [tied, other]}])


@every_optimizer
def test_empty_group_changes_nothing(name: str) -> None:
    """A group without parameters beside another one; or the optimizer says that it takes one group only."""
    make, _ = FOUND[name]
    plain, beside = start(), start()
    try:
        optimizer = make([{"params": []}, {"params": beside}])
    except ValueError as error:
        if "parameter groups" not in str(error):
            raise
        return
    descend(optimizer, beside, 5, weighted_squares)
    descend(make(plain), plain, 5, weighted_squares)
    assert all(torch.equal(p, q) for p, q in zip(plain, beside, strict=True))
    assert not torch.equal(plain[0], start()[0])


@every_optimizer
def test_group_added_later_trains(name: str) -> None:
    """A group that comes after three steps, as when a layer is released, moves from then on; or an error says why."""
    make, _ = FOUND[name]
    parameters = first, late = start()
    optimizer = make([first])
    descend(optimizer, [first], 3, weighted_squares)
    before = [p.detach().clone() for p in parameters]
    assert torch.equal(late, start()[1])
    try:
        optimizer.add_param_group({"params": [late]})
        descend(optimizer, parameters, 5, weighted_squares)
    except (ValueError, AssertionError) as error:
        if "group" not in str(error):
            raise
        assert all(torch.equal(p, q) for p, q in zip(parameters, before, strict=True))
        return
    assert not any(torch.equal(p, q) for p, q in zip(parameters, before, strict=True))
    assert late.isfinite().all()


@every_optimizer
def test_gradient_scaler(name: str) -> None:
    """With GradScaler as without it, to float32's rounding, and a step whose gradient overflows is left out."""
    make, _ = FOUND[name]
    scaled, plain = start(torch.float32), start(torch.float32)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    optimizer, other = make(scaled), make(plain)
    for each in (optimizer, other):
        getattr(each, "train", lambda: None)()

    def gradients(parameters: list, factor: Callable[[Tensor], Tensor], sparse: bool) -> None:
        for p in parameters:
            p.grad = None
        factor(weighted_squares(parameters)).backward()
        if sparse:
            for p in parameters:
                p.grad = p.grad.to_sparse(1)

    def run(sparse: bool) -> None:
        for step in range(6):
            if step == 3:
                before = [p.detach().clone() for p in scaled]
                gradients(scaled, lambda loss: scaler.scale(loss * torch.inf), sparse)
                scaler.step(optimizer)
                scaler.update()
                assert all(torch.equal(p, q) for p, q in zip(scaled, before, strict=True))
            gradients(scaled, scaler.scale, sparse)
            scaler.step(optimizer)
            scaler.update()
            gradients(plain, lambda loss: loss, sparse)
            other.step()

    try:
        run(sparse=False)
    except (TypeError, ValueError) as error:
        if "closure" not in str(error):
            raise
        return  # it evaluates the loss itself, which no scaler knows
    except RuntimeError as error:
        if "sparse gradients" not in str(error) and "dense gradients" not in str(error):
            raise
        scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)  # the other one's step was begun
        run(sparse=True)
    for p, q in zip(scaled, plain, strict=True):
        torch.testing.assert_close(p, q, rtol=1e-5, atol=1e-6)
    assert not torch.equal(plain[0], start(torch.float32)[0])


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
