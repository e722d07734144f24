"""ReduceLROnPlateau replayed from its metrics, compared with torch's scheduler.

Source: torch.optim.lr_scheduler.ReduceLROnPlateau, PyTorch 2.x
"""

from collections.abc import Sequence

import torch
from torch import nn
from torch.optim.lr_scheduler import ReduceLROnPlateau


def learning_rate(
    step: int,
    base_lr: float = 0.1,
    mode: str = "min",
    factor: float = 0.3,
    patience: int = 10,
    threshold: float = 1e-3,
    cooldown: int = 5,
    min_lr: float = 1e-6,
    metrics: Sequence[float] = (),
) -> float:
    """Rate of epoch number ``step``, counted from 0, from the metrics of the epochs before it.

    Args:
        step: ``scheduler.step(metric)`` calls made before this epoch.
        base_lr: the group's rate before the schedule.
        mode: "min" or "max".
        factor: what the rate is multiplied by.
        patience: epochs without improvement that are tolerated.
        threshold: what counts as better, as a fraction of the best value so far.
        cooldown: epochs after a reduction in which nothing is counted.
        min_lr: the rate never falls below it.
        metrics: at least ``step`` values, in order.

    Raises:
        ValueError: for a negative step, or fewer metrics than steps.
    """
    if step < 0 or len(metrics) < step:
        raise ValueError(f"step {step} needs a metric for each epoch before it, got {len(metrics)}")
    best, bad, cool, lr = float("inf") if mode == "min" else -float("inf"), 0, 0, base_lr
    for value in metrics[:step]:
        better = value < best * (1 - threshold) if mode == "min" else value > best * (1 + threshold)
        best, bad = (value, 0) if better else (best, bad + 1)
        if cool > 0:
            cool, bad = cool - 1, 0
        if bad > patience:
            lower = max(lr * factor, min_lr)
            lr = lower if lr - lower > 1e-8 else lr  # torch's eps: smaller reductions are not made
            cool, bad = cooldown, 0
    return lr


if __name__ == "__main__":
    torch.manual_seed(0)
    metrics = (1 / (1 + torch.arange(300) / 30) + torch.rand(300) / 20).tolist()  # falls, ever slower, with noise
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    scheduler = ReduceLROnPlateau(optimizer, factor=0.3, threshold=1e-3, cooldown=5, min_lr=1e-6)
    largest = 0.0
    for step, metric in enumerate(metrics):
        largest = max(largest, abs(float(scheduler.get_last_lr()[0]) - learning_rate(step, metrics=metrics)))
        optimizer.step()
        scheduler.step(metric)
    print(f"largest difference over 300 epochs: {largest:.12f}, last rate {scheduler.get_last_lr()[0]:.1e}")
