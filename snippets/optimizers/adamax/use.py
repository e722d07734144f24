"""AdaMax: Adam whose denominator is a decaying maximum of the gradient's size.

Source: Kingma and Ba, "Adam: A Method for Stochastic Optimization", 2014, section 7.1, algorithm 2.
"""

import torch
from torch import nn
from torch.optim.optimizer import ParamsT


def make_optimizer(
    parameters: ParamsT,
    lr: float = 2e-3,
    eps: float = 1e-8,
    weight_decay: float = 0.0,
) -> torch.optim.Optimizer:
    """AdaMax; torch offers no decoupled weight decay for it.

    Args:
        parameters: tensors, named tensors or parameter groups.
        lr: learning rate; also, nearly, the longest step that a weight can make.
        eps: is added to the gradient's size before the largest is taken.
        weight_decay: an L2 penalty in the gradient.

    Raises:
        ValueError: when a setting is out of its range.
    """
    return torch.optim.Adamax(parameters, lr=lr, eps=eps, weight_decay=weight_decay)


if __name__ == "__main__":
    torch.manual_seed(0)
    x = torch.randn(256, 8)  # (batch, features)
    y = x.sum(dim=1, keepdim=True).sin()  # (batch, 1)
    model = nn.Sequential(nn.Linear(8, 32), nn.Tanh(), nn.Linear(32, 1))
    optimizer = make_optimizer(model.parameters(), lr=1e-2)
    for step in range(201):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(x), y)
        loss.backward()
        optimizer.step()
        if step % 100 == 0:
            print(f"step {step:3d}  loss {loss.item():.1f}")
