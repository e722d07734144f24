"""SOAP: Adam in the slowly turning eigenbasis of Shampoo's preconditioners.

Source: Vyas et al., "SOAP: Improving and Stabilizing Shampoo using Adam", 2024.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.optimizer import ParamsT


def rotate(x: Tensor, state: dict[str, Any], back: bool = False) -> Tensor:
    """``x`` in the eigenbasis (or back from it), along each dimension that has one."""
    for i in range(x.ndim):  # the first dimension becomes the last: after all of them the order is the old one
        basis = state.get(f"basis_{i}")
        x = x.movedim(0, -1) if basis is None else torch.tensordot(x, basis, ([0], [int(back)]))
    return x


class SOAP(torch.optim.Optimizer):
    """Adam whose second moment lives in the eigenbasis of the gradients' row and column moments.

    Args:
        params: tensors, named tensors or parameter groups.
        lr: learning rate.
        betas: decay rates of the mean, and of the second moment and the row and column moments.
        eps: added to the denominator.
        weight_decay: decoupled, times ``lr``.
        refresh: steps between two turns of the basis.
        max_dim: a longer dimension keeps its own basis; so do vectors.

    Raises:
        ValueError: for a negative value, a beta outside [0, 1), or ``refresh`` or ``max_dim`` below 1.
        RuntimeError: in ``step``, for a sparse gradient, or a complex, float16 or bfloat16 parameter.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float = 3e-3,
        betas: tuple[float, float] = (0.95, 0.95),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
        refresh: int = 10,
        max_dim: int = 10000,
    ) -> None:
        bad_beta = not all(0 <= beta < 1 for beta in betas)
        if not all(x >= 0 for x in (lr, eps, weight_decay)) or bad_beta or min(refresh, max_dim) < 1:
            raise ValueError(f"invalid: {lr=}, {betas=}, {eps=}, {weight_decay=}, {refresh=}, {max_dim=}")
        defaults = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay}
        super().__init__(params, defaults | {"refresh": refresh, "max_dim": max_dim})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One update; returns the closure's loss, if there is a closure."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is None or not p.numel():
                    continue
                if p.grad.is_sparse or p.dtype not in (torch.float32, torch.float64):
                    raise RuntimeError("SOAP takes no sparse gradients, no complex, float16 or bfloat16 parameters")
                state, first = self.state[p], not self.state[p]
                if first:  # the first gradient only makes the basis
                    state.update(step=0, exp_avg=torch.zeros_like(p), exp_avg_sq=torch.zeros_like(p))
                else:
                    self._adam(p, p.grad, state, group)
                self._turn(p.grad, state, group, first)
        return loss

    def _adam(self, p: Tensor, g: Tensor, state: dict[str, Any], group: dict[str, Any]) -> None:
        state["step"] += 1
        (beta1, beta2), t, m, v = group["betas"], state["step"], state["exp_avg"], state["exp_avg_sq"]
        m.lerp_(g, 1 - beta1)
        v.lerp_(rotate(g, state).square(), 1 - beta2)
        update = rotate(rotate(m, state) / (v.sqrt() + group["eps"]), state, back=True)
        p.sub_(update, alpha=group["lr"] * (1 - beta2**t) ** 0.5 / (1 - beta1**t))
        p.mul_(1 - group["lr"] * group["weight_decay"])

    def _turn(self, g: Tensor, state: dict[str, Any], group: dict[str, Any], first: bool) -> None:
        for i, n in enumerate(g.shape):
            if g.ndim == 1 or n > group["max_dim"]:
                continue
            rows = g.movedim(i, 0).reshape(n, -1)  # (n, all the rest)
            moment = state.setdefault(f"moment_{i}", torch.zeros(n, n, dtype=g.dtype, device=g.device))
            moment.lerp_(rows @ rows.T, 1 - group["betas"][1])
            if first:
                state[f"basis_{i}"] = torch.linalg.eigh(moment)[1].flip(1)  # largest first
            elif state["step"] % group["refresh"] == 0:  # one power iteration, sorted anew
                product = moment @ state[f"basis_{i}"]
                order = (state[f"basis_{i}"] * product).sum(0).argsort(descending=True)
                state["exp_avg_sq"] = state["exp_avg_sq"].index_select(i, order)
                state[f"basis_{i}"] = torch.linalg.qr(product[:, order])[0]


def make_optimizer(parameters: ParamsT, lr: float = 3e-3) -> torch.optim.Optimizer:
    """SOAP with the settings of the class.

    Args:
        parameters: tensors, named tensors or parameter groups.
        lr: learning rate, as for AdamW.

    Raises:
        ValueError: if ``lr`` is negative.
    """
    return SOAP(parameters, lr=lr)


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
