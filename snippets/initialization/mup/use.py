"""Maximal update parametrization for Adam: the best learning rate hardly depends on the width of the network.

Source: Yang et al., "Tensor Programs V: Tuning Large Neural Networks via Zero-Shot Hyperparameter Transfer", 2022.
"""

import math

import torch
from torch import Tensor, nn


class MuReadout(nn.Linear):
    """Linear layer whose input is multiplied by base_width / in_features; its weights do not shrink with width.

    Args:
        in_features: width of the model.
        out_features: number of outputs, the same at every width.
        base_width: width at which the layer is an ordinary one: that of the small model that is tuned.
    """

    def __init__(self, in_features: int, out_features: int, base_width: int) -> None:
        super().__init__(in_features, out_features)
        self.multiplier = base_width / in_features
        nn.init.normal_(self.weight, std=1 / math.sqrt(base_width))
        nn.init.zeros_(self.bias)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(self.multiplier * x)


def mup_mlp(in_features: int, width: int, out_features: int, base_width: int) -> nn.Sequential:
    """Two hidden layers of ``width`` units with ReLU, and a read-out; (batch, in_features) -> (batch, out_features)."""
    first, hidden = nn.Linear(in_features, width), nn.Linear(width, width)
    for linear in (first, hidden):
        nn.init.kaiming_normal_(linear.weight, nonlinearity="relu")  # variance 2 / fan_in
        nn.init.zeros_(linear.bias)
    return nn.Sequential(first, nn.ReLU(), hidden, nn.ReLU(), MuReadout(width, out_features, base_width))


def mup_parameter_groups(model: nn.Sequential, lr: float, base_width: int) -> list[dict[str, object]]:
    """Groups for Adam: weights between two wide layers learn at lr * base_width / fan_in, everything else at lr."""
    hidden = model[2]
    assert isinstance(hidden, nn.Linear)
    others = [p for p in model.parameters() if p is not hidden.weight]
    return [{"params": [hidden.weight], "lr": lr * base_width / hidden.in_features}, {"params": others, "lr": lr}]


if __name__ == "__main__":
    torch.manual_seed(0)
    x = torch.randn(64, 32)  # (batch, features)
    for width in (64, 1024):
        torch.manual_seed(0)
        model = mup_mlp(32, width, 10, base_width=64)
        optimizer = torch.optim.Adam(mup_parameter_groups(model, lr=1e-3, base_width=64))
        before = model(x).detach()
        for _ in range(3):
            loss = nn.functional.cross_entropy(model(x), torch.arange(64) % 10)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        print(f"width {width}: three steps change the outputs by {(model(x) - before).abs().mean():.1f}")
