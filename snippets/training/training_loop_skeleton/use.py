"""One epoch of training and one pass of evaluation, with every call in its place.

Source: the documentation of torch.optim, "Taking an optimization step"; each placing is tested on this page.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LRScheduler

Batches = Iterable[tuple[Tensor, Tensor]]


def train_epoch(
    model: nn.Module,
    loss_fn: nn.Module,
    batches: Batches,
    optimizer: torch.optim.Optimizer,
    scheduler: LRScheduler | None = None,
    max_norm: float | None = None,
) -> float:
    """Update the model once for each batch; it is in training mode afterwards.

    Args:
        model: moves nowhere; batches are brought to the device of its first parameter.
        loss_fn: takes outputs and targets, returns the mean loss of the batch.
        batches: pairs of inputs and targets, such as a ``DataLoader``.
        optimizer: holds the model's parameters.
        scheduler: a schedule that counts updates, or none; one that counts epochs is stepped outside.
        max_norm: the gradients' norm is cut to this value; without it nothing is cut.

    Returns:
        Mean loss over the samples, each as it was when its batch was used.

    Raises:
        ValueError: when there is no batch, as from a generator that is used a second time.
    """
    device = next(model.parameters()).device
    model.train()  # in each epoch, because an evaluation may have called eval()
    total, count = torch.zeros((), device=device), 0
    for x, y in batches:
        x, y = x.to(device, non_blocking=True), y.to(device, non_blocking=True)
        loss = loss_fn(model(x), y)
        optimizer.zero_grad()  # anywhere before backward()
        loss.backward()
        if max_norm is not None:
            nn.utils.clip_grad_norm_(model.parameters(), max_norm)  # between backward() and step()
        optimizer.step()
        if scheduler is not None:
            scheduler.step()  # after optimizer.step()
        total += loss.detach() * len(y)  # a number without its graph; read once, at the end
        count += len(y)
    if not count:
        raise ValueError("there is no batch; a generator can be gone through only once")
    return total.item() / count


@torch.no_grad()
def evaluate(model: nn.Module, loss_fn: nn.Module, batches: Batches) -> tuple[float, float]:
    """Mean loss and accuracy over all samples, in eval mode; modes and torch's random state are put back afterwards.

    Args:
        model: a classifier with outputs of shape (batch, classes).
        loss_fn: takes outputs and targets, returns the mean loss of the batch.
        batches: pairs of inputs and targets of shape (batch,), neither shuffled nor cut to whole batches.

    Raises:
        ValueError: when there is no batch, or outputs and targets have other shapes: their accuracy would be another.
    """
    device = next(model.parameters()).device
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    total, right, count = torch.zeros((), device=device), torch.zeros((), device=device), 0
    try:
        with torch.random.fork_rng([device] if device.type == "cuda" else []):  # a DataLoader draws a seed
            for x, y in batches:
                x, y = x.to(device, non_blocking=True), y.to(device, non_blocking=True)
                outputs = model(x)
                if outputs.dim() != 2 or y.shape != outputs.shape[:1]:
                    raise ValueError(f"outputs {list(outputs.shape)}, targets {list(y.shape)}: not one class a sample")
                total += loss_fn(outputs, y) * len(y)  # the last batch may be smaller
                right += (outputs.argmax(dim=1) == y).sum()
                count += len(y)
    finally:
        for module, mode in modes:
            module.training = mode
    if not count:
        raise ValueError("there is no batch; a generator can be gone through only once")
    return total.item() / count, right.item() / count


if __name__ == "__main__":
    torch.manual_seed(0)
    centers = 3 * torch.randn(10, 20)
    y_train, y_test = torch.randint(10, (500,)), torch.randint(10, (200,))
    x_train, x_test = (centers[y] + torch.randn(len(y), 20) for y in (y_train, y_test))
    model = nn.Sequential(nn.Linear(20, 64), nn.BatchNorm1d(64), nn.ReLU(), nn.Dropout(0.2), nn.Linear(64, 10))
    loss_fn, epochs = nn.CrossEntropyLoss(), 5
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1e-2, total_steps=epochs * 8)
    for _ in range(epochs):
        order = torch.randperm(500).split(64)
        train_epoch(model, loss_fn, [(x_train[i], y_train[i]) for i in order], optimizer, scheduler, max_norm=1.0)
    loss, accuracy = evaluate(model, loss_fn, [(x_test, y_test)])
    print(f"accuracy above 0.95 on 200 samples: {accuracy > 0.95}")
    print(f"updates counted by the schedule: {scheduler.last_epoch}")
