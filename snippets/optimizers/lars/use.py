"""LARS: SGD with momentum whose step for each tensor is measured against the tensor's norm.

Source: You et al., "Large Batch Training of Convolutional Networks", 2017, algorithm 1.
"""

from collections.abc import Callable

import torch
from torch import nn
from torch.optim.optimizer import ParamsT


class LARS(torch.optim.Optimizer):
    """SGD with momentum and a local learning rate for each tensor.

    Args:
        params: tensors, named tensors or parameter groups.
        lr: global learning rate.
        momentum: decay rate of the momentum buffer.
        weight_decay: L2 penalty, inside the local rate.
        trust_coefficient: relative length of a step at ``lr=1``; 0 makes a group's update plain SGD.
        maximize: True ascends.

    Raises:
        ValueError: for a negative value or a momentum outside [0, 1).
        RuntimeError: in ``step``, for a sparse gradient.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1.0,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        trust_coefficient: float = 1e-3,
        *,
        maximize: bool = False,
    ) -> None:
        if not all(x >= 0 for x in (lr, weight_decay, trust_coefficient)) or not 0 <= momentum < 1:
            raise ValueError(f"invalid: {lr=}, {momentum=}, {weight_decay=}, {trust_coefficient=}")
        defaults = {"lr": lr, "momentum": momentum, "weight_decay": weight_decay, "maximize": maximize}
        super().__init__(params, defaults | {"trust_coefficient": trust_coefficient})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One update; returns the closure's loss, if there is a closure."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            decay, trust = group["weight_decay"], group["trust_coefficient"]
            for p in group["params"]:
                if p.grad is None:
                    continue
                if p.grad.is_sparse:
                    raise RuntimeError("LARS does not support sparse gradients")
                g = -p.grad if group["maximize"] else p.grad
                update = g + decay * p
                if trust > 0:
                    local = trust * p.norm() / (g.norm() + decay * p.norm())
                    update = update * torch.where((local > 0) & local.isfinite(), local, 1.0)
                state = self.state[p]
                if not state:
                    state["momentum_buffer"] = torch.zeros_like(p)
                p -= group["lr"] * state["momentum_buffer"].mul_(group["momentum"]).add_(update)
        return loss


def make_optimizer(parameters: ParamsT, lr: float = 1.0) -> torch.optim.Optimizer:
    """LARS with the paper's momentum and trust coefficient.

    Args:
        parameters: tensors, named tensors or parameter groups; put biases and norms into a group
            with ``trust_coefficient=0``, ``weight_decay=0`` and the learning rate of plain SGD.
        lr: global learning rate; 1.0 moves a tensor by about 0.001 of its norm, with momentum by 0.01.

    Raises:
        ValueError: if ``lr`` is negative.
    """
    return LARS(parameters, lr=lr, weight_decay=1e-4)


if __name__ == "__main__":
    torch.manual_seed(0)
    x = torch.randn(256, 8)  # (batch, features)
    y = x.sum(dim=1, keepdim=True).sin()  # (batch, 1)
    model = nn.Sequential(nn.Linear(8, 32), nn.Tanh(), nn.Linear(32, 1))
    matrices = [p for p in model.parameters() if p.ndim > 1]
    vectors = [p for p in model.parameters() if p.ndim == 1]
    optimizer = make_optimizer(matrices, lr=4.0)
    optimizer.add_param_group({"params": vectors, "trust_coefficient": 0.0, "weight_decay": 0.0, "lr": 0.05})
    for step in range(201):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        if step % 100 == 0:
            print(f"step {step:3d}  loss {loss.item():.1f}")
