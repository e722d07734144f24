"""Muon for the hidden matrices, AdamW for everything else.

Source: Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024.
"""

import torch
from torch import nn
from torch.optim.optimizer import ParamsT


def make_optimizer(parameters: ParamsT, lr: float = 1e-3) -> torch.optim.Optimizer:
    """Muon whose step has the size of AdamW's, so that AdamW's learning rate can be kept.

    Args:
        parameters: matrices only, as tensors, named tensors or parameter groups.
        lr: learning rate, on AdamW's scale because of ``match_rms_adamw``.

    Raises:
        ValueError: if ``lr`` is negative or a parameter is not two-dimensional.
    """
    return torch.optim.Muon(parameters, lr=lr, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")


if __name__ == "__main__":
    torch.manual_seed(0)
    x = torch.randn(256, 8)  # (batch, features)
    y = x.sum(dim=1, keepdim=True).sin()  # (batch, 1)
    middle = nn.Linear(64, 64)
    model = nn.Sequential(nn.Linear(8, 64), nn.Tanh(), middle, nn.Tanh(), nn.Linear(64, 1))
    hidden = [middle.weight]  # hidden matrices; not the first and last layer, embeddings, biases or norms
    others = [p for p in model.parameters() if all(p is not h for h in hidden)]
    optimizers = [make_optimizer(hidden, lr=1e-2), torch.optim.AdamW(others, lr=1e-2)]
    for step in range(201):
        loss = nn.functional.mse_loss(model(x), y)
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
        if step % 100 == 0:
            print(f"step {step:3d}  loss {loss.item():.1f}")
