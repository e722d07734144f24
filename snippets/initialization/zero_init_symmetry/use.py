"""Zero initialization and symmetry: count hidden units that compute the same, before and after training.

Source: the argument that equal units receive equal gradients; demonstration of this guide.
"""

import torch
from torch import Tensor, nn


def distinct_units(weight: Tensor, tolerance: float = 1e-4) -> int:
    """Number of different units of a layer.

    Args:
        weight: (units, inputs...), one row per unit.
        tolerance: rows whose largest difference, relative to the largest weight, is below this count as one unit;
            1e-4 is above the rounding that training in float32 adds.

    Returns:
        Between 1 (all units equal) and ``units``.
    """
    rows = weight.detach().flatten(1)
    scale = rows.abs().max().clamp(min=1e-30)
    kept: list[Tensor] = []
    for row in rows:
        if all((row - other).abs().max() > tolerance * scale for other in kept):
            kept.append(row)
    return len(kept)


def train(model: nn.Module, x: Tensor, y: Tensor, steps: int = 200) -> float:
    """Adam on the mean squared error; returns the last loss."""
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    loss = torch.tensor(0.0)
    for _ in range(steps):
        loss = nn.functional.mse_loss(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return loss.item()


if __name__ == "__main__":
    torch.manual_seed(0)
    x = torch.linspace(-3, 3, 200).unsqueeze(1)  # (points, 1)
    y = torch.sin(2 * x)
    for name in ("zeros", "constant 0.5", "random"):
        hidden = nn.Linear(1, 32)
        model = nn.Sequential(hidden, nn.Tanh(), nn.Linear(32, 1))
        if name != "random":
            for parameter in model.parameters():
                nn.init.constant_(parameter, 0.0 if name == "zeros" else 0.5)
        loss = train(model, x, y)
        weights = torch.cat([hidden.weight, hidden.bias.unsqueeze(1)], dim=1)  # (units, slope and offset)
        print(f"{name}: {distinct_units(weights)} of 32 units differ after 200 steps, loss {loss:.2f}")
