"""Anomaly detection with hooks: the first operation of the backward pass that returns NaN, as torch names it.

Source: PyTorch documentation, torch.autograd.set_detect_anomaly.
"""

import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


def first_nan(loss: Tensor, inputs: list[Tensor]) -> str | None:
    """Name the first operation, in the order of the backward pass, that returns NaN; None where none does.

    Args:
        loss: one number with a graph; the graph is used up.
        inputs: tensors for which a gradient is asked; their ``grad`` is not touched.
    """
    found: list[str] = []

    def watch(node: Any) -> Callable[[tuple, tuple], None]:
        def look(made: tuple, got: tuple) -> None:
            if any(gradient is not None and gradient.isnan().any() for gradient in made):
                found.append(node.name())

        return look

    seen, waiting = set(), [loss.grad_fn]
    while waiting:  # hang a hook on every operation of the graph
        node = waiting.pop()
        if node is not None and node not in seen:
            seen.add(node)
            node.register_hook(watch(node))
            waiting += [following for following, _ in node.next_functions]
    torch.autograd.grad(loss, inputs, allow_unused=True)
    return found[0] if found else None


if __name__ == "__main__":
    x = torch.zeros(3, requires_grad=True)
    ours = first_nan((0 * x.sqrt()).sum(), [x])
    try:
        with warnings.catch_warnings(), torch.autograd.set_detect_anomaly(True):
            warnings.simplefilter("ignore")  # torch prints the line of the forward pass as a warning
            (0 * x.sqrt()).sum().backward()
    except RuntimeError as error:
        print(f"torch: {error}")
    print(f"ours: {ours}")
