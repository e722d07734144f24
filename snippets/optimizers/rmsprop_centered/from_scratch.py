"""Centered RMSProp from scratch: divide by the running standard deviation of the gradient.

Source: Graves, "Generating Sequences With Recurrent Neural Networks", 2013.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.optim.optimizer import ParamsT


def real(x: Tensor) -> Tensor:
    """A complex tensor as pairs of real numbers, of which each gets a step of its own."""
    return torch.view_as_real(x) if x.is_complex() else x


class CenteredRMSprop(torch.optim.Optimizer):
    """Gradient over its recent standard deviation, as torch.optim.RMSprop(centered=True).

    Args:
        params: tensors or parameter groups.
        lr: learning rate.
        alpha: how much of the mean square and of the mean survives a step.
        eps: added to the root, against division by zero.
        weight_decay: coefficient of the L2 penalty.
        momentum: share of the buffer of divided gradients that survives a step.
        maximize: climb instead of descend.

    Raises:
        ValueError: when a setting is negative.
        RuntimeError: in ``step``, for a sparse gradient.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {"lr": lr, "alpha": alpha, "eps": eps, "weight_decay": weight_decay, "momentum": momentum}
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
            state |= {"step": 0, "square_avg": torch.zeros_like(p), "grad_avg": torch.zeros_like(p)}
        state["step"] += 1
        state["square_avg"].mul_(group["alpha"]).addcmul_(grad, grad, value=1 - group["alpha"])
        mean = state["grad_avg"].lerp_(grad, 1 - group["alpha"])
        root = state["square_avg"].addcmul(mean, mean, value=-1).sqrt_().add_(group["eps"])
        if group["momentum"]:
            buffer = state.setdefault("momentum_buffer", torch.zeros_like(p))
            buffer.mul_(group["momentum"]).addcdiv_(grad, root)
            p.add_(buffer, alpha=-group["lr"])
        else:
            p.addcdiv_(grad, root, value=-group["lr"])


if __name__ == "__main__":
    torch.manual_seed(0)
    start = torch.randn(20, 10, dtype=torch.float64)
    ours, reference = torch.nn.Parameter(start.clone()), torch.nn.Parameter(start.clone())
    optimizers = [
        CenteredRMSprop([ours], lr=0.01, momentum=0.9),
        torch.optim.RMSprop([reference], lr=0.01, momentum=0.9, centered=True),
    ]
    for _ in range(200):
        target = torch.randn_like(start)
        for p, optimizer in zip([ours, reference], optimizers, strict=True):
            optimizer.zero_grad()
            (p - target).square().sum().backward()
            optimizer.step()
    print(f"largest difference to torch.optim.RMSprop after 200 steps: {(ours - reference).abs().max().item():.0e}")
