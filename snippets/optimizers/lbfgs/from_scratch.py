"""L-BFGS from scratch: a Newton direction from the last few steps, without a line search.

Source: Liu and Nocedal, "On the limited memory BFGS method for large scale optimization", 1989.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.optim.optimizer import ParamsT


def direction(grad: Tensor, steps: list[Tensor], changes: list[Tensor]) -> Tensor:
    """Minus the inverse Hessian times ``grad``, by the two-loop recursion over pairs s and y, oldest first."""
    q, alphas = -grad, []
    for s, y in zip(reversed(steps), reversed(changes), strict=True):
        alphas.append(s.dot(q) * (1 / y.dot(s)))
        q = q.add(y, alpha=-alphas[-1].item())
    if steps:
        q = q * (changes[-1].dot(steps[-1]) / changes[-1].dot(changes[-1]))
    for s, y, alpha in zip(steps, changes, reversed(alphas), strict=True):
        q = q.add(s, alpha=(alpha - y.dot(q) * (1 / y.dot(s))).item())
    return q


class LBFGS(torch.optim.Optimizer):
    """torch.optim.LBFGS without line search, for real dense parameters in one group.

    Args:
        params: tensors; parameter groups are refused.
        lr: length of a step in units of the Newton step.
        max_iter: iterations in one call of step.
        tolerance_grad: stop when no gradient is larger.
        tolerance_change: stop when a step or the loss changes less.
        history_size: pairs kept.

    Raises:
        ValueError: when lr is negative, a parameter is neither float32 nor float64, or there is more than one group.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1.0,
        max_iter: int = 20,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
    ) -> None:
        if not lr >= 0:
            raise ValueError(f"lr must not be negative: {lr}")
        tolerances = {"tolerance_grad": tolerance_grad, "tolerance_change": tolerance_change}
        super().__init__(params, {"lr": lr, "max_iter": max_iter, "history_size": history_size} | tolerances)
        if any(p.dtype not in (torch.float32, torch.float64) for p in self.param_groups[0]["params"]):
            raise ValueError("this version takes no complex, float16 or bfloat16 parameters")

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Take the first group, and refuse any other, at construction or later."""
        if self.param_groups:
            raise ValueError("L-BFGS does not support parameter groups")
        super().add_param_group(param_group)

    @torch.no_grad()
    def step(self, closure: Callable[[], Tensor]) -> Tensor:  # type: ignore[override]
        """Up to max_iter iterations; the closure clears gradients, computes the loss, and calls backward."""
        group, closure = self.param_groups[0], torch.enable_grad()(closure)
        params, state = group["params"], self.state[group["params"][0]]
        first_loss = closure()
        loss, grad = float(first_loss), self.gradient(params)
        state.setdefault("old_stps", [])
        state.setdefault("old_dirs", [])
        for iteration in range(1, group["max_iter"] + 1):
            if grad.abs().max() <= group["tolerance_grad"]:
                break
            first = "prev_flat_grad" not in state
            if not first:
                y, s = grad - state["prev_flat_grad"], state["d"] * state["t"]
                if y.dot(s) > 1e-10:  # keeps the inverse Hessian positive
                    state["old_dirs"] = [*state["old_dirs"], y][-group["history_size"] :]
                    state["old_stps"] = [*state["old_stps"], s][-group["history_size"] :]
            state["d"] = direction(grad, state["old_stps"], state["old_dirs"])
            state["t"] = group["lr"] * (min(1.0, 1.0 / float(grad.abs().sum())) if first else 1.0)
            state["prev_flat_grad"], before = grad, loss
            if grad.dot(state["d"]) > -group["tolerance_change"]:
                break
            for p, change in zip(params, state["d"].split([p.numel() for p in params]), strict=True):
                p.add_(change.view_as(p), alpha=state["t"])
            if iteration == group["max_iter"]:
                break
            loss, grad = float(closure()), self.gradient(params)
            small = group["tolerance_change"]
            if (state["d"] * state["t"]).abs().max() <= small or abs(loss - before) < small:
                break
        return first_loss

    @staticmethod
    def gradient(params: list[Tensor]) -> Tensor:
        """All gradients in one vector, zeros where there is none."""
        grads = [torch.zeros_like(p) if p.grad is None else p.grad.to_dense() for p in params]
        return torch.cat([grad.flatten() for grad in grads])


if __name__ == "__main__":

    def minimize(p: Tensor, optimizer: torch.optim.Optimizer) -> None:
        def closure() -> Tensor:
            optimizer.zero_grad()
            loss = (1 - p[0]) ** 2 + 100 * (p[1] - p[0] ** 2) ** 2
            loss.backward()
            return loss

        for _ in range(5):
            optimizer.step(closure)  # type: ignore[arg-type]

    start = torch.tensor([-1.2, 1.0], dtype=torch.float64)
    ours, reference = torch.nn.Parameter(start.clone()), torch.nn.Parameter(start.clone())
    minimize(ours, LBFGS([ours], lr=0.5))
    minimize(reference, torch.optim.LBFGS([reference], lr=0.5))
    print(
        f"difference to torch.optim.LBFGS after 100 iterations below 1e-12: {bool((ours - reference).norm() < 1e-12)}"
    )
    print(f"distance to the minimum: {(ours - 1).norm().item():.0e}")
