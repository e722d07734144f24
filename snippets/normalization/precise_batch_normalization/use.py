"""Statistics of batch normalization computed anew with the final weights, with torch's cumulative average.

Source: Wu and Johnson, "Rethinking 'Batch' in BatchNorm", 2021, section 3
"""

from collections.abc import Collection, Iterable

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm as BatchNorm


@torch.no_grad()
def recompute_bn(model: nn.Module, batches: Iterable[Tensor], skip: Collection[nn.Module] = ()) -> int:
    """Replaces running mean and variance of all batch normalizations by averages over the batches.

    Only these layers are in training mode meanwhile; dropout is off. Modes, momentum and weights stay as they were.

    Args:
        model: called as ``model(batch)``.
        batches: inputs as in training: shuffled, with the training's augmentation, all of one size.
        skip: layers that keep their statistics, such as frozen ones.

    Returns:
        How many batches were used.

    Raises:
        ValueError: when there is no batch; the statistics are lost then.
    """
    layers = [m for m in model.modules() if isinstance(m, BatchNorm) and m.track_running_stats and m not in skip]
    modes = {module: module.training for module in model.modules()}
    momenta = [layer.momentum for layer in layers]
    model.eval()
    for layer in layers:
        layer.train()
        layer.reset_running_stats()
        layer.momentum = None  # None: the plain average of all batches
    count = 0
    try:
        for batch in batches:
            model(batch)
            count += 1
    finally:
        for module, mode in modes.items():
            module.training = mode
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum
    if count == 0:
        raise ValueError("no batch to compute statistics of")
    return count


if __name__ == "__main__":
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Dropout(0.5), nn.Linear(4, 2))
    x = 3 + torch.randn(1000, 8)
    for batch in x[:128].split(32):
        model(batch)
    norm = model[1]
    mean = model[0](x).mean(dim=0)
    print(f"after 4 training steps: {(norm.running_mean / mean).mean().item():.2f} of the mean")
    recompute_bn(model, x.split(100))
    print(f"after recompute_bn:     {(norm.running_mean / mean).mean().item():.2f} of the mean")
