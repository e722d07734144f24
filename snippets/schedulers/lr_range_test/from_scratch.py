"""The ramp of the range test in closed form, and what the test reads on a parabola, compared with torch.

Source: Smith, "Cyclical Learning Rates for Training Neural Networks", 2015, section 3.3, with a geometric ramp.
"""

import torch
from torch import nn
from torch.optim.lr_scheduler import ExponentialLR


def learning_rate(
    step: int, base_lr: float = 0.1, start_lr: float = 1e-6, end_lr: float = 10.0, total_steps: int = 300
) -> float:
    """Rate of update number ``step``, counted from 0.

    Args:
        step: updates made before this one.
        base_lr: the group's rate before the test; it does not matter.
        start_lr: rate of the first update.
        end_lr: rate of update ``total_steps - 1``.
        total_steps: updates of the test, at least 2.

    Raises:
        ValueError: for a negative step or fewer than two steps.
    """
    if step < 0 or total_steps < 2:
        raise ValueError(f"need step >= 0 and total_steps >= 2, got {step} and {total_steps}")
    return start_lr * (end_lr / start_lr) ** (step / (total_steps - 1))


def parabola(curvature: float, total_steps: int = 300) -> list[float]:
    """Losses that the test reads with SGD on ``curvature * w**2 / 2`` from w = 1, before each update."""
    w, losses = 1.0, []
    for step in range(total_steps):
        losses.append(curvature * w**2 / 2)
        w -= learning_rate(step, total_steps=total_steps) * curvature * w
    return losses


if __name__ == "__main__":
    w = nn.Parameter(torch.ones(1, dtype=torch.float64))
    optimizer = torch.optim.SGD([w], lr=1e-6)
    scheduler = ExponentialLR(optimizer, gamma=1e7 ** (1 / 299))
    rate_difference = loss_difference = 0.0
    for step, expected in enumerate(parabola(curvature=5.0)):
        loss = 5.0 * w.square().sum() / 2
        loss_difference = max(loss_difference, abs(loss.item() - expected) / expected)
        rate_difference = max(rate_difference, abs(float(scheduler.get_last_lr()[0]) / learning_rate(step) - 1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
    print(f"largest relative difference: rates below 1e-12 {rate_difference < 1e-12}, losses {loss_difference:.0e}")
