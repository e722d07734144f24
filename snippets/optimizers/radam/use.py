"""RAdam: Adam that takes momentum steps until its second moment can be trusted.

Source: Liu et al., "On the Variance of the Adaptive Learning Rate and Beyond", 2019, algorithm 2.
"""

import torch
from torch import nn
from torch.optim.optimizer import ParamsT


def make_optimizer(
    parameters: ParamsT,
    lr: float = 1e-3,
    betas: tuple[float, float] = (0.9, 0.999),
    weight_decay: float = 0.01,
    decoupled_weight_decay: bool = True,
) -> torch.optim.Optimizer:
    """RAdam with decoupled weight decay, as in AdamW.

    Args:
        parameters: tensors, named tensors or parameter groups.
        lr: learning rate; Adam's values are a good start.
        betas: decay rates of the two running means.
        weight_decay: each step multiplies weights by 1 - lr * weight_decay.
        decoupled_weight_decay: False for an L2 penalty in the gradient.

    Raises:
        ValueError: when a setting is out of its range.
    """
    return torch.optim.RAdam(
        parameters, lr=lr, betas=betas, weight_decay=weight_decay, decoupled_weight_decay=decoupled_weight_decay
    )


if __name__ == "__main__":
    torch.manual_seed(0)
    x = torch.randn(256, 8)  # (batch, features)
    y = x.sum(dim=1, keepdim=True).sin()  # (batch, 1)
    model = nn.Sequential(nn.Linear(8, 32), nn.Tanh(), nn.Linear(32, 1))
    optimizer = make_optimizer(model.parameters(), lr=1e-2)
    for step in range(301):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        if step % 100 == 0:
            print(f"step {step:3d}  loss {loss.item():.1f}")
