"""One epoch with one update for every k micro-batches, equal to batches k times as large.

Source: the gradient of a sum is the sum of gradients; ``Tensor.backward`` adds to ``.grad``.
"""

from collections.abc import Callable, Iterable
from itertools import islice

import torch
from torch import Tensor, nn


def train_epoch(
    model: nn.Module,
    sum_loss: Callable[[Tensor, Tensor], Tensor],
    optimizer: torch.optim.Optimizer,
    loader: Iterable[tuple[Tensor, Tensor]],
    micro_batches: int,
    ignore_index: int = -100,
) -> list[float]:
    """Train for one epoch; the last update takes what is left, divided by its own count.

    Args:
        model: in train mode, without layers that use statistics of the batch.
        sum_loss: loss added up over all targets that count, not averaged; without class weights, and with one term
            for each number in the targets (class probabilities have only one for each row).
        optimizer: of the model's parameters.
        loader: gives micro-batches of any sizes.
        micro_batches: how many of them make one update.
        ignore_index: value of targets that do not count, as in ``CrossEntropyLoss``.

    Returns:
        The mean loss of each update.
    """
    losses, window = [], []
    left = iter(loader)
    while window := list(islice(left, micro_batches)):
        count = sum(int((targets != ignore_index).sum()) for _, targets in window)
        optimizer.zero_grad()
        total = 0.0
        for inputs, targets in window:
            loss = sum_loss(model(inputs), targets) / max(count, 1)
            loss.backward()
            total += loss.item()
        optimizer.step()  # clipping goes before, a scheduler's step after this line
        losses.append(total)
    return losses


if __name__ == "__main__":
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 4))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    x = torch.randn(320, 20)
    y = x[:, :4].argmax(dim=1)
    loader = list(zip(x.split(16), y.split(16), strict=True))  # 20 micro-batches
    sum_loss = nn.CrossEntropyLoss(reduction="sum")
    for epoch in range(30):
        losses = train_epoch(model, sum_loss, optimizer, loader, micro_batches=8)
        if epoch % 29 == 0:
            print(f"epoch {epoch:2d}  {len(losses)} updates  loss of the last {losses[-1]:.1f}")
