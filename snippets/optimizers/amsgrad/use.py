"""AMSGrad: Adam with the largest second moment so far, as a flag of torch's Adam and AdamW.

Source: Reddi et al., "On the Convergence of Adam and Beyond", 2018, algorithm 2.
"""

import torch
from torch import nn
from torch.optim.optimizer import ParamsT


def make_optimizer(parameters: ParamsT, lr: float = 1e-3) -> torch.optim.Optimizer:
    """AMSGrad with decoupled weight decay.

    Args:
        parameters: tensors, named tensors or parameter groups.
        lr: learning rate, as for Adam.

    Raises:
        ValueError: if ``lr`` is negative.
    """
    return torch.optim.AdamW(parameters, lr=lr, weight_decay=0.01, amsgrad=True)


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
