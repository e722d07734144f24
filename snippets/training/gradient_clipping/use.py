"""Backward pass, clipping and step in the right order, with torch.nn.utils.clip_grad_norm_.

Source: Pascanu et al., "On the difficulty of training Recurrent Neural Networks", 2012, section 3.2, algorithm 1.
"""

import torch
from torch import Tensor, nn


def backward_clip_step(
    loss: Tensor,
    optimizer: torch.optim.Optimizer,
    max_norm: float = 1.0,
    scaler: torch.amp.GradScaler | None = None,
) -> float:
    """Replaces ``zero_grad``, ``backward`` and ``step`` of a training loop; clips all gradients as one vector.

    Args:
        loss: a number to minimize.
        optimizer: the parameters of all its groups are clipped together.
        max_norm: the largest norm of the gradient that reaches the optimizer; ``inf`` only measures, if it is finite.
        scaler: of float16 training; gradients are unscaled before they are measured.

    Returns:
        The norm of the gradient before clipping: log it in every step.
    """
    optimizer.zero_grad()
    if scaler is None:
        loss.backward()
    else:
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    norm = nn.utils.clip_grad_norm_(parameters, max_norm)
    if scaler is None:
        optimizer.step()
    else:
        scaler.step(optimizer)
        scaler.update()
    return norm.item()


if __name__ == "__main__":
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(20, 32), nn.ReLU(), nn.Linear(32, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    x = torch.randn(64, 20)
    y = 5 * x[:, :1]
    for step in range(100):
        loss = nn.functional.mse_loss(model(x), y)
        norm = backward_clip_step(loss, optimizer, max_norm=1.0)
        if step % 33 == 0:
            print(f"step {step:2d}  loss {loss.item():.2f}  norm before clipping {norm:.2f}")
