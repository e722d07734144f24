"""AdamW from scratch: Adam, with the weights shrunk beside the gradient and not through it.

Source: Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2017, algorithm 2.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.optim.optimizer import ParamsT


def real(x: Tensor) -> Tensor:
    """A complex tensor as pairs of real numbers, of which each gets a step of its own."""
    return torch.view_as_real(x) if x.is_complex() else x


class AdamW(torch.optim.Optimizer):
    """Adam with decoupled weight decay.

    Args:
        params: tensors or parameter groups.
        lr: learning rate, by which both Adam's step and the decay are multiplied.
        betas: how much of the mean and of the mean square survives a step.
        eps: added to the root, against division by zero.
        weight_decay: each step multiplies the weights by 1 - lr * weight_decay.
        amsgrad: divide by the largest mean square so far.
        maximize: climb instead of descend.

    Raises:
        ValueError: when a setting is out of its range.
        RuntimeError: in ``step``, for a sparse gradient.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
    ) -> None:
        if not all(x >= 0 for x in (lr, eps, weight_decay)) or not all(0 <= beta < 1 for beta in betas):
            raise ValueError(f"needs lr, eps, weight_decay >= 0, betas in [0, 1): {lr}, {eps}, {weight_decay}, {betas}")
        flags = {"amsgrad": amsgrad, "maximize": maximize}
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay} | flags)

    @torch.no_grad()
    def step(self, closure: Callable[[], Tensor] | None = None) -> Tensor | None:  # type: ignore[override]
        """One update of every parameter that has a gradient; returns the closure's loss."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for p in (p for p in group["params"] if p.grad is not None):
                self.update(real(p), real(p.grad), self.state[p], group)
        return loss

    @staticmethod
    def update(p: Tensor, grad: Tensor, state: dict, group: dict) -> None:
        """The formula, for one parameter."""
        if grad.is_sparse:
            raise RuntimeError("AdamW does not support sparse gradients")
        beta1, beta2 = group["betas"]
        grad = -grad if group["maximize"] else grad
        p.mul_(1 - group["lr"] * group["weight_decay"])  # the only line that differs from Adam
        if not state:
            state |= {"step": 0, "exp_avg": torch.zeros_like(p), "exp_avg_sq": torch.zeros_like(p)}
        state["step"] += 1
        state["exp_avg"].lerp_(grad, 1 - beta1)  # m = beta1 m + (1 - beta1) g
        state["exp_avg_sq"].mul_(beta2).addcmul_(grad, grad, value=1 - beta2)  # v = beta2 v + (1 - beta2) g^2
        v = state["exp_avg_sq"]
        if group["amsgrad"]:
            v = state["max_exp_avg_sq"] = torch.maximum(state.get("max_exp_avg_sq", v), v)
        root = v.sqrt() / (1 - beta2 ** state["step"]) ** 0.5
        p.addcdiv_(state["exp_avg"], root.add_(group["eps"]), value=-group["lr"] / (1 - beta1 ** state["step"]))


if __name__ == "__main__":
    torch.manual_seed(0)
    start = torch.randn(20, 10, dtype=torch.float64)
    ours, reference = torch.nn.Parameter(start.clone()), torch.nn.Parameter(start.clone())
    optimizers = [AdamW([ours], lr=0.01, weight_decay=0.1), torch.optim.AdamW([reference], lr=0.01, weight_decay=0.1)]
    for _ in range(200):
        target = torch.randn_like(start)
        for p, optimizer in zip([ours, reference], optimizers, strict=True):
            optimizer.zero_grad()
            (p - target).square().sum().backward()
            optimizer.step()
    print(f"largest difference to torch.optim.AdamW after 200 steps: {(ours - reference).abs().max().item():.0e}")
