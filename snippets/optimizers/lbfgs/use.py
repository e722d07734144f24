"""L-BFGS with torch.optim.LBFGS: a closure, the whole data set, and a line search.

Source: Liu and Nocedal, "On the limited memory BFGS method for large scale optimization", 1989.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn


def make_optimizer(parameters: Iterable[Tensor], lr: float = 1.0) -> torch.optim.Optimizer:
    """L-BFGS with the line search that torch leaves out by default.

    Args:
        parameters: tensors; parameter groups are refused.
        lr: first step that the line search tries, in units of the Newton step.

    Raises:
        ValueError: when lr is negative or there is more than one group.
    """
    return torch.optim.LBFGS(parameters, lr=lr, history_size=10, line_search_fn="strong_wolfe")


if __name__ == "__main__":
    torch.manual_seed(0)
    x = torch.linspace(-1, 1, 200).unsqueeze(1)  # (points, 1)
    y = torch.sin(5 * x)
    model = nn.Sequential(nn.Linear(1, 16), nn.Tanh(), nn.Linear(16, 1))
    optimizer = make_optimizer(model.parameters())
    calls = 0

    def closure() -> float:
        """Loss of all data; called several times in a step."""
        global calls
        calls += 1
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(x), y)
        loss.backward()
        return loss.item()

    for _ in range(10):
        loss = optimizer.step(closure)
    print(f"10 steps called the closure more than 150 times: {calls > 150}")
    print(f"loss below 1e-3: {loss < 1e-3}")
