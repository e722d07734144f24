"""Settings for a batch k times larger: linear for SGD, square root for Adam, with the warm-up that goes with it.

Source: Goyal et al., "Accurate, Large Minibatch SGD: Training ImageNet in 1 Hour", 2017, sections 2.1 and 2.2;
Malladi et al., "On the SDEs and Scaling Rules for Adaptive Gradient Algorithms", 2022 (Adam).
"""

from typing import Any

import torch
from torch import nn
from torch.optim.lr_scheduler import LinearLR, LRScheduler


def scale_sgd(k: float, lr: float) -> float:
    """Linear scaling rule for SGD, with momentum or without; momentum, weight decay and epochs stay as they are.

    Args:
        k: new batch size divided by the old one. A batch is what one ``optimizer.step()`` averages over:
            samples per device * devices * accumulated micro-batches.
        lr: rate that works with the old batch.
    """
    return k * lr


def scale_adam(
    k: float, lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8
) -> dict[str, Any]:
    """Square root scaling rule: all settings of Adam for a batch ``k`` times larger.

    Args:
        k: new batch size divided by the old one.
        lr: rate that works with the old batch.
        betas: decay of the averages; they should look back over as many samples as before.
        eps: gradients' noise shrinks by the square root of ``k``, and so must this.

    Raises:
        ValueError: where a beta would fall below 0.
    """
    scaled = tuple(1 - k * (1 - beta) for beta in betas)
    if min(scaled) < 0:
        raise ValueError(f"k = {k} is too large for betas {betas}: they would be {scaled}")
    return {"lr": k**0.5 * lr, "betas": scaled, "eps": eps / k**0.5}


def warm_up(optimizer: torch.optim.Optimizer, ratio: float, steps: int) -> LRScheduler:
    """From the small batch's rate to the optimizer's in ``steps`` updates.

    Args:
        optimizer: made with the new batch's rate.
        ratio: new rate divided by the old one, 1 or more: ``k`` after ``scale_sgd``, its root after ``scale_adam``.
        steps: updates with less than the new rate.

    Raises:
        ValueError: where the ratio is below 1; a batch that shrinks needs no warm-up of this kind.
    """
    return LinearLR(optimizer, start_factor=1 / ratio, total_iters=steps)


def gap(lr: float, k: int) -> float:
    """Largest difference between ``k`` small updates and one update with all their samples at ``k * lr``."""
    torch.manual_seed(0)
    x, y = torch.randn(8 * k, 5, dtype=torch.float64), torch.randn(8 * k, 1, dtype=torch.float64)
    start = nn.Linear(5, 1).double().state_dict()
    ends = []
    for batch, rate in ((8, lr), (8 * k, scale_sgd(k, lr))):
        model = nn.Linear(5, 1).double()
        model.load_state_dict(start)
        optimizer = torch.optim.SGD(model.parameters(), lr=rate)
        for inputs, targets in zip(x.split(batch), y.split(batch), strict=True):
            optimizer.zero_grad()
            nn.functional.mse_loss(model(inputs), targets).backward()  # a mean, not a sum
            optimizer.step()
        ends.append(model.weight.detach())
    return (ends[0] - ends[1]).abs().max().item()


if __name__ == "__main__":
    print("SGD, batch 256 -> 1024:", scale_sgd(4, lr=0.1))
    adam = scale_adam(4, lr=1e-3)
    print(f"Adam, batch 256 -> 1024: lr {adam['lr']:.3f}, betas {adam['betas'][0]:.3f} {adam['betas'][1]:.3f}")
    print(f"half the rate, a quarter of the gap: {gap(0.002, 4) / gap(0.001, 4):.2f}")
