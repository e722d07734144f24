"""Overfit one batch: train a copy of the model on a few fixed samples, and see whether the loss reaches its minimum.

Source: Karpathy, "A Recipe for Training Neural Networks", 2019, section 2, "overfit one batch".
"""

import copy
from collections.abc import Callable, Iterable, Iterator

import torch
from torch import Tensor, nn


def overfit_one_batch(
    model: nn.Module,
    loss_fn: Callable[[Tensor, Tensor], Tensor],
    inputs: Tensor,
    targets: Tensor,
    lr: float = 1e-3,
    steps: int = 200,
) -> list[float]:
    """Train a copy with Adam on this one batch; the model, its modes and torch's random numbers stay as they are.

    The copy is in train mode, but its dropout layers are off, as their noise keeps the loss from reaching 0.

    Args:
        model: the model as the run will train it.
        loss_fn: maps outputs and targets to a mean loss; it may use the model's weights, but they are not the copy's.
        inputs: 2 to 16 samples, (samples, ...).
        targets: their targets, (samples, ...).
        lr: learning rate of Adam; try 1e-2 and 1e-4, too, before you blame the model.
        steps: updates.

    Returns:
        the loss before each update and after the last one, steps + 1 numbers.
    """
    kept = [(p, p.grad) for p in model.parameters()]  # a loss with a penalty on the weights adds to their gradients
    results = [v for m in model.modules() for v in vars(m).values() if torch.is_tensor(v) and not v.is_leaf]
    # Results that the model keeps of its last pass, such as attention: deepcopy refuses them.
    model, loss_fn = copy.deepcopy((model, loss_fn), {id(v): v.detach().clone() for v in results})
    if not model.training:  # else a module that was frozen in eval mode stays so
        model.train()
    for module in model.modules():
        if isinstance(module, nn.modules.dropout._DropoutNd):
            module.eval()
    optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=lr)
    losses = []
    devices = {p.device for p in model.parameters() if p.device.type == "cuda"}
    try:
        with torch.random.fork_rng(devices=list(devices)), torch.enable_grad():
            for _ in range(steps):
                optimizer.zero_grad()
                for parameter, _ in kept:
                    parameter.grad = None
                loss = loss_fn(model(inputs), targets)
                losses.append(loss.item())
                loss.backward()
                optimizer.step()
            losses.append(loss_fn(model(inputs), targets).item())
    finally:
        for parameter, gradient in kept:
            parameter.grad = gradient
    return losses


def first_batch_only(
    loader: Iterable[tuple[Tensor, Tensor]], samples: int = 8, steps: int = 200
) -> Iterator[tuple[Tensor, Tensor]]:
    """The first samples of the loader's first batch, again and again: put it where your own loop has the loader.

    The batch is loaded once, so augmentation is drawn once and the targets stay with their inputs.
    """
    inputs, targets = next(iter(loader))
    for _ in range(steps):
        yield inputs[:samples], targets[:samples]


if __name__ == "__main__":
    torch.manual_seed(0)
    x, y = torch.randn(512, 20), torch.randint(5, (512,))
    loader = [(x[at : at + 32], y[at : at + 32]) for at in range(0, 512, 32)]  # a DataLoader in real life
    model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Dropout(0.5), nn.Linear(64, 5))
    losses = overfit_one_batch(model, nn.functional.cross_entropy, x[:8], y[:8], lr=1e-2)
    print(f"model, loss and batch: first loss {losses[0]:.1f}, below 0.001 after 200 steps: {losses[-1] < 1e-3}")

    model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 5))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for inputs, targets in first_batch_only(loader):  # your own loop, with one word changed
        loss = nn.functional.cross_entropy(model(inputs), targets)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print("the whole loop: below 0.001 after 200 steps:", loss.item() < 1e-3)
