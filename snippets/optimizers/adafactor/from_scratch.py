"""Adafactor from scratch, equal to torch.optim.Adafactor step by step.

Source: Shazeer and Stern, "Adafactor: Adaptive Learning Rates with Sublinear Memory Cost", 2018, algorithm 4.
"""

from collections.abc import Callable

import torch
from torch.optim.optimizer import ParamsT


class Adafactor(torch.optim.Optimizer):
    """Factored second moment, clipped update, relative step; arguments and defaults as in ``torch.optim.Adafactor``.

    Args:
        params: tensors, named tensors or parameter groups.
        lr: upper bound of the relative step.
        beta2_decay: exponent c of the averaging rate t^c.
        eps: smallest root of the second moment (None: the dtype's epsilon), and smallest RMS of a tensor.
        d: the update's RMS is clipped to this.
        weight_decay: decoupled, times ``lr``.
        maximize: True ascends.

    Raises:
        ValueError: for a negative value, a positive ``beta2_decay`` or ``d`` below 1.
        RuntimeError: in ``step``, for a complex parameter.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        maximize: bool = False,
    ) -> None:
        if not all(x >= 0 for x in (lr, eps[0] or 0, eps[1], weight_decay, -beta2_decay, d - 1)):
            raise ValueError(f"invalid: {lr=}, {beta2_decay=}, {eps=}, {d=}, {weight_decay=}")
        defaults = {"lr": lr, "beta2_decay": beta2_decay, "eps": eps, "d": d, "weight_decay": weight_decay}
        super().__init__(params, defaults | {"maximize": maximize})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One update; returns the closure's loss, if there is a closure."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None:
                    continue
                if p.is_complex():
                    raise RuntimeError("Adafactor does not support complex parameters")
                g = -p.grad if group["maximize"] else p.grad
                eps1 = torch.finfo(p.dtype).eps if group["eps"][0] is None else group["eps"][0]
                state = self.state[p]
                if not state:
                    state["step"] = 0
                    if p.ndim > 1:
                        state["row_var"], state["col_var"] = (torch.zeros_like(g).mean(d, True) for d in (-1, -2))
                    else:
                        state["variance"] = torch.zeros_like(g)
                state["step"] += 1
                fresh = state["step"] ** group["beta2_decay"]  # weight of this gradient; 1 at the first step
                rho = min(group["lr"], state["step"] ** -0.5)
                alpha = max(group["eps"][1], p.square().mean().sqrt().item()) * rho
                p.mul_(1 - group["lr"] * group["weight_decay"])
                if p.ndim > 1:
                    row = state["row_var"].lerp_(g.square().mean(-1, keepdim=True), fresh)  # (..., rows, 1)
                    column = state["col_var"].lerp_(g.square().mean(-2, keepdim=True), fresh)  # (..., 1, columns)
                    v = row @ column / row.mean(-2, keepdim=True).clamp(min=eps1)
                else:
                    v = state["variance"].lerp_(g.square(), fresh)
                update = g / v.clamp(min=eps1**2).sqrt()
                p -= alpha * update / max(1.0, update.square().mean().sqrt().item() / group["d"])
        return loss


if __name__ == "__main__":
    torch.manual_seed(0)
    ours = torch.randn(20, 5, dtype=torch.float64, requires_grad=True)
    theirs = ours.detach().clone().requires_grad_()
    mine, reference = Adafactor([ours], weight_decay=0.1), torch.optim.Adafactor([theirs], weight_decay=0.1)
    for _ in range(200):
        ours.grad = torch.randn(20, 5, dtype=torch.float64)
        theirs.grad = ours.grad.clone()
        mine.step()
        reference.step()
    difference = (ours - theirs).abs().max().item()
    print("largest difference from torch after 200 steps below 1e-12:", difference < 1e-12)
