"""StepLR: the rate is multiplied by gamma every step_size steps of the schedule.

Source: Ge et al., "The Step Decay Schedule", 2019 (theory); torch.optim.lr_scheduler.StepLR
"""

import torch
from torch import nn
from torch.optim.lr_scheduler import LRScheduler, StepLR


def make_scheduler(optimizer: torch.optim.Optimizer, step_size: int = 30, gamma: float = 0.1) -> LRScheduler:
    """A staircase: constant for ``step_size`` steps, then ``gamma`` times as high.

    Args:
        optimizer: its groups' ``lr`` are the base rates.
        step_size: length of a stair in ``scheduler.step()`` calls: epochs, if it steps once per epoch.
        gamma: ratio of one stair to the one before, between 0 and 1.
    """
    return StepLR(optimizer, step_size=step_size, gamma=gamma)


if __name__ == "__main__":
    torch.manual_seed(0)
    x, y = torch.randn(256, 10), torch.randn(256, 1)
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=32)
    model = nn.Linear(10, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    scheduler = make_scheduler(optimizer, step_size=2, gamma=0.1)

    rates = []
    for _ in range(6):
        for inputs, targets in loader:
            loss = nn.functional.mse_loss(model(inputs), targets)
            optimizer.zero_grad()
            loss.backward()
            rates.append(float(scheduler.get_last_lr()[0]))
            optimizer.step()
        scheduler.step()  # after the epoch, because the settings count epochs
    print("rate of epochs 0 to 5:", " ".join(f"{rate:.4f}" for rate in rates[:: len(loader)]))
    print("updates at one rate:", rates.count(rates[0]))
