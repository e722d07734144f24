"""Batch normalization with the statistics of new, unlabelled data.

Source: Li et al., "Revisiting Batch Normalization For Practical Domain Adaptation", 2016;
Schneider et al., "Improving robustness against common corruptions by covariate shift adaptation", 2020
"""

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm as BatchNorm


@torch.no_grad()
def adapt_bn(model: nn.Module, batches: Sequence[Tensor], source_samples: float = 0.0) -> nn.Module:
    """A copy of the model, in evaluation mode, whose batch normalizations have the statistics of these batches.

    Args:
        model: trained; it stays as it is.
        batches: inputs of the new domain, without labels, with the classes mixed as in use.
        source_samples: for how many samples the old statistics count; 0 replaces them.

    Raises:
        ValueError: when the model has no batch normalization with running statistics.
    """
    # Results of a pass that the model keeps, such as attention, are copied as numbers: deepcopy refuses them.
    results = [v for m in model.modules() for v in vars(m).values() if isinstance(v, Tensor) and not v.is_leaf]
    model = copy.deepcopy(model, {id(v): v.detach().clone() for v in results}).eval()
    layers = [m for m in model.modules() if isinstance(m, BatchNorm) and m.track_running_stats]
    if not layers:
        raise ValueError("the model has no batch normalization: nothing to adapt")
    names = ("running_mean", "running_var")
    old = [([layer.get_buffer(name).clone() for name in names], layer.momentum) for layer in layers]
    for layer in layers:
        layer.train()
        layer.reset_running_stats()
        layer.momentum = None  # the plain average over the batches
    for batch in batches:
        model(batch)
    share = source_samples / (source_samples + sum(len(batch) for batch in batches))
    for layer, (statistics, momentum) in zip(layers, old, strict=True):
        for name, value in zip(names, statistics, strict=True):
            layer.get_buffer(name).lerp_(value, share)
        layer.momentum = momentum
    return model.eval()


if __name__ == "__main__":
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 3))
    x = torch.randn(512, 8)
    for _ in range(100):
        model(x)  # the old domain's statistics
    expected, darker = model.eval()(x), 0.2 * x - 1
    adapted = adapt_bn(model, darker.split(128))
    for name, network in [("old statistics", model), ("adapted", adapted)]:
        print(f"{name}: same answer on {(network(darker).argmax(1) == expected.argmax(1)).float().mean().item():.0%}")
