"""L2 regularization with torch.optim.SGD's weight_decay, kept away from norms and biases.

Source: Krogh and Hertz, "A Simple Weight Decay Can Improve Generalization", 1991.
"""

import torch
from torch import Tensor, nn


def sgd_with_decay(model: nn.Module, lr: float = 0.1, weight_decay: float = 1e-4) -> torch.optim.SGD:
    """SGD with momentum; what has two dimensions or more decays, vectors, such as biases and gains of norms, do not.

    Args:
        model: whose trained parameters the optimizer gets.
        lr: learning rate.
        weight_decay: the optimizer adds ``weight_decay * weight`` to each weight's gradient.
    """
    trained = [p for p in model.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in trained if p.dim() >= 2], "weight_decay": weight_decay},
        {"params": [p for p in trained if p.dim() < 2], "weight_decay": 0.0},
    ]
    return torch.optim.SGD(groups, lr=lr, momentum=0.9)


def l2_penalty(optimizer: torch.optim.Optimizer) -> Tensor:
    """What the decay stands for in the loss, as a number for the log: the sum of weight_decay / 2 * weight ** 2."""
    with torch.no_grad():
        parts = [g["weight_decay"] / 2 * p.square().sum() for g in optimizer.param_groups for p in g["params"]]
        return torch.stack(parts).sum()


if __name__ == "__main__":
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 10))
    optimizer = sgd_with_decay(model, weight_decay=0.01)
    x, y = torch.randn(256, 64), torch.randint(10, (256,))
    for step in range(101):
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % 50 == 0:
            print(f"step {step:3d}  loss {loss.item():.2f}  penalty {l2_penalty(optimizer).item():.2f}")
