"""LambdaLR: the rate is the base rate times any function of the step.

Source: torch.optim.lr_scheduler.LambdaLR, PyTorch 2.x
"""

from collections.abc import Callable

import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR, LRScheduler


def inverse_time(step: int) -> float:
    """Factor 1 at the start, 1/2 after 50 steps: 50 / (50 + step)."""
    return 1 / (1 + step / 50)


def make_scheduler(optimizer: torch.optim.Optimizer, lr_lambda: Callable[[int], float] = inverse_time) -> LRScheduler:
    """``base_lr * lr_lambda(t)`` for every group.

    Args:
        optimizer: its groups' ``lr`` are the base rates.
        lr_lambda: factor of the base rate for update ``t``, counted from 0. torch takes a list too, one for each group.
    """
    return LambdaLR(optimizer, lr_lambda)


if __name__ == "__main__":
    torch.manual_seed(0)
    x, y = torch.randn(256, 10), torch.randn(256, 1)
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=32)
    model = nn.Linear(10, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    scheduler = make_scheduler(optimizer, inverse_time)

    rates = []
    for _ in range(5):
        for inputs, targets in loader:
            loss = nn.functional.mse_loss(model(inputs), targets)
            optimizer.zero_grad()
            loss.backward()
            rates.append(float(scheduler.get_last_lr()[0]))
            optimizer.step()
            scheduler.step()  # after every update
    print("factor of updates 0, 10, 39:", " ".join(f"{rates[step] / 0.1:.3f}" for step in (0, 10, 39)))
    print("saved of a plain function:", scheduler.state_dict()["lr_lambdas"])
