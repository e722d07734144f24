"""Discriminative fine-tuning as its paper writes it: SGD in which each layer has a rate, compared with torch's groups.

Source: Howard and Ruder, "Universal Language Model Fine-tuning for Text Classification", 2018
"""

import copy

import torch
from torch import Tensor, nn


def layer_rate(layer: int, layers: int, lr: float = 0.1, decay: float = 1 / 2.6) -> float:
    """Rate of layer number ``layer``, counted from 1 at the input to ``layers`` at the head.

    Raises:
        ValueError: for a layer that does not exist.
    """
    if not 1 <= layer <= layers:
        raise ValueError(f"layer {layer} of {layers}")
    return lr if layer == layers else decay * layer_rate(layer + 1, layers, lr, decay)


@torch.no_grad()
def sgd_step(layers: list[nn.Module], lr: float = 0.1, decay: float = 1 / 2.6) -> None:
    """One update of every layer at its own rate; ``layers`` from the input to the head, gradients in ``grad``."""
    for number, layer in enumerate(layers, start=1):
        for p in layer.parameters():
            if p.grad is not None:
                p.sub_(layer_rate(number, len(layers), lr, decay) * p.grad)


if __name__ == "__main__":
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 3)).double()
    twin = copy.deepcopy(model)
    groups = [{"params": twin[i].parameters(), "lr": 0.1 / 2.6 ** (2 - i // 2)} for i in (0, 2, 4)]
    optimizer = torch.optim.SGD(groups)
    x: Tensor = torch.randn(32, 8, dtype=torch.float64)
    y = torch.randint(3, (32,))
    for _ in range(100):
        for net in (model, twin):
            net.zero_grad()
            nn.functional.cross_entropy(net(x), y).backward()
        sgd_step([model[0], model[2], model[4]])
        optimizer.step()
    pairs = zip(model.parameters(), twin.parameters(), strict=True)
    largest = max((a - b).abs().max().item() for a, b in pairs)
    print("rates, input to head:", " ".join(f"{layer_rate(n, 3):.4f}" for n in (1, 2, 3)))
    print(f"largest difference of a weight after 100 updates: {largest:.12f}")
