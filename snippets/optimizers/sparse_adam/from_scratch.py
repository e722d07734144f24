"""SparseAdam from scratch, equal to torch.optim.SparseAdam step by step.

Source: Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2014; torch's lazy variant of it.
"""

from collections.abc import Callable

import torch
from torch.optim.optimizer import ParamsT


class SparseAdam(torch.optim.Optimizer):
    """Adam on the rows that have a gradient; arguments and defaults as in ``torch.optim.SparseAdam``.

    Args:
        params: dense tensors with sparse gradients, named tensors or parameter groups.
        lr: learning rate.
        betas: decay rates of the first and the second moment.
        eps: added to the denominator.
        maximize: True ascends.

    Raises:
        ValueError: for an lr or eps that is not positive, or a beta outside [0, 1).
        RuntimeError: in ``step``, for a dense gradient or a complex parameter.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        maximize: bool = False,
    ) -> None:
        if not all(x > 0 for x in (lr, eps)) or not all(0 <= beta < 1 for beta in betas):
            raise ValueError(f"invalid: {lr=}, {betas=}, {eps=}")
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "maximize": maximize})

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
                if not p.grad.is_sparse or p.is_complex():
                    raise RuntimeError("SparseAdam takes sparse gradients only, and no complex parameters; use Adam")
                gradient = p.grad.coalesce()  # sums the entries of a row that occurs twice
                rows = gradient.indices().unbind()  # one index tensor for each sparse dimension
                g = -gradient.values() if group["maximize"] else gradient.values()
                state = self.state[p]
                if not state:
                    state.update(step=0, exp_avg=torch.zeros_like(p), exp_avg_sq=torch.zeros_like(p))
                state["step"] += 1  # of the tensor, not of the row
                t = state["step"]
                m = state["exp_avg"][rows].lerp(g, 1 - beta1)
                v = state["exp_avg_sq"][rows].lerp(g * g, 1 - beta2)
                state["exp_avg"][rows], state["exp_avg_sq"][rows] = m, v
                size = group["lr"] * (1 - beta2**t) ** 0.5 / (1 - beta1**t)
                p[rows] -= size * m / (v.sqrt() + group["eps"])
        return loss


if __name__ == "__main__":
    torch.manual_seed(0)
    ours = torch.randn(20, 5, dtype=torch.float64, requires_grad=True)
    theirs = ours.detach().clone().requires_grad_()
    mine, reference = SparseAdam([ours]), torch.optim.SparseAdam([theirs])
    for _ in range(200):
        rows = torch.randint(20, (1, 6))  # with repetitions
        values = torch.randn(6, 5, dtype=torch.float64)
        ours.grad = torch.sparse_coo_tensor(rows, values, (20, 5), check_invariants=True)
        theirs.grad = ours.grad.clone()
        mine.step()
        reference.step()
    difference = (ours - theirs).abs().max().item()
    print("largest difference from torch after 200 steps below 1e-12:", difference < 1e-12)
