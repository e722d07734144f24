"""The moving average by hand, compared with torch's AveragedModel.

Source: Polyak and Juditsky, "Acceleration of Stochastic Approximation by Averaging", 1992 (averaging the iterates).
"""

import copy

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn


class WeightEMA:
    """Moving average of a model's weights; its buffers, such as batch norm's statistics, are the current model's.

    Args:
        model: the model that is trained; copied.
        decay: how much of the average stays at each update, from 0 to 1.

    Raises:
        ValueError: for a decay outside [0, 1].
    """

    def __init__(self, model: nn.Module, decay: float = 0.99) -> None:
        if not 0 <= decay <= 1:
            raise ValueError(f"decay must be from 0 to 1, got {decay}")
        self.model, self.decay, self.count = copy.deepcopy(model), decay, 0

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """``average = decay * average + (1 - decay) * weights``; the first update copies, as torch's does."""
        keep = self.decay if self.count else 0.0
        self.count += 1
        for average, weight in zip(self.model.parameters(), model.parameters(), strict=True):
            average.lerp_(weight, 1 - keep)
        for kept, buffer in zip(self.model.buffers(), model.buffers(), strict=True):
            kept.copy_(buffer)


if __name__ == "__main__":
    torch.manual_seed(0)
    model = nn.Linear(20, 10)
    mine, torchs = WeightEMA(model), AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.99))
    for _ in range(200):
        nn.init.normal_(model.weight)
        mine.update(model)
        torchs.update_parameters(model)
    largest = max(
        (a - b).abs().max().item() for a, b in zip(mine.model.parameters(), torchs.module.parameters(), strict=True)
    )
    print(f"largest difference after 200 updates: below 1e-6 {largest < 1e-6}")
