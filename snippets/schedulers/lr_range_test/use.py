"""LR range test: train a copy at a rate that grows with every update, and see where the loss falls and blows up.

Source: Smith, "Cyclical Learning Rates for Training Neural Networks", 2015, section 3.3; here the rate grows
geometrically and the loss is read, not the accuracy.
"""

import copy
import math
from collections.abc import Callable, Iterable, Iterator

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import ExponentialLR, LRScheduler


def make_scheduler(
    optimizer: torch.optim.Optimizer, start_lr: float = 1e-6, end_lr: float = 10.0, total_steps: int = 300
) -> LRScheduler:
    """Geometric ramp: the first of ``total_steps`` updates uses ``start_lr``, the last one ``end_lr``.

    Args:
        optimizer: the ``lr`` of its groups is overwritten; all of them are swept together.
        start_lr: so low that nothing happens.
        end_lr: so high that the loss blows up.
        total_steps: updates of the test, at least 2; 40 or more for each factor of 10.
    """
    for group in optimizer.param_groups:
        group["lr"] = start_lr
    return ExponentialLR(optimizer, gamma=(end_lr / start_lr) ** (1 / (total_steps - 1)))


def forever(loader: Iterable[tuple[Tensor, Tensor]]) -> Iterator[tuple[Tensor, Tensor]]:
    """The loader's batches, epoch after epoch."""
    while True:
        yield from loader


def lr_range_test(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    loss_function: Callable[[Tensor, Tensor], Tensor],
    loader: Iterable[tuple[Tensor, Tensor]],
    start_lr: float = 1e-6,
    end_lr: float = 10.0,
    total_steps: int = 300,
    smoothing: float = 0.9,
) -> tuple[list[float], list[float]]:
    """Sweep the rate on copies: weights, buffers and optimizer stay as they are, random numbers are drawn.

    Args:
        model: as it stands before training, in training mode.
        optimizer: that of the real run, over the model's parameters; its ``lr`` does not matter.
        loss_function: maps outputs and targets to a mean loss above 0.
        loader: the real run's batches, at least one; read again and again.
        start_lr: first rate.
        end_lr: last rate.
        total_steps: updates from the first to the last rate.
        smoothing: part of the running mean of the loss that each update keeps, at least 0 and below 1.

    Returns:
        rates and smoothed losses, one of each per update; the loss is the one that the rates before have led to.
        It ends early where that loss is twice the first one, or not finite.
    """
    model, optimizer = copy.deepcopy((model, optimizer))  # in one call: the new optimizer holds the new weights
    scheduler = make_scheduler(optimizer, start_lr, end_lr, total_steps)
    rates: list[float] = []
    losses: list[float] = []
    mean = 0.0
    for update, (x, y) in zip(range(1, total_steps + 1), forever(loader), strict=False):
        loss = loss_function(model(x), y)
        mean = smoothing * mean + (1 - smoothing) * loss.item()
        smoothed = mean / (1 - smoothing**update)  # without the division the curve would start near 0
        if not math.isfinite(smoothed) or (losses and smoothed > 2 * losses[0]):
            break
        rates.append(float(scheduler.get_last_lr()[0]))
        losses.append(smoothed)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
    return rates, losses


def blow_up(rates: list[float], losses: list[float]) -> float:
    """First rate after the minimum at which the loss has climbed back half of its fall; if none, the last rate.

    Train with a tenth of it, a third of that and three times that, and keep the best.
    """
    lowest = losses.index(min(losses))
    half = (losses[0] + losses[lowest]) / 2
    return next((rate for rate, loss in zip(rates[lowest:], losses[lowest:], strict=True) if loss > half), rates[-1])


if __name__ == "__main__":
    torch.manual_seed(0)
    x = torch.randn(512, 20)
    y = (x[:, 0] + x[:, 1] > 0).long()
    loader = [(x[at : at + 32], y[at : at + 32]) for at in range(0, 512, 32)]  # a DataLoader in real life
    model = nn.Sequential(nn.Linear(20, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Linear(64, 2))
    before = copy.deepcopy(model.state_dict())

    for name, optimizer in (
        ("SGD with momentum", torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)),
        ("AdamW", torch.optim.AdamW(model.parameters())),
    ):
        rates, losses = lr_range_test(model, optimizer, nn.functional.cross_entropy, loader)
        print(f"{name}: blows up near {blow_up(rates, losses):.0e}, so try a tenth")
    same = all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    print("weights and batch norm statistics untouched:", same)
