"""Training with batch normalization left as it is: to be called in place of ``model.train()``.

Source: Wu and Johnson, "Rethinking 'Batch' in BatchNorm", 2021.
"""

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


def train_with_frozen_norms(model: nn.Module, train_affine: bool = False) -> int:
    """Training mode for all of the model but its batch normalizations; returns how many of those there are.

    Call it wherever ``model.train()`` stood, for that would set the layers to training mode again.

    Args:
        model: any module; BatchNorm1d to 3d and SyncBatchNorm are found.
        train_affine: whether weight and bias of these layers still learn.
    """
    model.train()
    norms = [module for module in model.modules() if isinstance(module, _BatchNorm)]
    for norm in norms:
        norm.eval()
        norm.requires_grad_(train_affine)
    return len(norms)


if __name__ == "__main__":
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.LazyLinear(2))
    x, y = torch.rand(2, 3, 8, 8), torch.tensor([0, 1])
    model(x)  # what pre-training does
    before = {name: value.clone() for name, value in model[1].state_dict().items()}
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.1)
    for _ in range(5):
        frozen = train_with_frozen_norms(model)
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
    print(f"batch normalizations frozen: {frozen}")
    same = all(torch.equal(value, before[name]) for name, value in model[1].state_dict().items())
    print(f"weight, bias and statistics after five steps are as before: {same}")
