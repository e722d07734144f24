"""Layer-wise learning-rate decay: the head at the full rate, each layer below it at a fraction of the one above.

Source: Howard and Ruder, "Universal Language Model Fine-tuning for Text Classification", 2018
"""

from collections.abc import Sequence

import torch
from torch import nn


def layer_groups(
    model: nn.Module, layers: Sequence[Sequence[str]], lr: float, decay: float = 0.75, weight_decay: float = 0.05
) -> list[dict]:
    """Parameter groups for any optimizer, from the input to the head.

    Args:
        model: its parameters with ``requires_grad`` are grouped, each once.
        layers: for each layer, the input first and the head last, the names of its modules or parameters.
        lr: rate of the last layer.
        decay: rate of a layer divided by that of the one above it; 1 for one rate, 1 / 2.6 in the paper.
        weight_decay: of matrices and kernels; vectors (biases, norms) get none.

    Returns:
        one or two groups for each layer that has trained parameters; all have ``lr``, ``weight_decay`` and ``layer``.

    Raises:
        ValueError: when a trained parameter belongs to no layer or to two, or a name to no parameter.
    """
    parameters = dict(model.named_parameters())
    owners: dict[str, list[int]] = {name: [] for name in parameters}
    for layer, names in enumerate(layers):
        for part in names:
            found = [name for name in parameters if name == part or name.startswith(part + ".")]
            if not found:
                raise ValueError(f"no parameter is called {part!r} or {part + '.'}...")
            for name in found:
                owners[name].append(layer)
    groups: dict[tuple[int, bool], dict] = {}
    for name, p in parameters.items():
        if not p.requires_grad:
            continue
        if len(owners[name]) != 1:
            raise ValueError(f"{name} is in {len(owners[name])} layers, must be in one")
        layer, decays = owners[name][0], p.dim() >= 2
        settings = {
            "params": [],
            "lr": lr * decay ** (len(layers) - 1 - layer),
            "weight_decay": weight_decay if decays else 0.0,
            "layer": layer,
        }
        groups.setdefault((layer, decays), settings)["params"].append(p)
    return [groups[key] for key in sorted(groups)]


if __name__ == "__main__":
    torch.manual_seed(0)
    model = nn.Sequential()
    model.add_module("embedding", nn.Embedding(100, 32))
    for block in range(3):
        model.add_module(f"block{block}", nn.TransformerEncoderLayer(32, 4, 64, batch_first=True))
    model.add_module("norm", nn.LayerNorm(32))
    model.add_module("head", nn.Linear(32, 5))

    layers = [["embedding"], ["block0"], ["block1"], ["block2"], ["norm", "head"]]
    optimizer = torch.optim.AdamW(layer_groups(model, layers, lr=1e-3, decay=0.5))
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / 100)  # multiplies every group
    x, y = torch.randint(100, (8, 16)), torch.randint(5, (8,))
    for _ in range(50):
        loss = nn.functional.cross_entropy(model(x).mean(1), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
    start = {group["layer"]: group["initial_lr"] for group in optimizer.param_groups}
    now = {group["layer"]: group["lr"] for group in optimizer.param_groups}
    print("rates, input to head:", " ".join(f"{rate:.6f}" for rate in start.values()))
    print("after 50 of 100:     ", " ".join(f"{rate:.6f}" for rate in now.values()))
    held = sum(len(group["params"]) for group in optimizer.param_groups)
    print(f"groups {len(optimizer.param_groups)}, parameters {held} of {len(list(model.parameters()))}")
