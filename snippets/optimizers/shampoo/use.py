"""Shampoo: AdaGrad with one full matrix for each dimension of a tensor.

Source: Gupta et al., "Shampoo: Preconditioned Stochastic Tensor Optimization", 2018, algorithms 1 and 2.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.optim.optimizer import ParamsT


def inverse_root(matrix: Tensor, root: int, floor: float) -> Tensor:
    """``matrix ** (-1 / root)`` of a symmetric matrix (n, n) whose eigenvalues are at least ``floor``."""
    values, vectors = torch.linalg.eigh(matrix)
    return (vectors * values.clamp(min=floor) ** (-1 / root)) @ vectors.T  # rounding may give values below the floor


class Shampoo(torch.optim.Optimizer):
    """Multiplies a gradient along each dimension by an inverse root of that dimension's second moments.

    Args:
        params: tensors, named tensors or parameter groups.
        lr: learning rate.
        eps: start of each preconditioner, times the identity.
        weight_decay: decoupled, times ``lr``.
        refresh: steps between two computations of the inverse roots; the first ``refresh`` steps compute them all.
        max_dim: a longer dimension gets no preconditioner; a parameter without any moves as with SGD.

    Raises:
        ValueError: for a negative value, ``eps`` of 0, or ``refresh`` or ``max_dim`` below 1.
        RuntimeError: in ``step``, for a sparse gradient, or a complex, float16 or bfloat16 parameter.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float = 0.1,
        eps: float = 1e-6,
        weight_decay: float = 0.0,
        refresh: int = 1,
        max_dim: int = 1024,
    ) -> None:
        if not all(x >= 0 for x in (lr, weight_decay)) or not eps > 0 or min(refresh, max_dim) < 1:
            raise ValueError(f"invalid: {lr=}, {eps=}, {weight_decay=}, {refresh=}, {max_dim=}")
        defaults = {"lr": lr, "eps": eps, "weight_decay": weight_decay, "refresh": refresh, "max_dim": max_dim}
        super().__init__(params, defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One update; returns the closure's loss, if there is a closure."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            eps, refresh = group["eps"], group["refresh"]
            for p in group["params"]:
                if p.grad is None or not p.numel():
                    continue
                if p.grad.is_sparse or p.dtype not in (torch.float32, torch.float64):
                    raise RuntimeError("Shampoo takes no sparse gradients, no complex, float16 or bfloat16 parameters")
                g, update, state = p.grad, p.grad, self.state[p]
                state["step"] = t = state.get("step", 0) + 1
                dims = [i for i, n in enumerate(p.shape) if n <= group["max_dim"]]
                for i in range(p.ndim):
                    if i not in dims:
                        update = update.movedim(0, -1)
                        continue
                    if t == 1:
                        state[f"moment_{i}"] = eps * torch.eye(p.shape[i], dtype=g.dtype, device=g.device)
                    rows = g.movedim(i, 0).reshape(p.shape[i], -1)  # (n, all the rest)
                    state[f"moment_{i}"].addmm_(rows, rows.T)
                    if t <= refresh or t % refresh == 0:
                        state[f"root_{i}"] = inverse_root(state[f"moment_{i}"], 2 * len(dims), eps)
                    update = torch.tensordot(update, state[f"root_{i}"], ([0], [0]))  # first dimension becomes last
                p.mul_(1 - group["lr"] * group["weight_decay"]).sub_(update, alpha=group["lr"])
        return loss


def make_optimizer(parameters: ParamsT, lr: float = 0.05) -> torch.optim.Optimizer:
    """Shampoo that computes its roots at every tenth step, with a floor that bounds what is stale.

    Args:
        parameters: tensors, named tensors or parameter groups.
        lr: learning rate; no other optimizer's carries over, for a first step on an (m, n) matrix has an RMS of
            at most ``lr / sqrt(max(m, n))``. Tune it upward, with fresh roots (``refresh=1``) if it diverges.

    Raises:
        ValueError: if ``lr`` is negative.
    """
    return Shampoo(parameters, lr=lr, eps=1e-4, refresh=10)


if __name__ == "__main__":
    torch.manual_seed(0)
    x = torch.randn(256, 8)  # (batch, features)
    y = x.sum(dim=1, keepdim=True).sin()  # (batch, 1)
    model = nn.Sequential(nn.Linear(8, 32), nn.Tanh(), nn.Linear(32, 1))
    optimizer = make_optimizer(model.parameters())
    for step in range(201):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        if step % 100 == 0:
            print(f"step {step:3d}  loss {loss.item():.1f}")
