"""Helpers for tests of optimizers: two implementations side by side, and the memory that one of them keeps."""

import importlib
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

Factory = Callable[..., torch.optim.Optimizer]


def as_real(x: Tensor) -> Tensor:
    """A complex tensor as pairs of real numbers, anything else unchanged."""
    return torch.view_as_real(x) if x.is_complex() else x


def tensors(value: Any) -> Iterator[Tensor]:
    """Every tensor in a nest of dictionaries, lists and tuples."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from tensors(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from tensors(item)


def pair(
    dtype: torch.dtype = torch.float64, shapes: Sequence[tuple[int, ...]] = ((5, 4), (3,), ())
) -> tuple[list[Tensor], list[Tensor], torch.Generator]:
    """Two lists of equal parameters, and the generator from which their gradients come."""
    generator = torch.Generator().manual_seed(0)
    ours = [torch.randn(shape, dtype=dtype, generator=generator).requires_grad_() for shape in shapes]
    return ours, [p.detach().clone().requires_grad_() for p in ours], generator


def give_gradients(ours: list[Tensor], theirs: list[Tensor], generator: torch.Generator) -> None:
    """The same noise as gradient to both."""
    for p, q in zip(ours, theirs, strict=True):
        p.grad = torch.randn(p.shape, dtype=p.dtype, generator=generator)
        q.grad = p.grad.clone()


def two_matrices(dtype: torch.dtype = torch.float64) -> list[torch.nn.Parameter]:
    """Parameters of several shapes, the same at each call."""
    generator = torch.Generator().manual_seed(0)
    return [torch.nn.Parameter(torch.randn(s, dtype=dtype, generator=generator)) for s in [(3, 4), (5,), (2, 2)]]


def noisy_gradients(parameters: list[torch.nn.Parameter], step: int) -> None:
    """Gradient of a quadratic whose curvature grows along each tensor, plus noise drawn from the step's number."""
    generator = torch.Generator().manual_seed(1000 + step)
    for p in parameters:
        curvature = torch.linspace(0.1, 10, p.numel(), dtype=torch.float64).reshape(p.shape)
        noise = torch.randn(p.shape, dtype=p.dtype, generator=generator)
        p.grad = curvature.to(p.dtype) * p.detach() + 0.3 * noise


def same_trajectory(
    ours: Factory, reference: Factory, steps: int = 120, dtype: torch.dtype = torch.float64, **settings: Any
) -> float:
    """Step both on the same noisy problem; assert equal parameters and equal state after every step.

    The state of the two is compared under the same names; what only the reference keeps (a counter, flags) is compared
    where ours has it. Tolerance 1e-12 relative: float64 rounds at 1e-16, and a hundred steps add their roundings up.

    Returns:
        the largest absolute difference of a parameter over all steps.
    """
    mine, theirs = two_matrices(dtype), two_matrices(dtype)
    optimizer, other = ours(mine, **settings), reference(theirs, **settings)
    worst = 0.0
    for step in range(steps):
        noisy_gradients(mine, step)
        noisy_gradients(theirs, step)
        optimizer.step()
        other.step()
        for p, q in zip(mine, theirs, strict=True):
            torch.testing.assert_close(p, q, rtol=1e-12, atol=1e-14, msg=lambda m, s=step: f"step {s}: {m}")
            worst = max(worst, (p - q).abs().max().item())
            state, expected = optimizer.state[p], other.state[q]
            assert set(state) <= set(expected), f"state of other names than the reference's: {set(state)}"
            for name, value in state.items():
                if value is None or expected[name] is None:
                    assert value is expected[name], f"state {name!r} at step {step}"
                else:
                    got, want = torch.as_tensor(value), torch.as_tensor(expected[name])
                    got, want = as_real(got).to(torch.float64), as_real(want).to(torch.float64)
                    torch.testing.assert_close(got, want, rtol=1e-6 if got.dim() == 0 else 1e-12, atol=1e-14)
    return worst


def numbers_per_parameter(
    factory: Factory,
    steps: int = 3,
    shapes: Sequence[tuple[int, ...]] = ((64, 32), (7,), (8, 4, 3, 3)),
    **settings: Any,
) -> float:
    """Numbers that an optimizer keeps for each parameter after a few steps; scalars such as the step do not count.

    Asserts that a matrix, a vector and a kernel, or what is given as `shapes`, need the same.
    """
    found = set()
    for shape in shapes:
        p = torch.nn.Parameter(torch.ones(shape))
        optimizer = factory([p], **settings)
        for _ in range(steps):
            p.grad = torch.ones_like(p)
            optimizer.step()
        found.add(sum(t.numel() for t in tensors(dict(optimizer.state)) if t.dim()) / p.numel())
    assert len(found) == 1, f"depends on the shape: {found}"
    return found.pop()


def timm_optimizers() -> ModuleType:
    """timm.optim; imported late, since it takes a second."""
    return importlib.import_module("timm.optim")
