"""MultiplicativeLR: the current rate is multiplied by a function of the step, again and again.

Source: torch.optim.lr_scheduler.MultiplicativeLR, PyTorch 2.x
"""

from collections.abc import Callable

import torch
from torch import nn
from torch.optim.lr_scheduler import LRScheduler, MultiplicativeLR


def slower_and_slower(step: int) -> float:
    """Factor between update ``step - 1`` and update ``step``: the ratio of two values of 1 / (1 + t / 50)."""
    return (50 + step - 1) / (50 + step)


def make_scheduler(
    optimizer: torch.optim.Optimizer, lr_lambda: Callable[[int], float] = slower_and_slower
) -> LRScheduler:
    """Update ``t`` uses update ``t - 1``'s rate times ``lr_lambda(t)``.

    Args:
        optimizer: its groups' ``lr`` are the base rates.
        lr_lambda: ratio of the new rate to the one before; called first with 1.
    """
    return MultiplicativeLR(optimizer, lr_lambda)


if __name__ == "__main__":
    torch.manual_seed(0)
    x, y = torch.randn(256, 10), torch.randn(256, 1)
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=32)
    model = nn.Linear(10, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    scheduler = make_scheduler(optimizer, slower_and_slower)

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
