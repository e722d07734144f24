"""Early stopping with patience: when to end the training, and the weights of the best epoch back at the end.

Source: Prechelt, "Early Stopping - But When?", 1998.
"""

import math
from typing import Any

import torch
from torch import nn


class EarlyStopping:
    """Remembers the best value of a metric and the weights that had it; says when it has not improved for too long.

    Args:
        model: whose weights and buffers are copied at each improvement.
        patience: epochs without improvement after which to stop.
        min_delta: by how much a value must be better to count as an improvement.
        mode: "min" for a loss, "max" for an accuracy.

    Raises:
        ValueError: for a patience below 1 or an unknown mode.
    """

    def __init__(self, model: nn.Module, patience: int = 10, min_delta: float = 0.0, mode: str = "min") -> None:
        if patience < 1 or mode not in ("min", "max"):
            raise ValueError(f"needs patience >= 1 and mode 'min' or 'max': {patience}, {mode!r}")
        self.model, self.patience, self.min_delta, self.sign = model, patience, min_delta, 1 if mode == "min" else -1
        self.best, self.best_epoch, self.epoch = math.inf * self.sign, -1, -1
        self.weights: dict[str, Any] = {}

    def __call__(self, value: float) -> bool:
        """Take in an epoch's metric; true when it is time to stop. NaN is no improvement."""
        self.epoch += 1
        if self.sign * value < self.sign * self.best - self.min_delta:
            self.best, self.best_epoch = value, self.epoch
            self.weights = {name: tensor.clone() for name, tensor in self.model.state_dict().items()}
        return self.epoch - self.best_epoch >= self.patience

    def restore(self) -> None:
        """Put the weights and buffers of the best epoch back into the model, if there was one."""
        if self.weights:
            self.model.load_state_dict(self.weights)

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint needs to go on waiting where it was."""
        return {name: getattr(self, name) for name in ("best", "best_epoch", "epoch", "weights")}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The state of ``state_dict``."""
        self.__dict__.update(state)


if __name__ == "__main__":
    torch.manual_seed(0)
    x, y = torch.randn(300, 20), torch.randint(2, (300,))
    y[:150] = (x[:150, 0] > 0).long()  # half of the labels can be learned
    order = torch.randperm(300)
    train, val = order[:200], order[200:]
    model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 2))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    stopping = EarlyStopping(model, patience=5)
    for _ in range(200):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x[train]), y[train]).backward()
        optimizer.step()
        with torch.no_grad():
            if stopping(nn.functional.cross_entropy(model(x[val]), y[val]).item()):
                break
    stopping.restore()
    print(f"stopped at epoch {stopping.epoch} of 200, best epoch {stopping.best_epoch}")
    print(f"validation loss of the restored model: {nn.functional.cross_entropy(model(x[val]), y[val]).item():.3f}")
