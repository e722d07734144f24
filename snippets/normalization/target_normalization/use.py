"""A regression network that is trained on standardized targets and predicts in the targets' own units.

Source: van Hasselt et al., "Learning values across many orders of magnitude", 2016, section 2
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class StandardizedRegressor(nn.Module):
    """Wraps a network; ``loss`` compares standardized numbers, and calling it gives predictions in units.

    Args:
        network: maps inputs to outputs of the shape of the targets.
        targets: of the training set, (samples, *target); each target has a mean and a deviation of its own.

    Raises:
        ValueError: when a target is the same for all samples.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, network: nn.Module, targets: Tensor) -> None:
        super().__init__()
        std, mean = torch.std_mean(targets, dim=0)
        if not (std > 0).all():
            raise ValueError("a target is the same for all samples: nothing to learn")
        self.network = network
        self.register_buffer("mean", mean)
        self.register_buffer("std", std)

    def forward(self, x: Tensor) -> Tensor:
        """Predictions in units, (batch, *target)."""
        return self.network(x) * self.std + self.mean

    def loss(self, x: Tensor, targets: Tensor) -> Tensor:
        """Mean squared error of standardized numbers; 1 is what predicting the mean gets.

        Raises:
            ValueError: when outputs and targets differ in shape, which would broadcast.
        """
        outputs = self.network(x)
        if outputs.shape != targets.shape:
            raise ValueError(f"outputs {tuple(outputs.shape)} and targets {tuple(targets.shape)} differ in shape")
        return F.mse_loss(outputs, (targets - self.mean) / self.std)


if __name__ == "__main__":
    torch.manual_seed(0)
    x = torch.randn(512, 4)
    prices = 200_000 + 50_000 * (x[:, :1] + 0.5 * x[:, 1:2].square())  # (512, 1)
    model = StandardizedRegressor(nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 1)), prices)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    print(f"loss at the start {model.loss(x, prices).item():.1f}")
    for _ in range(200):
        optimizer.zero_grad()
        model.loss(x, prices).backward()
        optimizer.step()
    print(f"after 200 steps   {model.loss(x, prices).item():.2f}")
    print(f"typical error below 10,000: {(model(x) - prices).abs().mean().item() < 10_000}")
