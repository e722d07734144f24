"""Count the units that are zero for every input of a whole data set, by ReLU layer.

Source: Lu et al., "Dying ReLU and Initialization: Theory and Numerical Examples", 2019, section 1.
"""

import copy
from collections import Counter
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn


def _copied(model: nn.Module) -> nn.Module:
    """Copy a model; results of a pass that it keeps, such as attention, which deepcopy refuses, as numbers."""
    kept = [v for m in model.modules() for v in vars(m).values()]
    results = [v for v in kept if torch.is_tensor(v) and not v.is_leaf]
    return copy.deepcopy(model, {id(v): v.detach().clone() for v in results})


def dead_units(model: nn.Module, batches: Iterable[Any]) -> dict[str, tuple[int, int]]:
    """Find the units that no input switches on, in a copy of the model in eval mode.

    Args:
        model: with ``nn.ReLU`` modules; stays as it is.
        batches: inputs, such as ``(x for x, y in train_loader)``; the more, the fewer units look dead by chance.

    Returns:
        For each ReLU its number of dead units and of all units; a ReLU that is called several times in a pass has an
        entry for each call. A unit is a channel in convolutions, and a feature of the last axis otherwise (which is
        not right for ``Conv1d``).
    """
    own = _copied(model).eval()
    alive: dict[str, Tensor] = {}
    calls: Counter[str] = Counter()

    def look(name: str, output: Tensor) -> None:
        calls[name] += 1
        name = name if calls[name] == 1 else f"{name}, call {calls[name]}"
        units = output.movedim(1 if output.dim() >= 4 else -1, 0).flatten(1)  # (units, everything else)
        active = (units > 0).any(dim=1)
        alive[name] = alive[name] | active if name in alive else active

    for name, module in own.named_modules():
        if isinstance(module, nn.ReLU):
            module.register_forward_hook(lambda _, __, output, name=name: look(name, output))
    devices = {p.device for p in model.parameters() if p.device.type == "cuda"}
    with torch.random.fork_rng(devices=list(devices)), torch.no_grad():
        for inputs in batches:
            calls.clear()
            own(inputs)
    return {name: (int((~active).sum()), active.numel()) for name, active in alive.items()}


if __name__ == "__main__":
    torch.manual_seed(0)
    first = nn.Linear(64, 64)
    model = nn.Sequential(first, nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    x = torch.randn(1000, 64)
    print("as torch initializes it:", dead_units(model, x.split(100)))
    nn.init.constant_(first.bias, -10.0)
    print("first layer with bias -10:", dead_units(model, x.split(100)))
