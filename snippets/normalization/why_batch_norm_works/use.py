"""Which weights of a network have no scale, because a normalization follows, and how fast they really turn.

Source: van Laarhoven, "L2 Regularization versus Batch and Weight Normalization", 2017
"""

import copy

import torch
from torch import Tensor, nn


@torch.no_grad()
def weights_without_scale(model: nn.Module, x: Tensor) -> dict[str, float]:
    """Weights whose doubling leaves the outputs in training mode as they are, with 1 / (mean square norm of a row).

    Times the learning rate of SGD that number is their effective learning rate: a step turns them in proportion to it.
    Works on a copy; draws no random numbers of yours.

    Args:
        model: any network without dropout, or with its rate at 0.
        x: one batch, as in training.
    """
    # Results of a pass that the model keeps, such as attention, are copied as numbers: deepcopy refuses them.
    results = [v for m in model.modules() for v in vars(m).values() if isinstance(v, Tensor) and not v.is_leaf]
    model = copy.deepcopy(model, {id(v): v.detach().clone() for v in results}).train()
    before = model(x)
    found = {}
    for name, weight in model.named_parameters():
        if weight.dim() < 2:
            continue
        weight.mul_(2)
        after = model(x)
        weight.div_(2)
        if torch.allclose(after, before, rtol=1e-2, atol=1e-2 * before.abs().max().item()):
            found[name] = 1 / weight.flatten(1).square().sum(dim=1).mean().item()
    return found


if __name__ == "__main__":
    torch.manual_seed(0)
    first = [nn.Linear(64, 32), nn.BatchNorm1d(32), nn.ReLU()]
    model = nn.Sequential(*first, nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 10))
    for name, factor in weights_without_scale(model, torch.randn(128, 64)).items():
        print(f"{name}: effective learning rate is {factor:.1f} times lr")
