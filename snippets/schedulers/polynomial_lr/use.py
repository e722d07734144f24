"""PolynomialLR: the rate falls to zero as a power of the part of the run that is left.

Source: Chen et al., "DeepLab", 2016 (poly policy); torch.optim.lr_scheduler.PolynomialLR
"""

import torch
from torch import nn
from torch.optim.lr_scheduler import LRScheduler, PolynomialLR


def make_scheduler(optimizer: torch.optim.Optimizer, total_iters: int = 200, power: float = 0.9) -> LRScheduler:
    """``base_lr * (1 - t / total_iters) ** power``, then zero.

    Args:
        optimizer: its groups' ``lr`` are the base rates.
        total_iters: steps to zero: all updates of the run, if it steps after each.
        power: 1 is a straight line, above 1 falls early, below 1 falls late.
    """
    return PolynomialLR(optimizer, total_iters=total_iters, power=power)


if __name__ == "__main__":
    torch.manual_seed(0)
    x, y = torch.randn(256, 10), torch.randn(256, 1)
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=32)
    model = nn.Linear(10, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    scheduler = make_scheduler(optimizer, total_iters=5 * len(loader), power=0.9)

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
