"""Averaged SGD from scratch, as torch.optim.ASGD computes it.

Source: Polyak and Juditsky, "Acceleration of Stochastic Approximation by Averaging", 1992.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.optim.optimizer import ParamsT


def real(x: Tensor) -> Tensor:
    """A complex tensor as pairs of real numbers, of which each gets a step of its own."""
    return torch.view_as_real(x) if x.is_complex() else x


class ASGD(torch.optim.Optimizer):
    """SGD with a falling rate that keeps the mean of its iterates in ``state[p]["ax"]``.

    Args:
        params: tensors or parameter groups.
        lr: learning rate of the first step.
        lambd: decay; also sets how fast the rate falls.
        alpha: power with which the rate falls.
        t0: averaging begins with step ``t0 + 2``.
        weight_decay: coefficient of the L2 penalty.
        maximize: climb instead of descend.

    Raises:
        ValueError: when lr, alpha or weight_decay is negative.
        RuntimeError: in ``step``, for a sparse gradient.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {"lr": lr, "lambd": lambd, "alpha": alpha, "t0": t0, "weight_decay": weight_decay}
        if not all(x >= 0 for x in (lr, alpha, weight_decay)):
            raise ValueError(f"lr, alpha and weight_decay must not be negative: {defaults}")
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
            state |= {"step": 0, "eta": torch.tensor(group["lr"]), "mu": torch.tensor(1.0), "ax": torch.zeros_like(p)}
        state["step"] += 1
        rate = state["eta"].item()
        p.mul_(1 - group["lambd"] * rate).add_(grad, alpha=-rate)
        if state["mu"] == 1:
            state["ax"].copy_(p)
        else:
            state["ax"].add_(p.sub(state["ax"]).mul_(state["mu"]))  # running mean
        rate = group["lr"] / (1 + group["lambd"] * group["lr"] * state["step"]) ** group["alpha"]
        state["eta"] = torch.tensor(rate)  # torch keeps it in the default precision
        state["mu"] = torch.tensor(1 / max(1, state["step"] - group["t0"]))


if __name__ == "__main__":
    torch.manual_seed(0)
    start = torch.randn(20, 10, dtype=torch.float64)
    ours, reference = torch.nn.Parameter(start.clone()), torch.nn.Parameter(start.clone())
    optimizers = [ASGD([ours], lr=0.05, t0=100), torch.optim.ASGD([reference], lr=0.05, t0=100)]
    for _ in range(200):
        target = torch.randn_like(start)
        for p, optimizer in zip([ours, reference], optimizers, strict=True):
            optimizer.zero_grad()
            (p - target).square().sum().backward()
            optimizer.step()
    print(f"largest difference to torch.optim.ASGD after 200 steps: {(ours - reference).abs().max().item():.0e}")
