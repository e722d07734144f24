"""Prodigy: Adam that estimates its learning rate from the distance to the start.

Source: Mishchenko and Defazio, "Prodigy: An Expeditiously Adaptive Parameter-Free Learner", 2023.
"""

from collections.abc import Callable

import torch
from torch import nn
from torch.optim.optimizer import ParamsT


class Prodigy(torch.optim.Optimizer):
    """Adam with a step of ``d * lr``, where ``d`` grows towards the distance to the solution.

    Args:
        params: tensors, named tensors or parameter groups; all groups share one ``d``.
        lr: multiplies the estimate; leave it at 1, or let a scheduler run from 1 to 0.
        betas: decay rates of the moments; the estimate's sums decay with the root of the second.
        eps: added to the denominator, times ``d``.
        weight_decay: decoupled, times ``d * lr``.
        d0: first estimate, to be too small rather than too large.
        d_coef: multiplies each new estimate; the knob to turn in place of ``lr``.

    Raises:
        ValueError: for a negative value, a ``d0`` of 0 or a beta outside [0, 1).
        RuntimeError: in ``step``, for a sparse gradient, or a complex or float16 parameter.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1.0,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        d0: float = 1e-6,
        d_coef: float = 1.0,
    ) -> None:
        if (
            not all(x >= 0 for x in (lr, eps, weight_decay, d_coef))
            or not d0 > 0
            or not all(0 <= beta < 1 for beta in betas)
        ):
            raise ValueError(f"invalid: {lr=}, {betas=}, {eps=}, {weight_decay=}, {d0=}, {d_coef=}")
        defaults = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "d0": d0, "d_coef": d_coef}
        super().__init__(params, defaults | {"d": d0, "r": 0.0})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One update; returns the closure's loss, if there is a closure."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        shared = self.param_groups[0]
        d, d0, (beta1, beta2) = shared["d"], shared["d0"], shared["betas"]
        r, size = beta2**0.5 * shared["r"], 0.0
        for group in self.param_groups:
            weight = d / d0 * d * group["lr"]
            for p in group["params"]:
                if p.grad is None:
                    continue
                if p.grad.is_sparse or p.dtype in (torch.float16, torch.complex64, torch.complex128):
                    raise RuntimeError("Prodigy supports neither sparse gradients nor complex or float16 parameters")
                g, state = p.grad, self.state[p]
                if not state:
                    state["start"] = p.clone()
                    state.update({key: torch.zeros_like(p) for key in ("exp_avg", "exp_avg_sq", "s")})
                state["exp_avg"].mul_(beta1).add_(g, alpha=d * (1 - beta1))
                state["exp_avg_sq"].mul_(beta2).addcmul_(g, g, value=d * d * (1 - beta2))
                state["s"].mul_(beta2**0.5).add_(g, alpha=weight)
                r += weight * (g * (state["start"] - p)).sum().item()
                size += state["s"].abs().sum().item()
        new_d = max(d, shared["d_coef"] * r / size) if size else d
        for group in self.param_groups:
            group["d"], group["r"] = new_d, r
            for p in group["params"]:
                if p.grad is not None:
                    m, v = self.state[p]["exp_avg"], self.state[p]["exp_avg_sq"]
                    p.mul_(1 - d * group["lr"] * group["weight_decay"])
                    p.addcdiv_(m, v.sqrt() + d * group["eps"], value=-d * group["lr"])
        return loss


def make_optimizer(parameters: ParamsT, lr: float = 1.0) -> torch.optim.Optimizer:
    """Prodigy with the weight decay of AdamW's default.

    Args:
        parameters: tensors, named tensors or parameter groups.
        lr: multiplies the estimated rate; leave it at 1.

    Raises:
        ValueError: if ``lr`` is negative.
    """
    return Prodigy(parameters, lr=lr, weight_decay=0.01)


if __name__ == "__main__":
    torch.manual_seed(0)
    x = torch.randn(256, 8)  # (batch, features)
    y = x.sum(dim=1, keepdim=True).sin()  # (batch, 1)
    model = nn.Sequential(nn.Linear(8, 32), nn.Tanh(), nn.Linear(32, 1))
    optimizer = make_optimizer(model.parameters())
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=201)  # from 1 to 0
    for step in range(201):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        scheduler.step()
        if step % 100 == 0:
            print(f"step {step:3d}  loss {loss.item():.1f}")
