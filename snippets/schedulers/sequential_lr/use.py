"""SequentialLR: one scheduler after another, switched at given steps.

Source: torch.optim.lr_scheduler.SequentialLR, PyTorch 2.x
"""

import torch
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, LRScheduler, SequentialLR


def make_scheduler(
    optimizer: torch.optim.Optimizer, warmup_steps: int = 50, total_steps: int = 400, start_factor: float = 0.02
) -> LRScheduler:
    """A ramp to the base rate, then half a cosine to zero.

    Args:
        optimizer: its groups' ``lr`` are the peaks.
        warmup_steps: updates of the ramp; the milestone at which the cosine takes over.
        total_steps: updates of the whole run.
        start_factor: first rate as a fraction of the peak; above 0.
    """
    ramp = LinearLR(optimizer, start_factor=start_factor, total_iters=warmup_steps)
    cosine = CosineAnnealingLR(optimizer, T_max=total_steps - warmup_steps)
    return SequentialLR(optimizer, [ramp, cosine], milestones=[warmup_steps])


if __name__ == "__main__":
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    scheduler = make_scheduler(optimizer, warmup_steps=50, total_steps=400)
    rates = []
    for _ in range(400):
        rates.append(float(scheduler.get_last_lr()[0]))
        optimizer.step()
        scheduler.step()
    print(f"first {rates[0]:.4f}, last of the ramp {rates[49]:.4f}, first of the cosine {rates[50]:.4f}")
    print(f"last update {rates[-1]:.7f}")
