"""Linear decay to zero: the rate falls in a straight line over the whole budget of updates.

Source: Li et al., "Budgeted Training", 2019, section 3
"""

import torch
from torch import nn
from torch.optim.lr_scheduler import LinearLR, LRScheduler


def make_scheduler(optimizer: torch.optim.Optimizer, total_steps: int = 200) -> LRScheduler:
    """``base_lr * (1 - t / total_steps)``, then zero.

    Args:
        optimizer: its groups' ``lr`` are the base rates.
        total_steps: updates of the whole run: the budget.
    """
    return LinearLR(optimizer, start_factor=1.0, end_factor=0.0, total_iters=total_steps)


if __name__ == "__main__":
    torch.manual_seed(0)
    x, y = torch.randn(256, 10), torch.randn(256, 1)
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=32)
    model = nn.Linear(10, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    scheduler = make_scheduler(optimizer, total_steps=5 * len(loader))

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
