"""Two numbers to log at every step: the norm of the whole gradient, and how far each weight moves relative to its size.

Source: Stanford CS231n, course notes "Neural Networks Part 3", section "Ratio of weights:updates".
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn


def gradient_norm(parameters: Iterable[Tensor]) -> float:
    """The 2-norm of all gradients as one long vector; call it after ``backward()`` and before clipping.

    Args:
        parameters: such as ``model.parameters()``; those without a gradient are left out.
    """
    gradients = [p.grad for p in parameters if p.grad is not None]
    gradients = [g.coalesce().values() if g.is_sparse else g for g in gradients]
    return torch.nn.utils.get_total_norm(gradients).item()


def step_with_ratios(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, float]:
    """Call ``optimizer.step()`` and return, by name, the norm of each parameter's change over its norm before.

    Costs one copy of the weights; call it every 100 steps, and ``optimizer.step()`` otherwise.

    Args:
        model: the model whose parameters the optimizer holds; parameters that are all 0 are left out.
        optimizer: any that needs no closure.
    """
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    optimizer.step()
    with torch.no_grad():
        moved = {name: (p - before[name]).norm().item() for name, p in model.named_parameters()}
    return {name: moved[name] / old.norm().item() for name, old in before.items() if old.any()}


if __name__ == "__main__":
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    x, y = torch.randn(128, 64), torch.randint(10, (128,))
    for step in range(201):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        if step % 100 == 0:
            norm, ratios = gradient_norm(model.parameters()), step_with_ratios(model, optimizer)
            print(f"step {step:3d}  loss {loss.item():.2f}  norm {norm:.2f}  update/weight {ratios['0.weight']:.0e}")
        else:
            optimizer.step()
