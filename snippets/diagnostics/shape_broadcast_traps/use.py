"""Make silent broadcasting loud: a loss that insists on equal shapes, and a mode that stops where two tensors stretch.

Source: the documentation of PyTorch, "Broadcasting semantics".
"""

from collections.abc import Callable, Collection
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

PRODUCTS = {"matmul", "__matmul__", "__rmatmul__", "mm", "bmm", "mv", "linear", "bilinear", "einsum", "outer", "kron"}
PAIRED = {"mse_loss", "l1_loss", "smooth_l1_loss", "huber_loss", "poisson_nll_loss", "kl_div", "gaussian_nll_loss"}


def same_shape(loss_fn: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    """The same loss, which raises ``ValueError`` where outputs and targets have different shapes."""

    def checked(outputs: Tensor, targets: Tensor) -> Tensor:
        if outputs.shape != targets.shape:
            raise ValueError(f"outputs are {tuple(outputs.shape)} and targets {tuple(targets.shape)}")
        return loss_fn(outputs, targets)

    return checked


class BroadcastWatch(TorchFunctionMode):
    """Inside ``with BroadcastWatch():`` an operation that stretches *two* tensors raises, in the line where it stands.

    (64, 1) - (64,) is (64, 64) and is found; a bias, (64, 10) + (10,), is not: the result is as large as one of them.

    Args:
        strict: raise ``ValueError``; otherwise note it in ``found`` and go on.
        allow: names of functions that may do so, such as ``"sub"`` for a table of distances.
    """

    def __init__(self, strict: bool = True, allow: Collection[str] = ()) -> None:
        super().__init__()
        self.strict, self.allow, self.found = strict, PRODUCTS | set(allow), list[str]()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Compare the shapes of what goes in with that of what comes out."""
        name = getattr(func, "__name__", "")
        shapes = [x.shape for x in (*args, *(kwargs or {}).values()) if isinstance(x, Tensor)]
        if name in PAIRED and name not in self.allow and shapes[0] != shapes[1]:
            self.note(name, shapes[:2])
        result = func(*args, **(kwargs or {}))
        if len(shapes) > 1 and isinstance(result, Tensor) and result.shape not in shapes and name not in self.allow:
            try:
                stretched = torch.broadcast_shapes(*shapes) == result.shape
            except RuntimeError:  # not element by element
                stretched = False
            if stretched:
                self.note(name, shapes)
        return result

    def note(self, name: str, shapes: list[torch.Size]) -> None:
        """Keep or raise one finding."""
        both = " and ".join(str(tuple(shape)) for shape in shapes)
        finding = f"{name}: shapes {both} are stretched to {tuple(torch.broadcast_shapes(*shapes))}"
        self.found.append(finding)
        if self.strict:
            raise ValueError(finding)


if __name__ == "__main__":
    torch.manual_seed(0)
    model, x, targets = torch.nn.Linear(20, 1), torch.randn(64, 20), torch.randn(64)
    with BroadcastWatch(strict=False) as watch:
        loss = (model(x) - targets).square().mean()
    print(watch.found)
    with BroadcastWatch():
        loss = (model(x).squeeze(1) - targets).square().mean()
    print("with squeeze(1) nothing is found")
    try:
        same_shape(torch.nn.functional.mse_loss)(model(x), targets)
    except ValueError as error:
        print("same_shape:", error)
