"""AMSGrad from scratch, equal to torch.optim.Adam(amsgrad=True) step by step.

Source: Reddi et al., "On the Convergence of Adam and Beyond", 2018, algorithm 2.
"""

from collections.abc import Callable

import torch
from torch.optim.optimizer import ParamsT


class AMSGrad(torch.optim.Optimizer):
    """Adam with the largest second moment so far; arguments and defaults as in ``torch.optim.Adam``.

    Args:
        params: tensors, named tensors or parameter groups.
        lr: learning rate.
        betas: decay rates of the first and the second moment.
        eps: added to the denominator.
        weight_decay: L2 penalty, added to the gradient.
        maximize: True ascends.

    Raises:
        ValueError: for a negative value or a beta outside [0, 1).
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-3,
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
                    state["step"] = 0
                    state.update({key: torch.zeros_like(g) for key in ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")})
                state["step"] += 1
                t, m, v, v_max = (state[key] for key in ("step", "exp_avg", "exp_avg_sq", "max_exp_avg_sq"))
                m.lerp_(g, 1 - beta1)
                v.lerp_(g * g, 1 - beta2)
                torch.maximum(v_max, v, out=v_max)  # the one line that Adam lacks
                denominator = (v_max / (1 - beta2**t)).sqrt() + group["eps"]
                theta -= group["lr"] * m / (1 - beta1**t) / denominator
        return loss


if __name__ == "__main__":
    torch.manual_seed(0)
    ours = torch.randn(20, 5, dtype=torch.float64, requires_grad=True)
    theirs = ours.detach().clone().requires_grad_()
    mine, reference = AMSGrad([ours], weight_decay=0.1), torch.optim.Adam([theirs], weight_decay=0.1, amsgrad=True)
    for _ in range(200):
        ours.grad = torch.randn(20, 5, dtype=torch.float64)
        theirs.grad = ours.grad.clone()
        mine.step()
        reference.step()
    difference = (ours - theirs).abs().max().item()
    print("largest difference from torch after 200 steps below 1e-12:", difference < 1e-12)
