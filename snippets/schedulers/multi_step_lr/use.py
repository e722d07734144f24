"""MultiStepLR: the rate is multiplied by gamma at each milestone.

Source: He et al., "Deep Residual Learning for Image Recognition", 2015, section 4.2
"""

import torch
from torch import nn
from torch.optim.lr_scheduler import LRScheduler, MultiStepLR


def make_scheduler(
    optimizer: torch.optim.Optimizer, milestones: tuple[int, ...] = (100, 150), gamma: float = 0.1
) -> LRScheduler:
    """Piecewise constant with steps where you want them.

    Args:
        optimizer: its groups' ``lr`` are the base rates.
        milestones: steps of the schedule from which on a new stair begins, in any order; one given twice counts twice.
        gamma: ratio of one stair to the one before, between 0 and 1.
    """
    return MultiStepLR(optimizer, milestones=milestones, gamma=gamma)


if __name__ == "__main__":
    torch.manual_seed(0)
    x, y = torch.randn(256, 10), torch.randn(256, 1)
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=32)
    model = nn.Linear(10, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    scheduler = make_scheduler(optimizer, milestones=(3, 5))

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
    print("updates at each rate:", [rates.count(rate) for rate in sorted(set(rates), reverse=True)])
