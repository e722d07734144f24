"""Count what a training step costs: bytes by what they hold, operations by module, calls by name. No clock is read.

Source: the documentation of torch.autograd.graph.saved_tensors_hooks, torch.utils.flop_counter.
"""

import copy
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode


@dataclass(frozen=True)
class Memory:
    """Bytes of one training step by what they hold."""

    weights: int
    gradients: int
    optimizer: int
    buffers: int
    activations: int

    @property
    def total(self) -> int:
        """All of them: what is there at the end of the forward pass, if gradients are kept from step to step."""
        return self.weights + self.gradients + self.optimizer + self.buffers + self.activations


def memory(
    model: nn.Module,
    loss_fn: Callable[[Tensor, Tensor], Tensor],
    inputs: Tensor,
    targets: Tensor,
    optimizer: torch.optim.Optimizer,
) -> Memory:
    """Bytes of one step with this batch; it is taken by a copy of model, loss and optimizer.

    Activations are what autograd keeps for the backward pass, each piece of memory once, without weights and inputs.

    Args:
        model: in train mode, as it trains.
        loss_fn: maps outputs and targets to a loss; weights of its own that the optimizer holds count as the model's.
        inputs: one batch; activations grow in proportion to it.
        targets: its targets.
        optimizer: over the model's parameters; its step needs no closure, as L-BFGS's does.

    Raises:
        ValueError: on the meta device, whose tensors have no memory.
    """
    if inputs.is_meta or any(p.is_meta for p in model.parameters()):
        raise ValueError("tensors on the meta device have no memory; operations() can count them")
    grads = [(p, p.grad) for p in model.parameters()]  # a loss with a penalty on the weights adds to their gradients
    results = [v for m in model.modules() for v in vars(m).values() if torch.is_tensor(v) and not v.is_leaf]
    # Results that the model keeps of its last pass, such as attention: deepcopy refuses them.
    model, loss_fn, optimizer = copy.deepcopy((model, loss_fn, optimizer), {id(v): v.detach().clone() for v in results})
    optimizer.zero_grad()
    weights = [*model.parameters(), *(p for group in optimizer.param_groups for p in group["params"])]
    known = {each.untyped_storage().data_ptr() for each in (*weights, *model.buffers(), inputs, targets)}
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in known:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    devices = [inputs.device] if inputs.is_cuda else []
    try:
        with torch.random.fork_rng(devices=devices), torch.enable_grad():
            with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
                loss = loss_fn(model(inputs), targets)
            loss.backward()
            optimizer.step()
    finally:
        for parameter, grad in grads:
            parameter.grad = grad
    state = (value for values in optimizer.state.values() for value in values.values() if isinstance(value, Tensor))
    gradients = (p.grad for p in weights if p.grad is not None)
    sizes = [size(each) for each in (weights, gradients, state, model.buffers())]
    return Memory(*sizes, activations=sum(kept.values()))  # type: ignore[misc]


def size(tensors: Iterable[Tensor]) -> int:
    """Bytes of the tensors' storages, each once; of a sparse one those of its values and their places."""
    parts = [p for t in tensors for p in ((t._values(), t._indices()) if t.is_sparse else (t,))]
    return sum({t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in parts}.values())


def operations(step: Callable[[], object]) -> dict[str, int]:
    """Floating-point operations of matrix products, convolutions and attention, by module and in total ("Global").

    The step is run as it is, updates included. One multiplication and addition counts as two; all else counts as none.
    """
    with FlopCounterMode(display=False) as counter:
        step()
    return {name: sum(counts.values()) for name, counts in counter.get_flop_counts().items()}


class Calls(TorchDispatchMode):
    """Counts the operations that are handed to the device; each has a cost of its own, however small its tensors."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Count one operation and do it."""
        self.counts[func.overloadpacket.__name__] += 1
        return func(*args, **(kwargs or {}))


def calls(step: Callable[[], object]) -> Counter[str]:
    """How often each operation is called, backward pass and optimizer included. The step is run as it is.

    ``_local_scalar_dense`` is ``item()``, for which the program waits if the number is on a GPU.
    """
    with Calls() as recorded:
        step()
    return recorded.counts


if __name__ == "__main__":
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10))
    optimizer = torch.optim.Adam(model.parameters(), foreach=True)
    x, y = torch.randn(256, 64), torch.randint(10, (256,))
    found = memory(model, nn.functional.cross_entropy, x, y, optimizer)
    print(f"kilobytes: weights {found.weights / 1e3:.0f}, gradients {found.gradients / 1e3:.0f}, ", end="")
    print(f"optimizer {found.optimizer / 1e3:.0f}, activations {found.activations / 1e3:.0f}")

    def step() -> None:
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()

    forward = operations(lambda: model(x))["Global"]
    print(f"million operations: {forward / 1e6:.0f} forward, {operations(step)['Global'] / 1e6:.0f} in a step")
    counted = calls(step)
    print(f"matrix products in a step: {counted['addmm'] + counted['mm']}")
