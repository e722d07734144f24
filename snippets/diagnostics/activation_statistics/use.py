"""Mean, spread and share of zeros of what each layer returns, in the order of the calls.

Source: Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks", 2010, section 3.
"""

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Layer:
    """What one call of one layer returned.

    Args:
        name: of the module, as in ``model.named_modules()``.
        kind: its class.
        mean: of all numbers.
        std: standard deviation of all numbers.
        between: standard deviation between samples, root mean square over units; 0 where all samples look the same.
        zeros: share of numbers that are exactly 0.
    """

    name: str
    kind: str
    mean: float
    std: float
    between: float
    zeros: float


def _copied(model: nn.Module) -> nn.Module:
    """Copy a model; results of a pass that it keeps, such as attention, which deepcopy refuses, as numbers."""
    kept = [v for m in model.modules() for v in vars(m).values()]
    results = [v for v in kept if torch.is_tensor(v) and not v.is_leaf]
    return copy.deepcopy(model, {id(v): v.detach().clone() for v in results})


def activation_statistics(model: nn.Module, inputs: Any) -> list[Layer]:
    """Send one batch through a copy of the model, in the mode in which it is, and look at each layer's output.

    Args:
        model: any module; stays as it is, with its buffers and the random state.
        inputs: a batch of real data, scaled as in training.
    """
    own, layers = _copied(model), []

    def look(name: str, module: nn.Module, output: Any) -> None:
        out = output[0] if isinstance(output, tuple) else output
        if isinstance(out, Tensor) and out.is_floating_point():
            values = out.detach().float()
            between = values.var(dim=0, correction=0).mean().sqrt()
            zeros = (values == 0).float().mean()
            numbers = [number.item() for number in (values.mean(), values.std(correction=0), between, zeros)]
            layers.append(Layer(name, type(module).__name__, *numbers))

    for name, module in own.named_modules():
        if not any(True for _ in module.children()):
            module.register_forward_hook(lambda module, _, output, name=name: look(name, module, output))
    devices = sorted({p.device.index for p in model.parameters() if p.device.type == "cuda"})
    with torch.random.fork_rng(devices=devices), torch.no_grad():
        own(inputs.clone() if isinstance(inputs, Tensor) else inputs)  # a layer in place would change it
    return layers


if __name__ == "__main__":
    torch.manual_seed(0)
    model = nn.Sequential(*(part for _ in range(4) for part in (nn.Linear(64, 64), nn.ReLU())), nn.Linear(64, 10))
    for layer in activation_statistics(model, torch.randn(256, 64)):
        if layer.kind == "Linear":
            print(f"{layer.name}  mean {layer.mean:5.2f}  std {layer.std:.3f}  between samples {layer.between:.3f}")
