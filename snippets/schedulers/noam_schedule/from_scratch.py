"""The inverse square root schedule in the words of its paper, compared with LambdaLR.

Source: Vaswani et al., "Attention Is All You Need", 2017, equation 3
"""

import math

import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR


def learning_rate(step: int, base_lr: float = 1e-3, warmup_steps: int = 100, d_model: int | None = None) -> float:
    """Rate of update number ``step``, counted from 0.

    Args:
        step: updates made before this one; the paper's ``step_num`` is one more.
        base_lr: the peak; with ``d_model`` a factor of the paper's rate, 1.0 for the paper itself.
        warmup_steps: updates up to the peak.
        d_model: the model's width, or None to scale by sqrt(warmup_steps) instead, so that the peak is ``base_lr``.

    Raises:
        ValueError: for a negative step or a warm-up below 1.
    """
    if step < 0 or warmup_steps < 1:
        raise ValueError(f"step {step}, warmup_steps {warmup_steps}")
    step_num = step + 1
    scale = math.sqrt(warmup_steps) if d_model is None else d_model**-0.5
    return base_lr * scale * min(step_num**-0.5, step_num * warmup_steps**-1.5)


if __name__ == "__main__":
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1e-3)
    scheduler = LambdaLR(optimizer, lambda step: min((step + 1) / 100, math.sqrt(100 / (step + 1))))
    largest = 0.0
    for step in range(1000):
        largest = max(largest, abs(float(scheduler.get_last_lr()[0]) - learning_rate(step)))
        optimizer.step()
        scheduler.step()
    print(f"largest difference over 1000 steps: {largest:.12f}")
    print(f"peak of the base model of the paper: {learning_rate(3999, 1.0, 4000, 512):.6f}")
