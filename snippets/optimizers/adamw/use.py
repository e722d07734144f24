"""AdamW with torch.optim.AdamW, and the parameter groups that keep decay away from norms and biases.

Source: Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2017, algorithm 2.
"""

import torch
from torch import nn
from torch.optim.optimizer import ParamsT


def make_optimizer(
    parameters: ParamsT,
    lr: float = 1e-3,
    betas: tuple[float, float] = (0.9, 0.999),
    eps: float = 1e-8,
    weight_decay: float = 0.01,
) -> torch.optim.Optimizer:
    """AdamW with torch's settings.

    Args:
        parameters: tensors, or groups of them, such as those of ``decay_groups``.
        lr: learning rate.
        betas: decay rates of the two running means; language models often have (0.9, 0.95).
        eps: is added to the root of the mean square.
        weight_decay: each step multiplies weights by 1 - lr * weight_decay; a group that names its own has that.

    Raises:
        ValueError: when lr, eps or weight_decay is negative, or a beta is not in [0, 1).
    """
    return torch.optim.AdamW(parameters, lr=lr, betas=betas, eps=eps, weight_decay=weight_decay)


def decay_groups(model: nn.Module, weight_decay: float = 0.01) -> list[dict]:
    """Two groups: what has two dimensions or more decays; vectors, such as biases and gains of norms, do not."""
    trained = [p for p in model.parameters() if p.requires_grad]
    return [
        {"params": [p for p in trained if p.dim() >= 2], "weight_decay": weight_decay},
        {"params": [p for p in trained if p.dim() < 2], "weight_decay": 0.0},
    ]


if __name__ == "__main__":
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(64, 128), nn.LayerNorm(128), nn.GELU(), nn.Linear(128, 10))
    optimizer = make_optimizer(decay_groups(model, weight_decay=0.1))
    for group in optimizer.param_groups:
        shapes = [tuple(p.shape) for p in group["params"]]
        print(f"weight decay {group['weight_decay']}: {shapes}")
    x, y = torch.randn(32, 64), torch.randint(10, (32,))
    for _ in range(60):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
    print(f"loss below 0.1 after 60 steps: {loss.item() < 0.1}")
