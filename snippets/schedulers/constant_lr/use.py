"""ConstantLR: the rate is multiplied by a factor for the first total_iters steps, then jumps back.

Source: Goyal et al., 2017, section 2.2 (constant warm-up); torch.optim.lr_scheduler.ConstantLR
"""

import torch
from torch import nn
from torch.optim.lr_scheduler import ConstantLR, LRScheduler


def make_scheduler(optimizer: torch.optim.Optimizer, factor: float = 0.1, total_iters: int = 50) -> LRScheduler:
    """A low stair at the start, then the base rate.

    Args:
        optimizer: its groups' ``lr`` are multiplied by ``factor`` at once.
        factor: factor of the first updates, in (0, 1]; torch accepts 0 and then divides by it.
        total_iters: updates with the low rate, a whole number above 0; torch never jumps back from others.
    """
    return ConstantLR(optimizer, factor=factor, total_iters=total_iters)


if __name__ == "__main__":
    torch.manual_seed(0)
    x, y = torch.randn(256, 10), torch.randn(256, 1)
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=32)
    model = nn.Linear(10, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    scheduler = make_scheduler(optimizer, factor=0.1, total_iters=8)

    rates = []
    for _ in range(5):
        for inputs, targets in loader:
            loss = nn.functional.mse_loss(model(inputs), targets)
            optimizer.zero_grad()
            loss.backward()
            rates.append(float(scheduler.get_last_lr()[0]))
            optimizer.step()
            scheduler.step()  # after every update
    print("updates 0, 7, 8, 39:", " ".join(f"{rates[step]:.2f}" for step in (0, 7, 8, 39)))
