"""AdaGrad from scratch: divide by the root of the sum of all squared gradients so far.

Source: Duchi et al., "Adaptive Subgradient Methods for Online Learning and Stochastic Optimization", 2011.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.optim.optimizer import ParamsT


def real(x: Tensor) -> Tensor:
    """A complex tensor as pairs of real numbers, of which each gets a step of its own."""
    return torch.view_as_real(x) if x.is_complex() else x


class Adagrad(torch.optim.Optimizer):
    """Gradient step with a rate of its own for each parameter, which only falls.

    Args:
        params: tensors or parameter groups.
        lr: learning rate, the length of the first step from a sum of 0.
        lr_decay: lr is divided by 1 + (step - 1) * lr_decay on top.
        weight_decay: coefficient of the L2 penalty.
        initial_accumulator_value: where the sum of squares starts.
        eps: added to the root, against division by zero.
        maximize: climb instead of descend.

    Raises:
        ValueError: when a setting is negative.
        RuntimeError: in ``step``, for a sparse gradient.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-2,
        lr_decay: float = 0.0,
        weight_decay: float = 0.0,
        initial_accumulator_value: float = 0.0,
        eps: float = 1e-10,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "lr_decay": lr_decay,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "eps": eps,
        }
        if not all(x >= 0 for x in defaults.values()):
            raise ValueError(f"no setting may be negative: {defaults}")
        super().__init__(params, defaults | {"maximize": maximize})

    @torch.no_grad()
    def step(self, closure: Callable[[], Tensor] | None = None) -> Tensor | None:  # type: ignore[override]
        """One update of every parameter that has a gradient; returns the closure's loss."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for p in (p for p in group["params"] if p.grad is not None):
                self.update(real(p), real(p.grad), self.state[p], group)
        return loss

    @staticmethod
    def update(p: Tensor, grad: Tensor, state: dict, group: dict) -> None:
        """The formula, for one parameter."""
        if grad.is_sparse:
            raise RuntimeError("this version takes no sparse gradients")
        grad = -grad if group["maximize"] else grad
        grad = grad.add(p, alpha=group["weight_decay"]) if group["weight_decay"] else grad
        if not state:
            state |= {"step": 0, "sum": torch.full_like(p, group["initial_accumulator_value"])}
        lr = group["lr"] / (1 + state["step"] * group["lr_decay"])
        state["step"] += 1
        state["sum"].addcmul_(grad, grad)  # v = v + g^2
        p.addcdiv_(grad, state["sum"].sqrt().add_(group["eps"]), value=-lr)


if __name__ == "__main__":
    torch.manual_seed(0)
    start = torch.randn(20, 10, dtype=torch.float64)
    ours, reference = torch.nn.Parameter(start.clone()), torch.nn.Parameter(start.clone())
    optimizers = [Adagrad([ours], lr=0.1, weight_decay=0.1), torch.optim.Adagrad([reference], lr=0.1, weight_decay=0.1)]
    for _ in range(200):
        target = torch.randn_like(start)
        for p, optimizer in zip([ours, reference], optimizers, strict=True):
            optimizer.zero_grad()
            (p - target).square().sum().backward()
            optimizer.step()
    print(f"largest difference to torch.optim.Adagrad after 200 steps: {(ours - reference).abs().max().item():.0e}")
