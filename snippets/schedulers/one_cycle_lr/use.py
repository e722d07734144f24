"""OneCycleLR: the rate climbs to a peak and falls far below its start, momentum moves the other way.

Source: Smith and Topin, "Super-Convergence: Very Fast Training of Neural Networks Using Large Learning Rates", 2017.
"""

import torch
from torch import nn
from torch.optim.lr_scheduler import LRScheduler, OneCycleLR


def make_scheduler(
    optimizer: torch.optim.Optimizer,
    max_lr: float = 0.1,
    total_steps: int = 250,
    pct_start: float = 0.3,
    div_factor: float = 25.0,
    final_div_factor: float = 1e4,
) -> LRScheduler:
    """One cycle over exactly ``total_steps`` updates.

    Args:
        optimizer: its groups' ``lr`` are overwritten; its momentum (or first beta) is cycled.
        max_lr: the peak.
        total_steps: updates of the whole run; one ``step()`` more raises ValueError.
        pct_start: share of the updates in which the rate climbs; they must be two or more, for one divides by zero.
        div_factor: the first rate is ``max_lr / div_factor``.
        final_div_factor: the last rate is the first one divided by this.
    """
    return OneCycleLR(
        optimizer,
        max_lr,
        total_steps=total_steps,
        pct_start=pct_start,
        div_factor=div_factor,
        final_div_factor=final_div_factor,
    )


if __name__ == "__main__":
    torch.manual_seed(0)
    x, y = torch.randn(256, 10), torch.randn(256, 1)
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=32)
    model = nn.Linear(10, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    epochs = 5
    scheduler = make_scheduler(optimizer, total_steps=epochs * len(loader))

    rates, momenta = [], []
    for _ in range(epochs):
        for inputs, targets in loader:
            loss = nn.functional.mse_loss(model(inputs), targets)
            optimizer.zero_grad()
            loss.backward()
            rates.append(float(scheduler.get_last_lr()[0]))
            momenta.append(float(optimizer.param_groups[0]["momentum"]))
            optimizer.step()
            scheduler.step()  # after every update
    print(f"rate: first {rates[0]:.4f}, highest {max(rates):.4f}, last {rates[-1]:.0e}")
    print(f"momentum: first {momenta[0]:.2f}, lowest {min(momenta):.2f}, last {momenta[-1]:.2f}")
