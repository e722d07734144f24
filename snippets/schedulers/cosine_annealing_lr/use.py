"""CosineAnnealingLR: the rate follows half a cosine from its base value to eta_min, one step after each update.

Source: Loshchilov and Hutter, "SGDR: Stochastic Gradient Descent with Warm Restarts", 2016, section 3
"""

import torch
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler


def make_scheduler(optimizer: torch.optim.Optimizer, T_max: int = 100, eta_min: float = 0.0) -> LRScheduler:
    """Cosine annealing of every parameter group, each from its own base rate.

    Args:
        optimizer: its groups' ``lr`` are the rates at the start.
        T_max: number of ``scheduler.step()`` calls to the minimum: all updates of the run, if it steps after each.
        eta_min: rate at ``T_max``, the same number for every group, in the unit of the rate.
    """
    return CosineAnnealingLR(optimizer, T_max=T_max, eta_min=eta_min)


if __name__ == "__main__":
    torch.manual_seed(0)
    x, y = torch.randn(256, 10), torch.randn(256, 1)
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=32)
    model, epochs = nn.Linear(10, 1), 5
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    scheduler = make_scheduler(optimizer, T_max=epochs * len(loader))  # in updates, because it steps after each

    rates = []
    for _ in range(epochs):
        for inputs, targets in loader:
            loss = nn.functional.mse_loss(model(inputs), targets)
            optimizer.zero_grad()
            loss.backward()
            rates.append(scheduler.get_last_lr()[0])
            optimizer.step()
            scheduler.step()
    print(f"{len(rates)} updates, rate of the first {rates[0]:.4f}, middle {rates[20]:.4f}, last {rates[-1]:.4f}")
    print(f"after the run {scheduler.get_last_lr()[0]:.4f}; stepping on would raise it again")
