"""Nesterov momentum from scratch, in torch's form: one more momentum step on top of the heavy ball.

Source: Sutskever et al., "On the importance of initialization and momentum in deep learning", 2013, section 2.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.optim.optimizer import ParamsT


class NesterovSGD(torch.optim.Optimizer):
    """SGD whose parameters are the points at which Nesterov's method takes its gradients.

    Args:
        params: tensors or parameter groups.
        lr: learning rate.
        momentum: share of the buffer that survives a step (torch's default is 0, which it refuses with nesterov=True).
        weight_decay: coefficient of the L2 penalty.
        maximize: climb instead of descend.

    Raises:
        ValueError: when lr or weight_decay is negative or momentum is not positive.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-3,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
    ) -> None:
        if lr < 0 or weight_decay < 0 or momentum <= 0:
            raise ValueError(f"needs lr >= 0, weight_decay >= 0, momentum > 0: {lr}, {weight_decay}, {momentum}")
        defaults = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay, "maximize": maximize}
        super().__init__(params, defaults)

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
                state = self.state[p]
                if "momentum_buffer" not in state:
                    state["momentum_buffer"] = grad.detach().clone()
                else:
                    state["momentum_buffer"].mul_(group["momentum"]).add_(grad)
                # The heavy ball would step along the buffer itself.
                ahead = grad.add(state["momentum_buffer"], alpha=group["momentum"])
                p.add_(ahead, alpha=-group["lr"])
        return loss


if __name__ == "__main__":
    torch.manual_seed(0)
    start = torch.randn(20, 10, dtype=torch.float64)
    ours, reference = torch.nn.Parameter(start.clone()), torch.nn.Parameter(start.clone())
    optimizers = [
        NesterovSGD([ours], lr=0.02, momentum=0.9, weight_decay=0.1),
        torch.optim.SGD([reference], lr=0.02, momentum=0.9, weight_decay=0.1, nesterov=True),
    ]
    for _ in range(200):
        target = torch.randn_like(start)
        for p, optimizer in zip([ours, reference], optimizers, strict=True):
            optimizer.zero_grad()
            (p - target).square().sum().backward()
            optimizer.step()
    print(f"largest difference to torch.optim.SGD after 200 steps: {(ours - reference).abs().max().item():.0e}")
