"""Parameter groups: weight decay for matrices alone, and a check that the optimizer holds every trained parameter.

Source: torch.optim.Optimizer, PyTorch 2.x
"""

from collections.abc import Iterable

import torch
from torch import nn


def decay_groups(model: nn.Module, weight_decay: float = 0.05, without: Iterable[str] = ()) -> list[dict]:
    """Two groups: what has two dimensions or more decays; vectors, such as gains of norms, and biases do not.

    Args:
        model: its parameters with ``requires_grad`` are grouped, each once, shared ones too.
        weight_decay: of the first group.
        without: names of further parameters that shall not decay, such as ``"class_token"``.

    Raises:
        ValueError: when a name in ``without`` is no parameter of the model.
    """
    trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
    names = set(without)
    if unknown := names - {name for name, _ in model.named_parameters()}:
        raise ValueError(f"no parameters of the model: {sorted(unknown)}")
    decays = {name: p.dim() >= 2 and not name.endswith("bias") and name not in names for name, p in trained.items()}
    return [
        {"params": [p for name, p in trained.items() if decays[name]], "weight_decay": weight_decay},
        {"params": [p for name, p in trained.items() if not decays[name]], "weight_decay": 0.0},
    ]


def forgotten(model: nn.Module, optimizer: torch.optim.Optimizer) -> list[str]:
    """Names of the trained parameters that the optimizer does not hold, and so never changes."""
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    return [name for name, p in model.named_parameters() if p.requires_grad and id(p) not in held]


if __name__ == "__main__":
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.Flatten(), nn.Linear(288, 32), nn.LayerNorm(32))
    optimizer = torch.optim.AdamW(decay_groups(model), lr=1e-3)
    for group in optimizer.param_groups:
        print(f"weight decay {group['weight_decay']}: {[tuple(p.shape) for p in group['params']]}")
    model.append(nn.Linear(32, 10))  # a new head, after the optimizer was made
    print("forgotten:", forgotten(model, optimizer))
    for group in decay_groups(model[-1]):
        optimizer.add_param_group(group | {"lr": 1e-2})
    print(f"groups: {len(optimizer.param_groups)}, forgotten: {forgotten(model, optimizer)}")
