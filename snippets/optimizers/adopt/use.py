"""ADOPT: Adam that normalizes each gradient by the second moment of the gradients before it.

Source: Taniguchi et al., "ADOPT: Modified Adam Can Converge with Any beta2 with the Optimal Rate", 2024.
"""

from collections.abc import Callable

import torch
from torch import nn
from torch.optim.optimizer import ParamsT


class ADOPT(torch.optim.Optimizer):
    """Adam with the second moment of the step before, and momentum of normalized gradients.

    Args:
        params: tensors, named tensors or parameter groups.
        lr: learning rate.
        betas: decay rates of the momentum and of the second moment.
        eps: smallest denominator.
        weight_decay: decoupled, times ``lr``.
        maximize: True ascends.

    Raises:
        ValueError: for a negative value or a beta outside [0, 1).
        RuntimeError: in ``step``, for a sparse gradient or a complex parameter.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.9999),
        eps: float = 1e-6,
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
                if p.grad.is_sparse or p.is_complex():
                    raise RuntimeError("ADOPT does not support sparse gradients or complex parameters")
                g = -p.grad if group["maximize"] else p.grad
                state = self.state[p]
                if not state:  # the first gradient only starts the second moment
                    state.update(step=0, exp_avg=torch.zeros_like(p), exp_avg_sq=g * g)
                    continue
                state["step"] += 1
                p.mul_(1 - group["lr"] * group["weight_decay"])
                m, v, bound = state["exp_avg"], state["exp_avg_sq"], state["step"] ** 0.25
                m.lerp_((g / v.sqrt().clamp(min=group["eps"])).clamp(-bound, bound), 1 - beta1)
                p.add_(m, alpha=-group["lr"])
                v.lerp_(g * g, 1 - beta2)  # after its use
        return loss


def make_optimizer(parameters: ParamsT, lr: float = 1e-3) -> torch.optim.Optimizer:
    """ADOPT with the weight decay of AdamW's default.

    Args:
        parameters: tensors, named tensors or parameter groups.
        lr: learning rate, as for Adam.

    Raises:
        ValueError: if ``lr`` is negative.
    """
    return ADOPT(parameters, lr=lr, weight_decay=0.01)


if __name__ == "__main__":
    torch.manual_seed(0)
    x = torch.randn(256, 8)  # (batch, features)
    y = x.sum(dim=1, keepdim=True).sin()  # (batch, 1)
    model = nn.Sequential(nn.Linear(8, 32), nn.Tanh(), nn.Linear(32, 1))
    optimizer = make_optimizer(model.parameters(), lr=1e-2)
    for step in range(201):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        if step % 100 == 0:
            print(f"step {step:3d}  loss {loss.item():.1f}")
