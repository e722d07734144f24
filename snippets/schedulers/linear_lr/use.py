"""LinearLR: the factor of the rate goes in a straight line from start_factor to end_factor.

Source: torch.optim.lr_scheduler.LinearLR, PyTorch 2.x
"""

import torch
from torch import nn
from torch.optim.lr_scheduler import LinearLR, LRScheduler


def make_scheduler(
    optimizer: torch.optim.Optimizer, start_factor: float = 0.1, end_factor: float = 1.0, total_iters: int = 50
) -> LRScheduler:
    """A ramp of ``total_iters`` steps, then constant.

    Args:
        optimizer: its groups' ``lr`` are multiplied by ``start_factor`` at once.
        start_factor: factor of update 0, in (0, 1].
        end_factor: factor from update ``total_iters`` on, in [0, 1].
        total_iters: steps from the first factor to the last, so the ramp has ``total_iters + 1`` values.
    """
    return LinearLR(optimizer, start_factor=start_factor, end_factor=end_factor, total_iters=total_iters)


if __name__ == "__main__":
    torch.manual_seed(0)
    x, y = torch.randn(256, 10), torch.randn(256, 1)
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=32)
    model = nn.Linear(10, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    scheduler = make_scheduler(optimizer, start_factor=0.1, total_iters=9)

    rates = []
    for _ in range(5):
        for inputs, targets in loader:
            loss = nn.functional.mse_loss(model(inputs), targets)
            optimizer.zero_grad()
            loss.backward()
            rates.append(float(scheduler.get_last_lr()[0]))
            optimizer.step()
            scheduler.step()  # after every update
    print("updates 0 to 3: ", " ".join(f"{rate:.2f}" for rate in rates[:4]))
    print("updates 8 to 11:", " ".join(f"{rate:.2f}" for rate in rates[8:12]))
