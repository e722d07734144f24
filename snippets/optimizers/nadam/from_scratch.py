"""NAdam from scratch, equal to torch.optim.NAdam step by step.

Source: Dozat, "Incorporating Nesterov Momentum into Adam", 2016.
"""

from collections.abc import Callable

import torch
from torch.optim.optimizer import ParamsT


class NAdam(torch.optim.Optimizer):
    """Adam with Nesterov momentum; arguments and defaults as in ``torch.optim.NAdam``.

    Args:
        params: tensors, named tensors or parameter groups.
        lr: learning rate.
        betas: decay rates of the first and the second moment.
        eps: added to the denominator.
        weight_decay: strength of the decay.
        momentum_decay: speed at which the momentum rises from ``betas[0] / 2`` to ``betas[0]``.
        decoupled_weight_decay: False adds the decay to the gradient (L2), True shrinks the weights as AdamW does.
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
        momentum_decay: float = 4e-3,
        decoupled_weight_decay: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        if not all(x >= 0 for x in (lr, eps, weight_decay, momentum_decay)) or not all(0 <= beta < 1 for beta in betas):
            raise ValueError(f"invalid: {lr=}, {betas=}, {eps=}, {weight_decay=}, {momentum_decay=}")
        defaults = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "maximize": maximize}
        more = {"momentum_decay": momentum_decay, "decoupled_weight_decay": decoupled_weight_decay}
        super().__init__(params, defaults | more)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One update; returns the closure's loss, if there is a closure."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            lr, (beta1, beta2), decay = group["lr"], group["betas"], group["weight_decay"]
            for p in group["params"]:
                if p.grad is None:
                    continue
                theta, g = (torch.view_as_real(t) if t.is_complex() else t for t in (p, p.grad))
                g = -g if group["maximize"] else g
                state = self.state[p]
                if not state:
                    state.update(step=0, mu_product=1.0, exp_avg=torch.zeros_like(g), exp_avg_sq=torch.zeros_like(g))
                state["step"] += 1
                t, m, v = state["step"], state["exp_avg"], state["exp_avg_sq"]
                if group["decoupled_weight_decay"]:
                    theta.mul_(1 - lr * decay)
                else:
                    g = g + decay * theta
                mu, mu_next = (beta1 * (1 - 0.5 * 0.96 ** (s * group["momentum_decay"])) for s in (t, t + 1))
                state["mu_product"] *= mu
                m.lerp_(g, 1 - beta1)  # the constant beta1, not mu
                v.lerp_(g * g, 1 - beta2)
                now = (1 - mu) / (1 - state["mu_product"]) * g
                ahead = mu_next / (1 - state["mu_product"] * mu_next) * m
                theta -= lr * (now + ahead) / ((v / (1 - beta2**t)).sqrt() + group["eps"])
        return loss


if __name__ == "__main__":
    torch.manual_seed(0)
    ours = torch.randn(20, 5, dtype=torch.float64, requires_grad=True)
    theirs = ours.detach().clone().requires_grad_()
    mine, reference = NAdam([ours], weight_decay=0.1), torch.optim.NAdam([theirs], weight_decay=0.1)
    for _ in range(200):
        ours.grad = torch.randn(20, 5, dtype=torch.float64)
        theirs.grad = ours.grad.clone()
        mine.step()
        reference.step()
    difference = (ours - theirs).abs().max().item()
    print("largest difference from torch after 200 steps below 1e-8:", difference < 1e-8)
