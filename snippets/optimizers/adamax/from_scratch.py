"""AdaMax from scratch, equal to torch.optim.Adamax step by step.

Source: Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2014, section 7.1, algorithm 2.
"""

from collections.abc import Callable

import torch
from torch.optim.optimizer import ParamsT


class Adamax(torch.optim.Optimizer):
    """Adam with the infinity norm; arguments and defaults as in ``torch.optim.Adamax``.

    Args:
        params: tensors, named tensors or parameter groups.
        lr: learning rate.
        betas: decay rates of the first moment and of the maximum.
        eps: added to the gradient's size, before the maximum is taken.
        weight_decay: L2 penalty, added to the gradient.
        maximize: True ascends.

    Raises:
        ValueError: for a negative value or a beta outside [0, 1).
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
    ) -> None:
        if not all(x >= 0 for x in (lr, eps, weight_decay)) or not all(0 <= beta < 1 for beta in betas):
            raise ValueError(f"invalid: {lr=}, {betas=}, {eps=}, {weight_decay=}")
        defaults = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "maximize": maximize}
        super().__init__(params, defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One update; returns the closure's loss, if there is a closure."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            for p in group["params"]:
                if p.grad is None:
                    continue
                theta, g = (torch.view_as_real(t) if t.is_complex() else t for t in (p, p.grad))
                g = (-g if group["maximize"] else g) + group["weight_decay"] * theta
                state = self.state[p]
                if not state:
                    state.update(step=0, exp_avg=torch.zeros_like(g), exp_inf=torch.zeros_like(g))
                state["step"] += 1
                m, u = state["exp_avg"], state["exp_inf"]
                m.lerp_(g, 1 - beta1)
                torch.maximum(beta2 * u, g.abs() + group["eps"], out=u)
                theta -= group["lr"] / (1 - beta1 ** state["step"]) * m / u
        return loss


if __name__ == "__main__":
    torch.manual_seed(0)
    ours = torch.randn(20, 5, dtype=torch.float64, requires_grad=True)
    theirs = ours.detach().clone().requires_grad_()
    mine, reference = Adamax([ours], weight_decay=0.1), torch.optim.Adamax([theirs], weight_decay=0.1)
    for _ in range(200):
        ours.grad = torch.randn(20, 5, dtype=torch.float64)
        theirs.grad = ours.grad.clone()
        mine.step()
        reference.step()
    difference = (ours - theirs).abs().max().item()
    print("largest difference from torch after 200 steps below 1e-12:", difference < 1e-12)
