"""Linear warm-up: the rate climbs from base/w to base in the first w updates, then stays there.

Source: Goyal et al., "Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour", 2017, section 2.2
"""

import torch
from torch import nn
from torch.optim.lr_scheduler import LinearLR, LRScheduler


def make_scheduler(
    optimizer: torch.optim.Optimizer, warmup_steps: int = 100, start_factor: float | None = None
) -> LRScheduler:
    """Update number t, counted from 0, uses ``base_lr * min(1, (t + 1) / warmup_steps)``.

    Args:
        optimizer: its groups' ``lr`` are the rates after the warm-up.
        warmup_steps: updates up to the first with the full rate, which is number ``warmup_steps - 1``; at least 1.
        start_factor: rate of the first update as a share of the full one; None for ``1 / warmup_steps``. A warm-up of
            one update has the full rate at once.
    """
    first = 1 / warmup_steps if start_factor is None or warmup_steps == 1 else start_factor
    # LinearLR is at its end after total_iters steps, so the ramp of w values takes w - 1 of them.
    return LinearLR(optimizer, start_factor=first, total_iters=warmup_steps - 1)


if __name__ == "__main__":
    torch.manual_seed(0)
    x, y = torch.randn(256, 10), torch.randn(256, 1)
    model = nn.Linear(10, 1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    scheduler = make_scheduler(optimizer, warmup_steps=10)
    rates = []
    for step in range(15):
        batch = slice(16 * step, 16 * step + 16)
        loss = nn.functional.mse_loss(model(x[batch]), y[batch])
        optimizer.zero_grad()
        loss.backward()
        rates.append(float(scheduler.get_last_lr()[0]))
        optimizer.step()
        scheduler.step()  # after every update, never per epoch
    print("first five rates:", " ".join(f"{rate:.4f}" for rate in rates[:5]))
    print("updates 8 to 11: ", " ".join(f"{rate:.4f}" for rate in rates[8:12]))
