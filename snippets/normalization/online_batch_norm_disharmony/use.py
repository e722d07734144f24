"""How much larger the variance is that each batch normalization sees in training, because of dropout in front of it.

Source: Li et al., "Understanding the Disharmony between Dropout and Batch Normalization by Variance Shift", 2018
"""

import copy

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm as BatchNorm
from torch.nn.modules.dropout import _DropoutNd as Dropout


@torch.no_grad()
def variance_shift(model: nn.Module, x: Tensor, draws: int = 8) -> dict[str, float]:
    """For each batch normalization the variance of its input with dropout over that without; 1 is no shift.

    Works on a copy, and leaves the random numbers of PyTorch as they were.

    Args:
        model: with dropout layers; functional dropout is not found.
        x: one batch of training inputs, a few hundred if possible.
        draws: how many draws of the dropout masks are averaged.
    """
    # Results of a pass that the model keeps, such as attention, are copied as numbers: deepcopy refuses them.
    results = [v for m in model.modules() for v in vars(m).values() if isinstance(v, Tensor) and not v.is_leaf]
    model = copy.deepcopy(model, {id(v): v.detach().clone() for v in results}).train()
    names: dict[nn.Module, str] = {
        module: name for name, module in model.named_modules() if isinstance(module, BatchNorm)
    }
    seen: dict[str, float] = {}

    def look(module: nn.Module, inputs: tuple[Tensor]) -> None:
        rows = inputs[0].transpose(0, 1).flatten(1).float()  # (channel, batch * space)
        seen[names[module]] = seen.get(names[module], 0.0) + rows.var(dim=1).mean().item()

    for module in names:
        module.register_forward_pre_hook(look)
    with torch.random.fork_rng():
        for _ in range(draws):
            model(x)
        noisy, seen = {name: total / draws for name, total in seen.items()}, {}
        for module in model.modules():
            if isinstance(module, Dropout):
                module.eval()
        model(x)
    return {name: noisy[name] / value for name, value in seen.items()}


if __name__ == "__main__":
    torch.manual_seed(0)
    first = [nn.Linear(64, 128), nn.Dropout(0.5), nn.BatchNorm1d(128), nn.ReLU()]
    second = [nn.Linear(128, 128), nn.BatchNorm1d(128), nn.ReLU(), nn.Dropout(0.5)]
    model = nn.Sequential(*first, *second, nn.Linear(128, 10))
    for name, ratio in variance_shift(model, torch.randn(512, 64)).items():
        print(f"layer {name}: variance in training {ratio:.1f} times that in evaluation")
