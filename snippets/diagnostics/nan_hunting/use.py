"""Name the first place of a training step at which a number stops being finite: batch, weight, module, loss, operation.

Source: PyTorch documentation, torch.autograd.set_detect_anomaly; nothing in it is newer than torch 2.9.
"""

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn


class NotFiniteError(ArithmeticError):
    """Raised inside the copy's forward pass, to stop it at the first bad module."""


def _copied(model: nn.Module) -> nn.Module:
    """Copy a model; results of a pass that it keeps, such as attention, which deepcopy refuses, as numbers."""
    kept = [v for m in model.modules() for v in vars(m).values()]
    results = [v for v in kept if torch.is_tensor(v) and not v.is_leaf]
    return copy.deepcopy(model, {id(v): v.detach().clone() for v in results})


def find_not_finite(model: nn.Module, loss_fn: Callable[[Any, Any], Tensor], inputs: Any, targets: Any) -> str | None:
    """Say where NaN or inf appears first in one forward and backward pass; None where all numbers are finite.

    Works on a copy in the same mode: weights, gradients, buffers and random state stay as they are.

    Args:
        model: takes ``inputs`` as its argument.
        loss_fn: takes outputs and targets, returns one number.
        inputs: the batch at which the loss or the gradient was lost.
        targets: its targets.
    """
    buffers = dict(model.named_buffers())
    named = [("inputs", inputs), ("targets", targets), *model.named_parameters(), *buffers.items()]
    for name, value in named:
        for tensor in tensors(value):
            on_purpose = tensor.isneginf() if name in buffers else False  # a mask of attention
            if not (torch.isfinite(tensor) | on_purpose).all():
                return f"{name}: {count(tensor)} before the forward pass"
    own = _copied(model)
    for name, module in own.named_modules():
        module.register_forward_hook(stop_at(name))
    devices = sorted({p.device.index for p in model.parameters() if p.device.type == "cuda"})
    with torch.random.fork_rng(devices=devices), torch.enable_grad():
        with torch.autograd.set_detect_anomaly(True, check_nan=False):  # operations remember their line of code
            try:
                loss = loss_fn(own(inputs.clone() if isinstance(inputs, Tensor) else inputs), targets)
            except NotFiniteError as error:
                return str(error)
        if not torch.isfinite(loss).all():
            return f"loss_fn returned {loss.item()}, and the model's outputs are finite"
        if not loss.requires_grad:
            return None
        return backward(loss, [p for p in own.parameters() if p.requires_grad])


def stop_at(name: str) -> Callable[[nn.Module, Any, Any], None]:
    """A forward hook: ``NotFiniteError`` where the module's output is not finite; inner modules are asked first."""

    def look(module: nn.Module, _: Any, output: Any) -> None:
        for tensor in tensors(output):
            if not torch.isfinite(tensor).all():
                raise NotFiniteError(f"{name or 'model'} ({type(module).__name__}) returned {count(tensor)}")

    return look


def backward(loss: Tensor, weights: list[nn.Parameter]) -> str | None:
    """The first operation that gets a finite gradient and makes one that is not finite, and its line of code."""
    found: list[str] = []

    def watch(node: Any) -> Callable[[tuple, tuple], None]:
        def look(made: tuple, got: tuple) -> None:
            bad = [g for g in tensors(list(made)) if not torch.isfinite(g).all()]
            if not found and bad and all(torch.isfinite(g).all() for g in tensors(list(got))):
                found.append(f"{node.name()} made {count(bad[0])} in the gradient{line_of(node)}")

        return look

    seen, waiting = set(), [loss.grad_fn]
    while waiting:
        node = waiting.pop()
        if node is not None and node not in seen:
            seen.add(node)
            node.register_hook(watch(node))
            waiting += [following for following, _ in node.next_functions]
    torch.autograd.grad(loss, weights, allow_unused=True)
    return found[0] if found else None


def line_of(node: Any) -> str:
    """The innermost line outside torch of the forward pass that made this operation."""
    package = str(Path(torch.__file__).parent)
    frames = [frame for frame in node.metadata.get("traceback_", []) if package not in frame]
    return f": {frames[-1].strip().splitlines()[-1].strip()}" if frames else ""


def tensors(value: Any) -> Iterator[Tensor]:
    """All floating-point tensors in tensors, lists, tuples and dictionaries."""
    if isinstance(value, Tensor) and value.is_floating_point():
        yield value.coalesce().values() if value.is_sparse else value
    elif isinstance(value, list | tuple | dict):
        for part in value.values() if isinstance(value, dict) else value:
            yield from tensors(part)


def count(tensor: Tensor) -> str:
    """How many numbers are NaN and how many infinite."""
    return f"{int(tensor.isnan().sum())} NaN and {int(tensor.isinf().sum())} inf of {tensor.numel()}"


if __name__ == "__main__":
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 1))
    x, y = torch.randn(32, 8), torch.randn(32, 1)

    def distance_above_10(outputs: Tensor, targets: Tensor) -> Tensor:
        """Mean Euclidean distance, in which errors under 10 do not count."""
        return ((outputs - targets).abs() - 10).relu().square().sum(dim=1).sqrt().mean()

    print("healthy:", find_not_finite(model, nn.functional.mse_loss, x, y))
    print("root of 0:", find_not_finite(model, distance_above_10, x, y))
    x[3, 5] = float("nan")
    print("bad data:", find_not_finite(model, nn.functional.mse_loss, x, y))
