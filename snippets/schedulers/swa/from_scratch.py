"""The running mean of weights by hand, compared with torch's AveragedModel.

Source: Izmailov et al., "Averaging Weights Leads to Wider Optima and Better Generalization", 2018, algorithm 1.
"""

import copy

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel


class WeightMean:
    """Arithmetic mean of the weights of several states of one model.

    Args:
        model: the model; its weights now do not count, only those given to ``update``.
    """

    def __init__(self, model: nn.Module) -> None:
        self.model = copy.deepcopy(model)
        self.count = 0

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Take the model's weights into the mean: ``mean += (weights - mean) / count``."""
        self.count += 1
        for mean, weight in zip(self.model.parameters(), model.parameters(), strict=True):
            mean.add_((weight - mean) / self.count)


if __name__ == "__main__":
    torch.manual_seed(0)
    model = nn.Linear(20, 10)
    mine, torchs = WeightMean(model), AveragedModel(model)
    for _ in range(50):
        nn.init.normal_(model.weight)
        mine.update(model)
        torchs.update_parameters(model)
    pairs = zip(mine.model.parameters(), torchs.module.parameters(), strict=True)
    largest = max((a - b).abs().max().item() for a, b in pairs)
    print(f"largest difference after 50 models: below 1e-6 {largest < 1e-6}")
