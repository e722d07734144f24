"""SAM: take the gradient a small distance uphill, and apply it to the weights where they were.

Source: Foret et al., "Sharpness-Aware Minimization for Efficiently Improving Generalization", 2020, algorithm 1.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.optim.optimizer import ParamsT


class SAM(torch.optim.Optimizer):
    """Two gradients a step around a base optimizer, which shares its parameter groups and state with this one.

    Args:
        params: tensors, named tensors or parameter groups.
        base: class of the base optimizer.
        lr: learning rate of ``base``.
        rho: length of the step uphill, over all parameters together.
        options: further arguments of ``base``.

    Raises:
        ValueError: for a negative rho, a value that ``base`` refuses, or ``step`` without a closure.
        RuntimeError: in ``step``, for a sparse gradient.
    """

    def __init__(
        self,
        params: ParamsT,
        base: Callable[..., torch.optim.Optimizer] = torch.optim.SGD,
        lr: float = 0.1,
        rho: float = 0.05,
        **options: Any,
    ) -> None:
        if not rho >= 0:
            raise ValueError(f"invalid: {rho=}")
        super().__init__(params, {"lr": lr, "rho": rho, **options})
        self.base = base(self.param_groups, lr=lr, **options)
        self.defaults.update(self.base.defaults)
        self.param_groups, self.state = self.base.param_groups, self.base.state

    def __getstate__(self) -> dict[str, Any]:
        """What `copy.deepcopy` and `pickle` keep: the base optimizer too."""
        return {**super().__getstate__(), "base": self.base}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the state, and tie the base optimizer to it again."""
        super().load_state_dict(state_dict)
        self.base.param_groups, self.base.state = self.param_groups, self.state

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float:  # type: ignore[override]
        """One update; ``closure`` zeroes the gradients, computes loss and gradients, and is called twice."""
        if closure is None:
            raise ValueError("SAM needs a closure that computes the loss and its gradients")
        with torch.enable_grad():
            loss = closure()
        used = [(group["rho"], p) for group in self.param_groups for p in group["params"] if p.grad is not None]
        if any(p.grad.is_sparse for _, p in used):
            raise RuntimeError("SAM does not support sparse gradients")
        if not used:
            return loss
        norm = torch.stack([p.grad.norm() for _, p in used]).norm() + 1e-12
        originals = [p.clone() for _, p in used]
        for rho, p in used:
            p.add_(p.grad * (rho / norm))  # uphill
        with torch.enable_grad():
            closure()
        for (_, p), original in zip(used, originals, strict=True):
            p.copy_(original)
        self.base.step()
        return loss


def make_optimizer(parameters: ParamsT, lr: float = 0.1) -> torch.optim.Optimizer:
    """SAM around SGD with momentum; tune ``rho``.

    Args:
        parameters: tensors, named tensors or parameter groups.
        lr: learning rate of SGD.

    Raises:
        ValueError: if ``lr`` is negative.
    """
    return SAM(parameters, torch.optim.SGD, lr=lr, rho=0.05, momentum=0.9)


if __name__ == "__main__":
    torch.manual_seed(0)
    x = torch.randn(256, 8)  # (batch, features)
    y = x.sum(dim=1, keepdim=True).sin()  # (batch, 1)
    model = nn.Sequential(nn.Linear(8, 32), nn.Tanh(), nn.Linear(32, 1))
    optimizer = make_optimizer(model.parameters())

    def closure() -> float:
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(x), y)
        loss.backward()
        return loss.item()

    for step in range(201):
        loss = optimizer.step(closure)
        if step % 100 == 0:
            print(f"step {step:3d}  loss {loss:.1f}")
