"""A training step with torch.autocast: bfloat16 by default, float16 with a gradient scaler.

Source: Micikevicius et al., "Mixed Precision Training", 2017, section 3.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn


def make_scaler(device: str, dtype: torch.dtype = torch.bfloat16) -> torch.amp.GradScaler:
    """A gradient scaler that works for float16 and lets everything pass for other dtypes.

    Args:
        device: type of the device, such as "cuda" or "cpu".
        dtype: of autocast.
    """
    return torch.amp.GradScaler(device, enabled=dtype == torch.float16)


def mixed_step(
    model: nn.Module,
    loss_fn: Callable[[Tensor, Tensor], Tensor],
    optimizer: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler,
    inputs: Tensor,
    targets: Tensor,
    dtype: torch.dtype = torch.bfloat16,
) -> Tensor:
    """One step of training: forward pass and loss under autocast, the rest outside it. Weights stay in float32.

    Args:
        model: with weights in float32.
        loss_fn: takes outputs and targets.
        optimizer: of the model's parameters.
        scaler: of ``make_scaler`` with the same dtype; keep one for the whole run.
        inputs: what the model takes.
        targets: what the loss takes.
        dtype: of matrix products and convolutions, ``torch.bfloat16`` or ``torch.float16``.

    Returns:
        The loss, not scaled.
    """
    optimizer.zero_grad()
    with torch.autocast(inputs.device.type, dtype=dtype):
        loss = loss_fn(model(inputs), targets)
    scaler.scale(loss).backward()
    scaler.unscale_(optimizer)  # only needed for what looks at gradients, such as clipping, which goes below this line
    scaler.step(optimizer)
    scaler.update()
    return loss.detach()


if __name__ == "__main__":
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 4))
    x = torch.randn(128, 20)
    y = x[:, :4].argmax(dim=1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    scaler = make_scaler(x.device.type)
    losses = [mixed_step(model, nn.functional.cross_entropy, optimizer, scaler, x, y).item() for _ in range(60)]
    print(f"loss {losses[0]:.1f} at the start, below 0.1 at the end: {losses[-1] < 0.1}")
    gradients = {p.grad.dtype for p in model.parameters() if p.grad is not None}
    print(f"weights: {next(model.parameters()).dtype}, gradients: {gradients}")
