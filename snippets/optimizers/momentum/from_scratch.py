"""Heavy-ball momentum from scratch, in torch's form: the learning rate stands outside the buffer.

Source: Polyak, "Some methods of speeding up the convergence of iteration methods", 1964.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.optim.optimizer import ParamsT


class MomentumSGD(torch.optim.Optimizer):
    """SGD along a decaying sum of gradients.

    Args:
        params: tensors or parameter groups.
        lr: learning rate.
        momentum: share of the buffer that survives a step (torch's default is 0, which is plain SGD).
        dampening: share of each new gradient that is left out, except of the first.
        weight_decay: coefficient of the L2 penalty.
        maximize: climb instead of descend.

    Raises:
        ValueError: when lr, momentum or weight_decay is negative.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-3,
        momentum: float = 0.9,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
    ) -> None:
        if not all(x >= 0 for x in (lr, momentum, weight_decay)):
            raise ValueError(f"lr, momentum, weight_decay must not be negative: {lr}, {momentum}, {weight_decay}")
        defaults = {"lr": lr, "momentum": momentum, "dampening": dampening}
        super().__init__(params, defaults | {"weight_decay": weight_decay, "maximize": maximize})

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
                grad = grad.add(p, alpha=group["weight_decay"]) if group["weight_decay"] else grad
                if group["momentum"]:  # at 0 nothing is kept, and nothing is left out
                    state = self.state[p]
                    if "momentum_buffer" not in state:
                        state["momentum_buffer"] = grad.detach().clone()  # the first gradient, undampened
                    else:
                        state["momentum_buffer"].mul_(group["momentum"]).add_(grad, alpha=1 - group["dampening"])
                    grad = state["momentum_buffer"]
                p.add_(grad, alpha=-group["lr"])
        return loss


if __name__ == "__main__":
    torch.manual_seed(0)
    start = torch.randn(20, 10, dtype=torch.float64)
    ours, reference = torch.nn.Parameter(start.clone()), torch.nn.Parameter(start.clone())
    optimizers = [
        MomentumSGD([ours], lr=0.02, momentum=0.9, dampening=0.1, weight_decay=0.1),
        torch.optim.SGD([reference], lr=0.02, momentum=0.9, dampening=0.1, weight_decay=0.1),
    ]
    for _ in range(200):
        target = torch.randn_like(start)
        for p, optimizer in zip([ours, reference], optimizers, strict=True):
            optimizer.zero_grad()
            (p - target).square().sum().backward()
            optimizer.step()
    print(f"largest difference to torch.optim.SGD after 200 steps: {(ours - reference).abs().max().item():.0e}")
