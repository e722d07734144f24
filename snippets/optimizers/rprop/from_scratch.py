"""Rprop from scratch: only the signs of the gradient, and a step size for each parameter.

Source: Riedmiller and Braun, "A direct adaptive method for faster backpropagation learning", 1993.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.optim.optimizer import ParamsT


def real(x: Tensor) -> Tensor:
    """A complex tensor as pairs of real numbers, of which each gets a step of its own."""
    return torch.view_as_real(x) if x.is_complex() else x


class Rprop(torch.optim.Optimizer):
    """Each parameter's step grows while its gradient keeps its sign and shrinks when the sign turns.

    Args:
        params: tensors or parameter groups.
        lr: size of the first step only.
        etas: factors for shrinking and growing.
        step_sizes: smallest and largest step.
        maximize: climb instead of descend.

    Raises:
        ValueError: when lr is negative or not 0 < etas[0] < 1 < etas[1].
        RuntimeError: in ``step``, for a sparse gradient.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50.0),
        *,
        maximize: bool = False,
    ) -> None:
        defaults = {"lr": lr, "etas": etas, "step_sizes": step_sizes}
        if not lr >= 0 or not 0 < etas[0] < 1 < etas[1]:
            raise ValueError(f"needs lr >= 0 and 0 < etas[0] < 1 < etas[1]: {defaults}")
        super().__init__(params, defaults | {"maximize": maximize})

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
            raise RuntimeError("this version takes no sparse gradients")
        grad = -grad if group["maximize"] else grad
        if not state:
            state |= {"step": 0, "prev": torch.zeros_like(p), "step_size": torch.full_like(p, group["lr"])}
        state["step"] += 1
        (shrink, grow), turn = group["etas"], grad * state["prev"]
        factor = torch.ones_like(p).masked_fill_(turn > 0, grow).masked_fill_(turn < 0, shrink)
        state["step_size"].mul_(factor).clamp_(*group["step_sizes"])
        state["prev"] = grad.masked_fill(turn < 0, 0.0)  # after a turn: stand still once, and forget
        p.addcmul_(state["prev"].sign(), state["step_size"], value=-1)


if __name__ == "__main__":
    torch.manual_seed(0)
    start = torch.randn(20, 10, dtype=torch.float64)
    ours, reference = torch.nn.Parameter(start.clone()), torch.nn.Parameter(start.clone())
    optimizers = [Rprop([ours], lr=0.1), torch.optim.Rprop([reference], lr=0.1)]
    for _ in range(200):
        target = torch.randn_like(start)
        for p, optimizer in zip([ours, reference], optimizers, strict=True):
            optimizer.zero_grad()
            (p - target).square().sum().backward()
            optimizer.step()
    print(f"largest difference to torch.optim.Rprop after 200 steps: {(ours - reference).abs().max().item():.0e}")
