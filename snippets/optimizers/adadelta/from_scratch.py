"""AdaDelta from scratch: the step's size comes from the size of earlier steps.

Source: Zeiler, "ADADELTA: An Adaptive Learning Rate Method", 2012, algorithm 1.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.optim.optimizer import ParamsT


def real(x: Tensor) -> Tensor:
    """A complex tensor as pairs of real numbers, of which each gets a step of its own."""
    return torch.view_as_real(x) if x.is_complex() else x


class Adadelta(torch.optim.Optimizer):
    """Gradient times the root mean square of recent steps over that of recent gradients.

    Args:
        params: tensors or parameter groups.
        lr: factor of the whole step; the paper has none, that is 1.
        rho: how much of both mean squares survives a step.
        eps: added inside both roots; sets the size of the first steps.
        weight_decay: coefficient of the L2 penalty.
        maximize: climb instead of descend.

    Raises:
        ValueError: when a setting is negative or rho is above 1.
        RuntimeError: in ``step``, for a sparse gradient.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {"lr": lr, "rho": rho, "eps": eps, "weight_decay": weight_decay}
        if not all(x >= 0 for x in defaults.values()) or rho > 1:
            raise ValueError(f"no setting may be negative, rho not above 1: {defaults}")
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
            state |= {"step": 0, "square_avg": torch.zeros_like(p), "acc_delta": torch.zeros_like(p)}
        state["step"] += 1
        rho, eps = group["rho"], group["eps"]
        state["square_avg"].mul_(rho).addcmul_(grad, grad, value=1 - rho)
        delta = state["acc_delta"].add(eps).sqrt_().div_(state["square_avg"].add(eps).sqrt_()).mul_(grad)
        state["acc_delta"].mul_(rho).addcmul_(delta, delta, value=1 - rho)  # of the step before lr
        p.add_(delta, alpha=-group["lr"])


if __name__ == "__main__":
    torch.manual_seed(0)
    start = torch.randn(20, 10, dtype=torch.float64)
    ours, reference = torch.nn.Parameter(start.clone()), torch.nn.Parameter(start.clone())
    optimizers = [
        Adadelta([ours], lr=0.5, weight_decay=0.1),
        torch.optim.Adadelta([reference], lr=0.5, weight_decay=0.1),
    ]
    for _ in range(200):
        target = torch.randn_like(start)
        for p, optimizer in zip([ours, reference], optimizers, strict=True):
            optimizer.zero_grad()
            (p - target).square().sum().backward()
            optimizer.step()
    print(f"largest difference to torch.optim.Adadelta after 200 steps: {(ours - reference).abs().max().item():.0e}")
