"""ExponentialLR: the rate is multiplied by gamma at every step of the schedule.

Source: torch.optim.lr_scheduler.ExponentialLR, PyTorch 2.x
"""

import torch
from torch import nn
from torch.optim.lr_scheduler import ExponentialLR, LRScheduler


def make_scheduler(optimizer: torch.optim.Optimizer, gamma: float = 0.98) -> LRScheduler:
    """Geometric decay; the rate halves every ``log(2) / -log(gamma)`` steps.

    Args:
        optimizer: its groups' ``lr`` are the base rates.
        gamma: ratio of one rate to the one before. For ``r`` times the base rate after ``n`` steps: ``r ** (1 / n)``.
    """
    return ExponentialLR(optimizer, gamma=gamma)


if __name__ == "__main__":
    torch.manual_seed(0)
    x, y = torch.randn(256, 10), torch.randn(256, 1)
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=32)
    model = nn.Linear(10, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    scheduler = make_scheduler(optimizer, gamma=0.01 ** (1 / (5 * len(loader))))

    rates = []
    for _ in range(5):
        for inputs, targets in loader:
            loss = nn.functional.mse_loss(model(inputs), targets)
            optimizer.zero_grad()
            loss.backward()
            rates.append(float(scheduler.get_last_lr()[0]))
            optimizer.step()
            scheduler.step()  # after every update
    print(f"{len(rates)} updates, first rate {rates[0]:.4f}, middle {rates[20]:.4f}, last {rates[-1]:.4f}")
    print(f"after the run {scheduler.get_last_lr()[0]:.4f}")
