"""Muon from scratch, equal to torch.optim.Muon step by step.

Source: Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.optim.optimizer import ParamsT


def newton_schulz(g: Tensor, coefficients: tuple[float, float, float], steps: int, eps: float) -> Tensor:
    """Pull every singular value of ``g`` (rows, columns) towards 1 without a decomposition."""
    a, b, c = coefficients
    x = g.T if g.size(0) > g.size(1) else g  # the smaller Gram matrix
    x = x.bfloat16()
    x = x / x.norm().clamp(min=eps)  # now no singular value exceeds 1
    for _ in range(steps):
        gram = x @ x.T
        x = torch.addmm(x, torch.addmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)  # a x + (b A + c A^2) x
    return x.T if g.size(0) > g.size(1) else x


class Muon(torch.optim.Optimizer):
    """Momentum, orthogonalized; arguments and defaults as in ``torch.optim.Muon``.

    Args:
        params: matrices, as tensors, named tensors or parameter groups.
        lr: learning rate.
        weight_decay: decoupled, times ``lr``.
        momentum: decay rate of the gradient's average.
        nesterov: True mixes the fresh gradient in once more.
        ns_coefficients: of the polynomial a s + b s^3 + c s^5 that acts on the singular values.
        eps: smallest norm to divide by.
        ns_steps: how often the polynomial is applied.
        adjust_lr_fn: None or "original" scales the step by sqrt(max(1, rows / columns)),
            "match_rms_adamw" by 0.2 sqrt(max(rows, columns)).

    Raises:
        ValueError: for a negative value, another ``adjust_lr_fn``, or a parameter that is no real matrix.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.7750, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ) -> None:
        if not all(x >= 0 for x in (lr, weight_decay, momentum, eps)) or adjust_lr_fn not in (
            None,
            "original",
            "match_rms_adamw",
        ):
            raise ValueError(f"invalid: {lr=}, {weight_decay=}, {momentum=}, {eps=}, {adjust_lr_fn=}")
        defaults = {"lr": lr, "weight_decay": weight_decay, "momentum": momentum, "nesterov": nesterov, "eps": eps}
        more = {"ns_coefficients": ns_coefficients, "ns_steps": ns_steps, "adjust_lr_fn": adjust_lr_fn}
        super().__init__(params, defaults | more)
        if any(p.ndim != 2 or p.is_complex() for group in self.param_groups for p in group["params"]):
            raise ValueError("Muon takes two-dimensional parameters only, and no complex ones")

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One update; returns the closure's loss, if there is a closure."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            lr, momentum = group["lr"], group["momentum"]
            for p in group["params"]:
                if p.grad is None:
                    continue
                state = self.state[p]
                if not state:
                    state["momentum_buffer"] = torch.zeros_like(p)
                m = state["momentum_buffer"].lerp_(p.grad, 1 - momentum)
                update = p.grad.lerp(m, momentum) if group["nesterov"] else m
                update = newton_schulz(update, group["ns_coefficients"], group["ns_steps"], group["eps"])
                rows, columns = p.shape
                scale = max(1, rows / columns) ** 0.5
                if group["adjust_lr_fn"] == "match_rms_adamw":
                    scale = 0.2 * max(rows, columns) ** 0.5
                p.mul_(1 - lr * group["weight_decay"])
                p.add_(update, alpha=-lr * scale)
        return loss


if __name__ == "__main__":
    torch.manual_seed(0)
    ours = torch.randn(20, 5, dtype=torch.float64, requires_grad=True)
    theirs = ours.detach().clone().requires_grad_()
    mine, reference = Muon([ours], lr=0.02), torch.optim.Muon([theirs], lr=0.02)
    for _ in range(200):
        ours.grad = torch.randn(20, 5, dtype=torch.float64)
        theirs.grad = ours.grad.clone()
        mine.step()
        reference.step()
    difference = (ours - theirs).abs().max().item()
    print("largest difference from torch after 200 steps below 1e-12:", difference < 1e-12)
