"""Stochastic weight averaging: the mean of the weights over the last epochs, at a constant rate.

Source: Izmailov et al., "Averaging Weights Leads to Wider Optima and Better Generalization", 2018, algorithm 1.
"""

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import SWALR, AveragedModel, update_bn


def train_with_swa(
    model: nn.Module, loader: torch.utils.data.DataLoader, epochs: int = 20, swa_start: int = 10, swa_lr: float = 0.05
) -> AveragedModel:
    """Train, average the weights from epoch ``swa_start`` on, and measure batch norm's statistics for the average.

    Args:
        model: maps a batch of inputs to logits, (batch, classes).
        loader: yields (inputs, labels).
        epochs: passes over the loader.
        swa_start: first epoch whose end is averaged.
        swa_lr: rate of the averaged epochs from the fourth on; higher than a usual last rate, so that the weights move.

    Returns:
        the averaged model, ready for evaluation.
    """
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    averaged = AveragedModel(model)
    scheduler = SWALR(optimizer, swa_lr=swa_lr, anneal_epochs=3)
    for epoch in range(epochs):
        for x, y in loader:
            loss = nn.functional.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        if epoch >= swa_start:
            averaged.update_parameters(model)  # once per epoch
            scheduler.step()
    update_bn(loader, averaged)  # the average has never seen data: its batch norm statistics are not its own
    return averaged.eval()


if __name__ == "__main__":
    torch.manual_seed(0)
    x: Tensor = torch.randn(512, 10)
    y = (x[:, 0] * x[:, 1] > 0).long()
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(x, y), batch_size=64)
    model = nn.Sequential(nn.Linear(10, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 2))
    averaged = train_with_swa(model, loader)
    with torch.no_grad():
        same = all(torch.equal(a, b) for a, b in zip(averaged.module.parameters(), model.parameters(), strict=True))
        accuracy = (averaged(x).argmax(1) == y).double().mean().item()
    print("models averaged:", int(averaged.n_averaged), "- equal to the last one:", same)
    print("training accuracy above 0.8:", accuracy > 0.8)
