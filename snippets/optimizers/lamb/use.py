"""LAMB: Adam whose step for each tensor is as long as the tensor, times the learning rate.

Source: You et al., "Large Batch Optimization for Deep Learning: Training BERT in 76 minutes", 2019, algorithm 2.
"""

from collections.abc import Callable

import torch
from torch import nn
from torch.optim.optimizer import ParamsT


class Lamb(torch.optim.Optimizer):
    """Layerwise adaptive Adam.

    Args:
        params: tensors, named tensors or parameter groups.
        lr: learning rate: the relative length of a tensor's step.
        betas: decay rates of the first and the second moment.
        eps: added to the denominator.
        weight_decay: times the weights, added to Adam's direction before its length is taken.
        maximize: True ascends.

    Raises:
        ValueError: for a negative value or a beta outside [0, 1).
        RuntimeError: in ``step``, for a sparse gradient or a complex parameter.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-6,
        weight_decay: float = 0.01,
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
                if p.grad.is_sparse or p.is_complex():
                    raise RuntimeError("Lamb does not support sparse gradients or complex parameters")
                g = -p.grad if group["maximize"] else p.grad
                state = self.state[p]
                if not state:
                    state.update(step=0, exp_avg=torch.zeros_like(p), exp_avg_sq=torch.zeros_like(p))
                state["step"] += 1
                t, m, v = state["step"], state["exp_avg"], state["exp_avg_sq"]
                m.lerp_(g, 1 - beta1)
                v.lerp_(g * g, 1 - beta2)
                update = m / (1 - beta1**t) / ((v / (1 - beta2**t)).sqrt() + group["eps"])
                update = update + group["weight_decay"] * p
                ratio = p.norm() / update.norm()
                ratio = torch.where((ratio > 0) & ratio.isfinite(), ratio, 1.0)  # 1 where a norm is zero
                p -= group["lr"] * ratio * update
        return loss


def make_optimizer(parameters: ParamsT, lr: float = 5e-3) -> torch.optim.Optimizer:
    """LAMB with the weight decay of AdamW's default.

    Args:
        parameters: tensors, named tensors or parameter groups.
        lr: relative length of a step; 5e-3 moves each tensor by one two-hundredth of its norm.

    Raises:
        ValueError: if ``lr`` is negative.
    """
    return Lamb(parameters, lr=lr, weight_decay=0.01)


if __name__ == "__main__":
    torch.manual_seed(0)
    x = torch.randn(256, 8)  # (batch, features)
    y = x.sum(dim=1, keepdim=True).sin()  # (batch, 1)
    model = nn.Sequential(nn.Linear(8, 32), nn.Tanh(), nn.Linear(32, 1))
    optimizer = make_optimizer(model.parameters(), lr=2e-2)
    for step in range(201):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        if step % 100 == 0:
            print(f"step {step:3d}  loss {loss.item():.1f}")
