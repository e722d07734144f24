"""SGD from scratch: the gradient, the weight decay, one subtraction.

Source: Robbins and Monro, "A Stochastic Approximation Method", 1951.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.optim.optimizer import ParamsT


class SGD(torch.optim.Optimizer):
    """Gradient step without memory.

    Args:
        params: tensors or parameter groups.
        lr: learning rate.
        weight_decay: coefficient of the L2 penalty; its gradient is added to the loss's.
        maximize: climb instead of descend.

    Raises:
        ValueError: when lr or weight_decay is negative.
    """

    def __init__(self, params: ParamsT, lr: float = 1e-3, weight_decay: float = 0.0, *, maximize: bool = False) -> None:
        if lr < 0 or weight_decay < 0:
            raise ValueError(f"lr and weight_decay must not be negative: {lr}, {weight_decay}")
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "maximize": maximize})

    @torch.no_grad()
    def step(self, closure: Callable[[], Tensor] | None = None) -> Tensor | None:  # type: ignore[override]
        """One update of every parameter that has a gradient; returns the closure's loss."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                grad = -p.grad if group["maximize"] else p.grad
                if group["weight_decay"]:
                    grad = grad.add(p, alpha=group["weight_decay"])
                p.add_(grad, alpha=-group["lr"])
        return loss


if __name__ == "__main__":
    torch.manual_seed(0)
    start = torch.randn(20, 10, dtype=torch.float64)
    ours, reference = torch.nn.Parameter(start.clone()), torch.nn.Parameter(start.clone())
    optimizers = [SGD([ours], lr=0.05, weight_decay=0.1), torch.optim.SGD([reference], lr=0.05, weight_decay=0.1)]
    for _ in range(200):
        target = torch.randn_like(start)
        for p, optimizer in zip([ours, reference], optimizers, strict=True):
            optimizer.zero_grad()
            (p - target).square().sum().backward()
            optimizer.step()
    print(f"largest difference to torch.optim.SGD after 200 steps: {(ours - reference).abs().max().item():.0e}")
