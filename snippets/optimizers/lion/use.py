"""Lion: step along the sign of an average, so that every weight moves by the learning rate, apart from its decay.

Source: Chen et al., "Symbolic Discovery of Optimization Algorithms", 2023, algorithm 2.
"""

from collections.abc import Callable

import torch
from torch import nn
from torch.optim.optimizer import ParamsT


class Lion(torch.optim.Optimizer):
    """Sign of interpolated momentum, with decoupled weight decay.

    Args:
        params: tensors, named tensors or parameter groups.
        lr: learning rate, three to ten times smaller than AdamW's.
        betas: weight of the old momentum in the step, and in the momentum that is kept.
        weight_decay: decoupled, times ``lr``; three to ten times larger than AdamW's.
        maximize: True ascends.

    Raises:
        ValueError: for a negative value or a beta outside [0, 1).
        RuntimeError: in ``step``, for a sparse gradient or a complex parameter.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-4,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
    ) -> None:
        if not all(x >= 0 for x in (lr, weight_decay)) or not all(0 <= beta < 1 for beta in betas):
            raise ValueError(f"invalid: {lr=}, {betas=}, {weight_decay=}")
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay, "maximize": maximize})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One update; returns the closure's loss, if there is a closure."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            lr, (beta1, beta2) = group["lr"], group["betas"]
            for p in group["params"]:
                if p.grad is None:
                    continue
                if p.grad.is_sparse or p.is_complex():
                    raise RuntimeError("Lion does not support sparse gradients or complex parameters")
                g = -p.grad if group["maximize"] else p.grad
                state = self.state[p]
                if not state:
                    state["exp_avg"] = torch.zeros_like(p)
                m = state["exp_avg"]
                p.mul_(1 - lr * group["weight_decay"])
                p.add_(m.lerp(g, 1 - beta1).sign_(), alpha=-lr)
                m.lerp_(g, 1 - beta2)
        return loss


def make_optimizer(
    parameters: ParamsT,
    lr: float = 1e-4,
    betas: tuple[float, float] = (0.9, 0.99),
    weight_decay: float = 0.1,
) -> torch.optim.Optimizer:
    """Lion with ten times AdamW's default weight decay, to go with a tenth of its learning rate.

    Args:
        parameters: tensors, named tensors or parameter groups.
        lr: learning rate, and the length of each weight's step.
        betas: weights of the old momentum, in the step and in the momentum that is kept.
        weight_decay: each step multiplies weights by 1 - lr * weight_decay.

    Raises:
        ValueError: when a setting is out of its range.
    """
    return Lion(parameters, lr=lr, betas=betas, weight_decay=weight_decay)


if __name__ == "__main__":
    torch.manual_seed(0)
    x = torch.randn(256, 8)  # (batch, features)
    y = x.sum(dim=1, keepdim=True).sin()  # (batch, 1)
    model = nn.Sequential(nn.Linear(8, 32), nn.Tanh(), nn.Linear(32, 1))
    optimizer = make_optimizer(model.parameters(), lr=2e-3)
    for step in range(201):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        if step % 100 == 0:
            print(f"step {step:3d}  loss {loss.item():.1f}")
