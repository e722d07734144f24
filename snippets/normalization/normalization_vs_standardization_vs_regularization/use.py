"""One network with all four in their places: standardized inputs, a normalizing layer, dropout, weight decay.

Source: documentation of torch.nn and torch.optim
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Standardize(nn.Module):
    """Inputs: ``(x - mean) / std`` with constants of the training set; the same in training and evaluation."""

    mean: Tensor
    std: Tensor

    def __init__(self, x_train: Tensor) -> None:
        super().__init__()
        std, mean = torch.std_mean(x_train, dim=0)
        self.register_buffer("mean", mean)
        self.register_buffer("std", torch.where(std > 0, std, 1.0))

    def forward(self, x: Tensor) -> Tensor:
        """Standardized x, (samples, features)."""
        return (x - self.mean) / self.std


def build(x_train: Tensor, classes: int, hidden: int = 64, dropout: float = 0.2) -> nn.Sequential:
    """A network for a table.

    Args:
        x_train: training inputs, (samples, features): their statistics are kept in the model.
        classes: outputs.
        hidden: units of the hidden layer.
        dropout: share of hidden units set to 0 in training; 0 where the network does not overfit.
    """
    return nn.Sequential(
        Standardize(x_train),  # standardization: of the inputs, once, by constants
        nn.Linear(x_train.shape[1], hidden, bias=False),
        nn.BatchNorm1d(hidden),  # normalization: of activations, at every step, by the batch
        nn.ReLU(),
        nn.Dropout(dropout),  # regularization: noise in training only
        nn.Linear(hidden, classes),
    )


def make_optimizer(model: nn.Module, lr: float = 1e-3, weight_decay: float = 0.01) -> torch.optim.Optimizer:
    """AdamW that decays matrices, and no biases and gains."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    return torch.optim.AdamW(
        [
            {"params": [p for p in parameters if p.dim() >= 2], "weight_decay": weight_decay},  # regularization
            {"params": [p for p in parameters if p.dim() < 2], "weight_decay": 0.0},
        ],
        lr=lr,
    )


if __name__ == "__main__":
    torch.manual_seed(0)
    x = torch.randn(256, 20) * torch.logspace(-2, 2, 20)
    y = (x[:, 0] > 0).long()
    model = build(x, classes=2)
    optimizer = make_optimizer(model, lr=0.01)
    for _ in range(30):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
    model.eval()  # batch norm takes its running statistics, dropout does nothing
    print(f"loss below 0.1: {nn.functional.cross_entropy(model(x), y).item() < 0.1}")
    print(f"buffers, saved with the model: {[name for name, _ in model.named_buffers()]}")
