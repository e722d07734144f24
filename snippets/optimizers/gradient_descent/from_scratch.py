"""Gradient descent from scratch, with the largest stable rate found by power iteration.

Source: Cauchy, "Methode generale pour la resolution des systemes d'equations simultanees", 1847.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.optim.optimizer import ParamsT


class GradientDescent(torch.optim.Optimizer):
    """Subtract the learning rate times the gradient of the whole loss.

    Args:
        params: tensors or parameter groups.
        lr: learning rate.
        maximize: climb instead of descend.

    Raises:
        ValueError: when lr is negative.
    """

    def __init__(self, params: ParamsT, lr: float = 1e-3, *, maximize: bool = False) -> None:
        if lr < 0:
            raise ValueError(f"lr must not be negative: {lr}")
        super().__init__(params, {"lr": lr, "maximize": maximize})

    @torch.no_grad()
    def step(self, closure: Callable[[], Tensor] | None = None) -> Tensor | None:  # type: ignore[override]
        """One update of every parameter that has a gradient; returns the closure's loss."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    p.add_(p.grad, alpha=group["lr"] if group["maximize"] else -group["lr"])
        return loss


def largest_curvature(loss: Tensor, parameters: list[Tensor], iterations: int = 50) -> float:
    """Size of the Hessian's eigenvalue that is largest in size, by power iteration on Hessian-vector products."""
    grads = torch.autograd.grad(loss, parameters, create_graph=True)
    vector = [torch.randn_like(p) for p in parameters]
    norm = torch.ones(())
    for _ in range(iterations):
        norm = torch.cat([v.flatten() for v in vector]).norm()
        vector = list(torch.autograd.grad(grads, parameters, [v / norm for v in vector], retain_graph=True))
    return torch.cat([v.flatten() for v in vector]).norm().item()


if __name__ == "__main__":
    torch.manual_seed(0)
    curvature = torch.logspace(0, 2, 10, dtype=torch.float64)  # eigenvalues 1 .. 100
    ours, reference = (torch.ones(10, dtype=torch.float64, requires_grad=True) for _ in range(2))
    h = largest_curvature((0.5 * curvature * ours.square()).sum(), [ours])
    print(f"largest curvature {h:.1f}, so the rate must stay below {2 / h:.3f}")
    optimizers = [GradientDescent([ours], lr=0.019), torch.optim.SGD([reference], lr=0.019)]
    for _ in range(200):
        for p, optimizer in zip([ours, reference], optimizers, strict=True):
            optimizer.zero_grad()
            (0.5 * curvature * p.square()).sum().backward()
            optimizer.step()
    print(f"largest difference to torch.optim.SGD after 200 steps: {(ours - reference).abs().max().item():.0e}")
