"""ChainedScheduler: several schedulers act on the rate at every step; if each works by a factor, these multiply.

Source: torch.optim.lr_scheduler.ChainedScheduler, PyTorch 2.x
"""

import torch
from torch import nn
from torch.optim.lr_scheduler import ChainedScheduler, ConstantLR, ExponentialLR, LRScheduler


def make_scheduler(
    optimizer: torch.optim.Optimizer, factor: float = 0.1, total_iters: int = 20, gamma: float = 0.99
) -> LRScheduler:
    """A low rate for the first steps, times an exponential decay that runs from the beginning.

    Args:
        optimizer: its groups' ``lr`` are the base rates.
        factor: the low rate of the start, as a fraction.
        total_iters: how many steps the low rate lasts.
        gamma: factor of the decay for each step.
    """
    low = ConstantLR(optimizer, factor=factor, total_iters=total_iters)
    decay = ExponentialLR(optimizer, gamma=gamma)
    return ChainedScheduler([low, decay], optimizer=optimizer)


if __name__ == "__main__":
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    scheduler = make_scheduler(optimizer)
    rates = []
    for _ in range(100):
        rates.append(float(scheduler.get_last_lr()[0]))
        optimizer.step()
        scheduler.step()
    print(f"updates 0, 19, 20, 99: {rates[0]:.4f} {rates[19]:.4f} {rates[20]:.4f} {rates[99]:.4f}")
    print(f"0.1 * 0.99**20 = {0.1 * 0.99**20:.4f}: the decay did not wait for the low start to end")
