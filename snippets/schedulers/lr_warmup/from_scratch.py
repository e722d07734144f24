"""Linear warm-up in closed form, compared with torch's LinearLR.

Source: Goyal et al., "Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour", 2017, section 2.2
"""

import torch
from torch import nn
from torch.optim.lr_scheduler import LinearLR


def learning_rate(step: int, base_lr: float = 0.1, warmup_steps: int = 100, start_factor: float | None = None) -> float:
    """Rate of update number ``step``, counted from 0: never zero, full from update ``warmup_steps - 1`` on.

    Args:
        step: updates made before this one.
        base_lr: rate after the warm-up.
        warmup_steps: length of the ramp in updates, at least 1.
        start_factor: first rate as a share of the full one; None for ``1 / warmup_steps``.

    Raises:
        ValueError: for a negative step or ``warmup_steps`` below 1.
    """
    if step < 0 or warmup_steps < 1:
        raise ValueError(f"need step >= 0 and warmup_steps >= 1, got {step} and {warmup_steps}")
    if start_factor is None:
        return base_lr * min(1.0, (step + 1) / warmup_steps)
    passed = min(1.0, step / (warmup_steps - 1)) if warmup_steps > 1 else 1.0
    return base_lr * (start_factor + (1 - start_factor) * passed)


if __name__ == "__main__":
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=0.1)
    scheduler = LinearLR(optimizer, start_factor=1 / 100, total_iters=99)
    largest = 0.0
    for step in range(300):
        largest = max(largest, abs(float(scheduler.get_last_lr()[0]) - learning_rate(step)))
        optimizer.step()
        scheduler.step()
    print(f"largest difference over 300 steps: {largest:.12f}")
