"""L1 regularization as a step of its own after the optimizer's, so that weights become exactly zero.

Source: Tibshirani, "Regression Shrinkage and Selection via the Lasso", 1996.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn


@torch.no_grad()
def shrink_(parameters: Iterable[Tensor], amount: float) -> None:
    """Move every weight towards zero by ``amount``, and set those that are nearer to zero.

    Call it after ``optimizer.step()``.

    Args:
        parameters: the weights to make sparse; usually matrices and kernels, without biases.
        amount: learning rate times the factor of the L1 penalty, divided by 1 - momentum; not negative.
    """
    for p in parameters:
        p.copy_(nn.functional.softshrink(p, amount))


def share_of_zeros(parameters: Iterable[Tensor]) -> float:
    """Which fraction of the weights is exactly zero."""
    weights = torch.cat([p.detach().flatten() for p in parameters])
    return (weights == 0).float().mean().item()


if __name__ == "__main__":
    torch.manual_seed(0)
    model = nn.Linear(50, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    x = torch.randn(100, 50)
    y = x[:, :3].sum(dim=1, keepdim=True)  # three of fifty inputs matter
    for step in range(301):
        loss = nn.functional.mse_loss(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        shrink_([model.weight], amount=optimizer.param_groups[0]["lr"] * 0.1)
        if step % 100 == 0:
            print(f"step {step:3d}  loss {loss.item():.2f}  zeros {share_of_zeros([model.weight]):.2f}")
